"""A first study.toml from logs: every guess is a comment in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from cptlaw import toml_text
from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.text import short
from cptlaw.studies.bases import bases_first
from cptlaw.studies.faults import faults_of, good_part, other_names, repeated, swapped, the_same
from cptlaw.studies.runs import UNKNOWN, Data, Run
from cptlaw.studies.study_file import columns, guesses
from cptlaw.studies.study_file.columns import ASK
from cptlaw.studies.study_file.lineage import Link, links
from cptlaw.studies.study_file.numbering import FAR, logged_steps, spacing
from cptlaw.studies.study_file.trained import UNANSWERED, seems_trained
from cptlaw.studies.study_file.writing import domains_table

_TODO = "TODO: warmup STEPS to LR | constant STEPS | linear STEPS to LR"
_REPLAY = (
    "Logs do not tell the share of D_pt in the CPT data: every CPT run is taken as pure D_cpt. "
    "Where D_pt was mixed in, set replay."
)


@dataclass(frozen=True)
class Draft:
    """The text of a study file, every guess in it as a sentence, and what it asks.

    Args:
        text: of the study file.
        notes: every guess.
        asks: runs of which nobody knows what they go on from; the study cannot be fitted until
            that is said.
    """

    text: str
    notes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """One log on its way to a [[run]]."""

    name: str
    path: str
    log: Run
    link: Link
    data: Data


def draft(
    logs: Sequence[Run],
    paths: Sequence[str],
    unknown: str | None = None,
    pt: str | None = None,
    cpt: str | None = None,
    schedule: str | None = None,
    logging_steps: int | None = None,
) -> Draft:
    """Write a study file for logs, guessing bases, domains and starts.

    Args:
        logs: as read, steps as logged.
        paths: what to write as the path of each.
        unknown: name of the open model that every log without a base goes on from.
        pt: the column of D_pt, if known.
        cpt: the column of D_cpt, if known.
        schedule: the schedule text for the logs that hold no learning rate.
        logging_steps: what was said of the steps between the rows of printed dicts.

    Raises:
        DataError: no logs, a log without losses, a column that no log has, a bad schedule text.
    """
    _check(logs, paths, unknown, schedule)
    every, logs = logs, columns.certain(logs, (pt, cpt))
    good = [good_part(log) for log in logs]
    starts = links(logs)
    data = guesses.data_of(good, starts, unknown, pt, cpt)
    roles = guesses.roles(good, starts, data, pt, cpt)
    names = _names(logs, paths)
    parts = [_Part(*each) for each in zip(names, paths, logs, starts, data, strict=True)]
    domains = [*domains_table(roles.domains, roles.why), *columns.asked(every)]
    blocks, notes = [domains], [*roles.notes]
    notes += [f"{role} = '{roles.domains[role]}': {why}." for role, why in roles.why.items()]
    by_name = {part.name: part for part in parts}
    after = {p.name: None if p.link.after is None else names[p.link.after] for p in parts}
    asks: list[str] = []
    for part in map(by_name.__getitem__, bases_first(after)):
        why = _asked(part, parts) if unknown is None else None
        asks += [part.name] if why else []
        lines, told = _run(part, parts, unknown, schedule, why)
        if logging_steps is not None and any("logging_steps =" in n for n in part.log.notes):
            lines.append(f"logging_steps = {logging_steps}")
        blocks.append(lines)
        notes += [f"{part.name}: {sentence}" for sentence in told]
    said = [*_bad_data(parts, unknown, pt, cpt), *([_REPLAY] if "cpt" in data else [])]
    said += other_names(roles.domains, [replace(part.log, name=part.name) for part in parts])
    said += [] if unknown is None else _of_open_model(unknown, roles.domains)
    notes += said
    head = ["# A first study. The comments tell what was guessed: check them."]
    told = (*roles.notes, *said, *columns.told(logs))
    head += [line for note in told for line in toml_text.comment(note)]
    text = "\n\n".join("\n".join(block) for block in [head, *blocks]) + "\n"
    return Draft(text, tuple(notes), tuple(asks))


def _asked(part: _Part, parts: Sequence[_Part]) -> str | None:
    """Why a run without a base is taken for one that has one."""
    alone = part.link.after is None and all(p.link.after != parts.index(part) for p in parts)
    return seems_trained(good_part(part.log)) if alone else None


def _of_open_model(name: str, domains: Mapping[str, str]) -> list[str]:
    """What more would tell of runs that go on from an open model."""
    found = [
        f"Is the schedule of {name}'s pre-training public? Then make {name} a run with that "
        f'schedule and no log, and write after = "{name}" in the others: more can be forecast.'
    ]
    if "pt" not in domains:
        found.append(
            "No column measures D_pt. To see what is forgotten, evaluate on a general text set "
            "(C4, FineWeb), which stands for the data of the pre-training, and name its loss pt."
        )
    return found


def _bad_data(
    parts: Sequence[_Part], unknown: str | None, pt: str | None, cpt: str | None
) -> list[str]:
    """What is wrong with the logs, a sentence each; `fit` leaves out what is plainly no good."""
    found = [f"'{p.name}': {fault.sentence}." for p in parts for fault in faults_of(p.log)]
    own = [replace(part.log, name=part.name) for part in parts]
    base = {p.name: None if p.link.after is None else parts[p.link.after].name for p in parts}
    for twin, again in repeated(own).items():
        mine = [run for run in again if base[twin] != run.name]
        found += [f"{the_same(twin, mine)}; it counts once."] if mine else []
    if pt is not None and cpt is not None:
        logs, starts = [good_part(part.log) for part in parts], [part.link for part in parts]
        data = guesses.data_of(logs, starts, unknown, cpt, pt)  # as they would be, if swapped
        moved = [guesses.changes(logs[i], starts[i], logs) for i in range(len(logs))]
        ends = {
            part.name: (float(change[pt][-1]), float(change[cpt][-1]))
            for part, kind, change in zip(parts, data, moved, strict=True)
            if kind == "cpt" and {pt, cpt} <= set(change)
        }
        found += swapped(pt, cpt, ends)
    return [f"Bad data: {sentence}" for sentence in found]


def _check(
    logs: Sequence[Run], paths: Sequence[str], unknown: str | None, schedule: str | None
) -> None:
    if not logs:
        raise DataError("no logs were given; name at least one.")
    if len(logs) != len(paths):
        raise DataError(f"{len(logs)} logs for {len(paths)} paths.")
    for log, path in zip(logs, paths, strict=True):
        if not log.curves:
            raise DataError(f"{path}: the log holds no loss, so a study cannot use it.")
        if not path.isprintable():
            raise DataError(f"{path!r}: a study file cannot hold this path. Rename the log.")
    if unknown is not None and not unknown.strip():
        raise DataError("the open model needs a name, such as llama.")
    if schedule is not None:
        Schedule.parse(schedule, 0.0)


def _names(logs: Sequence[Run], paths: Sequence[str]) -> list[str]:
    """Each log's stem; its folder where stems clash; numbered where that clashes too."""
    full = [PurePath(log.origin or path) for log, path in zip(logs, paths, strict=True)]
    stems = [
        path.partition("::")[2] or PurePath(path).stem or place.stem
        for path, place in zip(paths, full, strict=True)
    ]
    clashes = Counter(stems)
    names = [
        _folder(place) or stem if clashes[stem] > 1 else stem
        for stem, place in zip(stems, full, strict=True)
    ]
    taken: Counter[str] = Counter()
    for i, name in enumerate(names):
        taken[name] += 1
        while taken[name] > 1 and f"{name}-{taken[name]}" in names:
            taken[name] += 1
        names[i] = name if taken[name] == 1 else f"{name}-{taken[name]}"
    return names


def _folder(path: PurePath) -> str:
    """The folder that names a run; checkpoint-1000 and the like do not."""
    parts = [p for p in path.parent.parts if not re.fullmatch(r"checkpoint-\d+|logs?|[./\\]*", p)]
    return parts[-1] if parts else ""


def _run(
    part: _Part,
    parts: Sequence[_Part],
    unknown: str | None,
    schedule: str | None,
    why: str | None,
) -> tuple[list[str], list[str]]:
    """The lines of a [[run]], and what was guessed; `why` it is asked what it goes on from."""
    lines, notes = _start(part, parts, unknown) if why is None else _question(part, why)
    rates, told = _rates(part, schedule)
    named = toml_text.pairs({"name": part.name, "log": part.path})
    lines = [toml_text.header("run", many=True), *named, *lines]
    if part.data == "cpt":
        lines.append("# replay = 0.0  # share of D_pt in its data; logs do not tell it")
    lines += columns.asked_of_steps(part.log)
    moved, found = _optimization(part, from_scratch=part.link.after is None and unknown is None)
    return [*lines, *rates, *moved], [*notes, *told, *found]


def _optimization(part: _Part, from_scratch: bool) -> tuple[list[str], list[str]]:
    """What files beside the log say of the optimizer, and from which they are."""
    keys = ("optimizer", "weight_decay", *(("init_std",) if from_scratch else ()))
    found = {key: getattr(part.log, key) for key in keys}
    told = [note for note in part.log.notes if re.search(" (beside|in) the log ", note)]
    comments = [line for note in told for line in toml_text.comment(note)]
    return [*comments, *toml_text.pairs(found)], told


def _start(part: _Part, parts: Sequence[_Part], unknown: str | None) -> tuple[list[str], list[str]]:
    link, first = part.link, int(logged_steps(part.log)[0])
    if link.after is None:
        return _open_model(part, unknown) if unknown is not None else _root(part, len(parts))
    base = parts[link.after]
    told = f"goes on from '{base.name}' at its log's step {link.at}, since {link.why}."
    begins = toml_text.pairs({"after": base.name, "after_step": link.at})
    lines = [*toml_text.comment(told), *begins]
    if first != link.number and (link.number or link.at - base.link.number <= first):
        lines.append(f"first_step = {link.number}")
    if part.data == "pt":
        kind = "pre-training data, since no loss rises as new data would make it rise."
        return [*lines, *toml_text.comment(kind), 'data = "pt"'], [told, kind]
    kind = "CPT data: its losses come apart, or its base trains on CPT data already."
    return [*lines, *toml_text.comment(kind)], [told, kind]


def _question(part: _Part, why: str) -> tuple[list[str], list[str]]:
    """The lines of a run that was trained before, of which nobody said on what."""
    told = (
        f"{ASK} what does it go on from? {why[0].upper()}{why[1:]}. If it continues an open model, "
        "run init again with --unknown NAME, NAME being what you call that model. If it continues "
        "a run of yours, run init again with that log too. If it is training "
        "from scratch all the same, take the next line away."
    )
    return [*toml_text.comment(told), *toml_text.pairs({"after": UNANSWERED})], [told]


def _root(part: _Part, count: int) -> tuple[list[str], list[str]]:
    steps = logged_steps(part.log)
    comes_apart = guesses.comes_apart(part.log)
    told = "taken as a run from scratch"
    told += ": nothing shows that it goes on from another log." if count > 1 else "."
    far = steps[0] > FAR * spacing(steps)
    if far:
        told += f" Its log begins at step {steps[0]}."
    if comes_apart:
        told += " But its losses come apart, as they do on new data."
    if far or comes_apart or count == 1:
        told += (
            " If it continues an open model, run init again with --unknown NAME (it writes "
            f'after = "{UNKNOWN}NAME", and pt and cpt as domains).'
        )
    return toml_text.comment(told), [told]


def _open_model(part: _Part, unknown: str) -> tuple[list[str], list[str]]:
    """The lines of a run that goes on from a model whose pre-training nobody knows."""
    lines = toml_text.pairs({"after": UNKNOWN + unknown})
    steps, logged = logged_steps(part.log), part.log.logged_lr
    if steps.size < 2 or steps[0] <= FAR * spacing(steps):
        return lines, []
    before_training = logged is None or logged.steps[0] > steps[0]
    start = int(steps[0]) if before_training else max(0, int(steps[0]) - spacing(steps))
    told = (
        f"its log begins at step {steps[0]}: taken to go on from the open model's step numbers, "
        f"and to start at {start}."
    )
    return [*lines, *toml_text.comment(told), f"first_step = {start}"], [told]


def _rates(part: _Part, schedule: str | None) -> tuple[list[str], list[str]]:
    """Where the learning rate comes from: a file beside the log, the log, or a text."""
    origin = Path(part.log.origin)
    beside = origin.with_name(origin.stem + ".lrs.json") if origin.name else None
    if beside is not None and origin.is_file() and beside.is_file():
        path = PurePath(part.path).with_name(beside.name).as_posix()
        told = f"the learning rates come from {path}, beside the log."
        return [*toml_text.comment(told), *toml_text.pairs({"lrs": path})], [told]
    if part.log.logged_lr is not None:
        return _recognised(part)
    if part.log.lr_groups and schedule is None:
        of = ", ".join(part.log.lr_groups)
        told = f"its log has different learning rates of several groups of parameters: {of}."
        ask = f"{ASK} which is the run's? I{told[1:]} Name it here and take away the #:"
        (line,) = toml_text.pairs({"lr_column": part.log.lr_groups[0]})
        return [*toml_text.comment(ask), f"# {line}"], [told]
    if schedule is not None:
        told = "its log has no learning rate; schedule used."
        return [*toml_text.comment(told), *toml_text.pairs({"schedule": schedule})], [told]
    told = (
        "its log has no learning rate. Fill in the schedule line of its [[run]] and take away "
        f"the #: {logged_steps(part.log)[-1] - part.link.number} steps or more, such as "
        "warmup 500 to 2e-4 | constant 30000."
    )
    return [*toml_text.comment(told), f"# schedule = {toml_text.value(_TODO)}"], [told]


def _recognised(part: _Part) -> tuple[list[str], list[str]]:
    """The schedule of the logged learning rates as a comment; the log holds."""
    assert part.log.logged_lr is not None
    found = part.log.logged_lr.recognised(part.link.number)
    if found is None:
        return [], []
    length = int(logged_steps(part.log)[-1]) - part.link.number
    text = found.through(max(length, 1)).text
    told = (
        f"its logged learning rates are those of a schedule ({found.precision}). Straight lines "
        "between them are used; take away the # to use the schedule at the steps that were not "
        "logged."
    )
    line = f"# schedule = {toml_text.value(short(text))}"
    return [*toml_text.comment(told), line], [told]
