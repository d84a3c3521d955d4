"""What is wrong with the data of a study, and the study without it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from cptlaw.errors import DataError
from cptlaw.studies.bases import bases_first
from cptlaw.studies.faults.of_run import Fault, Kind, faults_of
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study

_SAME = 6e-5  # nats: the same losses, one of them written with four decimals
_FEWEST = 3  # points that two runs share before they are called one
SWAPPED = "the domains look swapped"
"""What the sentence on swapped domains begins with."""
_CLEAR = 0.01  # of the loss at transfer: a rise or fall that is no noise


def sound(study: Study, keep: Iterable[str] = ()) -> Study:
    """The study without bad data, and in `faults` a sentence on each.

    What a sound study has left out stays out: to do it twice is to do it once.

    Args:
        study: as it was read.
        keep: runs whose losses are fitted whatever looks wrong with them.

    Raises:
        DataError: a run to keep that there is not, or nothing is left of a domain.
    """
    kept = {study.run(name).name for name in keep}
    runs = {run.name: replace(run, keep=run.keep or run.name in kept) for run in study.runs}
    told = [*other_names(study.domains, study.runs)]
    told += [*_without_lr(study, runs), *_not_in_nats(study, runs)]
    for name in bases_first({run.name: _base(run) for run in study.runs}):
        runs[name], said = _mended(study, runs, name)
        told += said
    left, said = _each_once([runs[run.name] for run in study.runs])
    told += [*said, *_swapped(study, left)]
    _something_left(study, left, told)
    heads = {sentence.partition(":")[0] for sentence in study.faults}
    new = [sentence for sentence in told if sentence.partition(":")[0] not in heads]
    return replace(study, runs=tuple(left), faults=(*study.faults, *new))


def _base(run: Run) -> str | None:
    return None if run.unknown_base is not None else run.after


def _keep(name: str) -> str:
    return f"--keep {shlex.quote(name)} fits it"


# --- all runs at once -------------------------------------------------------------------------


def other_names(domains: Mapping[str, str], runs: Iterable[Run]) -> list[str]:
    """A sentence on the logs of other columns than those that are fitted.

    Args:
        domains: role -> column.
        runs: as they were read.
    """
    wanted = set(domains.values())
    logged = [run for run in runs if run.curves]
    others = [run for run in logged if not wanted & run.curves.keys()]
    if not others or len(others) == len(logged):
        return []
    columns = dict.fromkeys(name for run in others for name in run.curves)
    whose = "the logs have" if len(others) > 1 else "its log has"
    they = "they are" if len(others) > 1 else "it is"
    return [
        f"run {quoted(run.name for run in others)}: {whose} no column of [domains] "
        f"({quoted(dict.fromkeys(domains.values()))}), only {quoted(columns)}, so {they} not "
        "fitted. Give the same losses the same name in all logs (cptlaw read LOG -o log.csv "
        "writes a CSV to edit)."
    ]


def _without_lr(study: Study, runs: dict[str, Run]) -> list[str]:
    """Take out the runs of no learning rate, and what goes on from them."""
    still = [(run, fault) for run in runs.values() if not run.keep for fault in _of(run, "no LR")]
    if not still:
        return []
    zero = [run.name for run, _ in still]
    out = set(zero)
    for name in bases_first({run.name: _base(run) for run in study.runs}):
        if name in out or (_base(runs[name]) in out and not runs[name].keep):
            out.add(name)
            runs[name] = replace(runs[name], curves={})
    first, fault = still[0]
    others = f", and so in {quoted(zero[1:])}" if zero[1:] else ""
    return [
        f"run '{first.name}': {fault.sentence}{others}; left out, with what goes on from there. "
        f'Give schedule = "..." in the study.'
    ]


def _not_in_nats(study: Study, runs: dict[str, Run]) -> list[str]:
    """Take out columns of domains that are no losses in nats."""
    used = set(study.domains.values())
    odd = [(r, f) for r in runs.values() if not r.keep for f in _of(r, "perplexity")]
    odd = [(run, fault) for run, fault in odd if used & set(fault.columns)]
    if not odd:
        return []
    columns = {column for _, fault in odd for column in fault.columns}
    for name, run in runs.items():
        if not run.keep:
            left = {n: c for n, c in run.curves.items() if n not in columns}
            runs[name] = replace(run, curves=left)
    first, fault = odd[0]
    return [f"run '{first.name}': {fault.sentence}; left out in every run ({_keep(first.name)})."]


def _of(run: Run, kind: Kind) -> list[Fault]:
    return [fault for fault in faults_of(run) if fault.kind == kind]


# --- one run ----------------------------------------------------------------------------------


def _mended(study: Study, runs: dict[str, Run], name: str) -> tuple[Run, list[str]]:
    """A run without its bad data, after those it goes on from; and what is said of it."""
    run = runs[name]
    if run.keep or not run.curves:
        return run, []
    base = runs.get(_base(run) or "")
    if base is not None and _spoiled(run, base):
        words = f"run '{name}': goes on from '{base.name}' after that diverged; left out"
        return replace(run, curves={}), [f"{words} ({_keep(name)})."]
    told: list[str] = []
    columns = set(study.domains.values())
    used = {n: c for n, c in run.curves.items() if n in columns}
    others = {n: c for n, c in run.curves.items() if n not in columns}
    for fault in faults_of(run):
        if fault.kind in ("diverged", "jump") and set(fault.columns) & set(used):
            if fault.kind == "diverged":
                run = replace(run, diverged=fault.first)
            leads_on = any(_base(r) == name for r in study.runs)
            used, what = _without(fault, used, leads_on, run.first_step)
            told.append(f"run '{name}': {fault.sentence}; {what} ({_keep(name)}).")
    return replace(run, curves={**used, **others} if used else {}), told


def _spoiled(run: Run, base: Run) -> bool:
    """Whether a run starts where its base has diverged."""
    start = base.steps if run.after_step is None else run.after_step
    return base.diverged is not None and not base.keep and start >= base.diverged


def _without(
    fault: Fault, used: dict[str, Curve], leads_on: bool, number: int
) -> tuple[dict[str, Curve], str]:
    """The curves that a fault leaves, and in words what was left out.

    A run that diverged is left out whole, since it had begun to before anyone saw it; one that
    others go on from keeps its beginning.
    """
    if fault.first is None or (fault.kind == "diverged" and not leads_on):
        return {n: c for n, c in used.items() if n not in fault.columns}, "left out"
    left: dict[str, Curve] = {}
    for name, curve in used.items():
        good = fault.good(curve.steps) if name in fault.columns else np.ones(len(curve), bool)
        if good.any():
            left[name] = curve.only(good)
    until = "on" if fault.last is None else f"to {fault.last + number}"
    return left, f"left out from step {fault.first + number} {until}"


# --- several ----------------------------------------------------------------------------------


def _each_once(runs: list[Run]) -> tuple[list[Run], list[str]]:
    """Runs that have the points of another one lose theirs."""
    again = {twin: [r for r in mine if not r.keep] for twin, mine in repeated(runs).items()}
    out = {run.name for mine in again.values() for run in mine}
    left = [replace(run, curves={}) if run.name in out else run for run in runs]
    return left, [
        f"{the_same(twin, mine)}; counted once ({_keep(mine[0].name)})."
        for twin, mine in again.items()
        if mine
    ]


def repeated(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """By the name of a run, the others that are all or part of it again."""
    found: dict[str, list[Run]] = {}
    out = set[int]()
    for i, run in enumerate(runs):
        for j, other in enumerate(runs):
            if i != j and j not in out and _within(run, other) and (j < i or _longer(other, run)):
                found.setdefault(other.name, []).append(run)
                out.add(i)
                break
    return found


def _longer(run: Run, other: Run) -> bool:
    return sum(map(len, run.curves.values())) > sum(map(len, other.curves.values()))


def the_same(name: str, again: Sequence[Run]) -> str:
    """A sentence, without its end, on runs that are `name` again."""
    one = len(again) == 1
    last = max(int(curve.steps[-1]) for run in again for curve in run.curves.values())
    last += again[0].first_step
    return (
        f"run{'' if one else 's'} {quoted(run.name for run in again)}: {'is' if one else 'are'} "
        f"'{name}' again, with the same losses up to step {last}"
    )


def _within(run: Run, other: Run) -> bool:
    """Whether all points of a run, of the same batch, are points of another one."""
    if not run.curves or not set(run.curves) <= set(other.curves):
        return False
    if run.batch_label != other.batch_label:
        return False
    for name, curve in run.curves.items():
        _, i, j = np.intersect1d(curve.steps, other.curves[name].steps, return_indices=True)
        if i.size < max(_FEWEST, len(curve)):
            return False
        if not np.allclose(curve.loss[i], other.curves[name].loss[j], rtol=0, atol=_SAME):
            return False
    return True


def _swapped(study: Study, runs: list[Run]) -> list[str]:
    """Whether the loss on D_cpt rises and that on D_pt falls along the CPT runs."""
    pt, cpt = (study.domains.get(role) for role in ("pt", "cpt"))
    if pt is None or cpt is None:
        return []
    changes = {
        run.name: (a, b)
        for run in runs
        if run.data == "cpt" and run.after is not None and run.replay <= 0.5 and not run.keep
        if (a := _change(study, run, pt)) is not None
        and (b := _change(study, run, cpt)) is not None
    }
    return swapped(pt, cpt, changes)


def swapped(pt: str, cpt: str, changes: Mapping[str, tuple[float, float]]) -> list[str]:
    """A sentence if most CPT runs forget D_cpt and learn D_pt.

    Args:
        pt: the column taken for D_pt.
        cpt: the column taken for D_cpt.
        changes: by run the relative change of both, from its start to its end.
    """
    bad = {n: (a, b) for n, (a, b) in changes.items() if a < -_CLEAR and b > _CLEAR}
    if 2 * len(bad) <= len(changes):
        return []
    name, (fall, rise) = next(iter(bad.items()))
    return [
        f"{SWAPPED}: from the start of the CPT run '{name}' to its end the loss on "
        f"D_cpt ('{cpt}') rises by {rise:.1%} and that on D_pt ('{pt}') falls by {-fall:.1%}. "
        "If so, exchange pt and cpt."
    ]


def _change(study: Study, run: Run, column: str) -> float | None:
    """The relative change of a loss from the start of a run to its end; None if not known."""
    curve = run.curves.get(column)
    if curve is None or len(curve) < _FEWEST:
        return None
    first = float(curve.loss[0])
    if curve.steps[0] > 0 and run.unknown_base is None:
        place, step = study.location(run, 0)
        base = study.run(place).curves.get(column)
        at = np.flatnonzero(base.steps == step) if base is not None else np.empty(0, int)
        first = float(base.loss[at[0]]) if base is not None and at.size else first
    return float(np.median(curve.loss[-_FEWEST:])) / first - 1


def _something_left(study: Study, runs: list[Run], told: list[str]) -> None:
    """Refuse a study of which a domain has lost every loss.

    Raises:
        DataError: naming the domain, and all that was wrong.
    """
    for role, column in study.domains.items():
        if not any(column in run.curves for run in runs):
            raise DataError(f"domain '{role}' has no good data: {' '.join(told)}")
