"""Runs that one might do: schedules, starts and replay shares combined."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from cptlaw.errors import DataError
from cptlaw.fitting.start import Start, checkpoint
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.usual import usual_schedules
from cptlaw.studies.optimization import NOT_SAID, in_common
from cptlaw.studies.runs import Data, Run
from cptlaw.studies.study import Study

PEAK = "PEAK"


def candidates(
    study: Study,
    *,
    after: Sequence[str] = (),
    schedules: Sequence[str] = (),
    peaks: Sequence[float] = (),
    replay: Sequence[float] = (),
    steps: int | None = None,
    data: Data = "cpt",
    batch_tokens: float | None = None,
    sequence_length: int | None = None,
    prefix: str = "",
) -> tuple[Run, ...]:
    """Every combination of starts, schedules, peaks and replay shares, as runs without losses.

    Args:
        study: what they go on from.
        after: starts, "RUN", "RUN@STEP" or "unknown:NAME"; left out, those of the study's CPT runs.
        schedules: texts, the word PEAK in them standing for each peak; left out, the usual five:
            constant, cosine, WSD, linear, two stages.
        peaks: highest learning rates; left out, that of each start's run and half of it.
        replay: shares of D_pt; left out, those of the study's CPT runs.
        steps: length of the usual schedules; left out, that of the longest CPT run.
        data: what they train on.
        batch_tokens: tokens per step; left out, what the study's CPT runs share.
        sequence_length: tokens per sequence; left out, what the study's CPT runs share.
        prefix: what every name begins with.

    Raises:
        DataError: a start that the study does not have, a schedule that cannot be, or PEAK
            without peaks.
    """
    cpt = [run for run in study.runs if run.data == "cpt" and not study.is_hidden_cpt(run)]
    length = steps or max([run.steps for run in cpt or study.runs])
    shares = list(replay) or (sorted({run.replay for run in cpt}) or [0.0])
    shares = shares if data == "cpt" else [0.0]
    shared = _shared(cpt, study, data, batch_tokens, sequence_length)
    found: dict[str, Run] = {}
    for text in after or starts(study):
        start = checkpoint(study, text)
        own = list(peaks) or _peaks(study, start)
        for kind, schedule in _schedules(schedules, own, start.history.known_lr, length):
            for share in shares:
                run = replace(
                    shared,
                    name=_name(prefix + kind, text, share, found, study),
                    schedule=schedule,
                    after=start.run,
                    after_step=start.step,
                    replay=share,
                )
                found[run.name] = run
    return tuple(found.values())


def _shared(
    cpt: Sequence[Run],
    study: Study,
    data: Data,
    batch_tokens: float | None,
    sequence_length: int | None,
) -> Run:
    """What all candidates have: what is given, else what the study's CPT runs share."""
    pairs = {(run.batch_tokens, run.sequence_length) for run in (cpt or study.runs)}
    usual = pairs.pop() if len(pairs) == 1 else (None, None)
    batch = batch_tokens or usual[0]
    distinct = {run.domain_tokens for run in cpt}
    is_known = bool(batch) and data == "cpt" and len(distinct) == 1
    by = in_common(run.optimization for run in cpt) if data == "cpt" else NOT_SAID
    return Run(
        "candidate",
        schedule=Schedule.constant(1.0, 1),
        data=data,
        batch_tokens=batch,
        sequence_length=sequence_length or usual[1],
        domain_tokens=distinct.pop() if is_known else None,
        optimizer=by.optimizer,
        weight_decay=by.weight_decay,
        optimizer_reset=by.optimizer_reset,
    )


def starts(study: Study) -> list[str]:
    """Where the CPT runs of a study go on from; the ends of its PT runs where there is none."""
    found: list[str] = []
    for run in study.runs:
        if run.unknown_base is not None and run.after is not None:
            found.append(run.after)
            continue
        if run.data != "cpt" or run.after is None:
            continue
        base = study.run(run.after)
        at = base.steps if run.after_step is None else run.after_step
        if base.data == "pt":
            end = at == base.steps
            found.append(base.name if end else f"{base.name}@{base.first_step + at}")
    return list(dict.fromkeys(found)) or [run.name for run in study.runs if run.data == "pt"][:1]


def joined(study: Study, runs: Iterable[Run]) -> Study:
    """The study with further runs; one without losses makes room for its namesake.

    Raises:
        DataError: a name that is taken, or a run that cannot go on as it says.
    """
    new = {run.name: run for run in runs}
    for run in study.runs:
        if run.name in new and run.curves:
            raise DataError(f"run '{run.name}' is in the study already; take another name.")
    kept = [new.pop(run.name, run) for run in study.runs]
    return replace(study, runs=(*kept, *new.values()))


def _peaks(study: Study, start: Start) -> list[float]:
    """The highest LR of a start's run and all before it, and half of it."""
    if start.kind == "open model":
        own = [r.schedule.peak for r in study.runs if r.after == start.run and r.schedule]
        peak = max(own)
    else:
        assert start.run is not None
        peak = float(study.history(start.run).lr.max(initial=0.0))
    return [float(f"{lr:.3g}") for lr in (peak, peak / 2)]


def _schedules(
    texts: Sequence[str], peaks: Sequence[float], lr: float | None, steps: int
) -> list[tuple[str, Schedule]]:
    """Names and schedules from one start: those of the texts, or the usual ones."""
    for peak in peaks:
        if not 0 < peak < float("inf"):
            raise DataError(f"peak = {peak:g}: expected a learning rate above 0, such as 5e-4.")
    if not texts:
        usual = [(f"{peak:.3g}", usual_schedules(lr or 0.0, peak, steps)) for peak in peaks]
        return [(f"{kind}-{at}", made) for at, every in usual for kind, made in every.items()]
    found: list[tuple[str, str]] = []
    for text in texts:
        kind = text.split("|")[-1].split()[0].lower() if text.strip() else "empty"
        if PEAK in text:
            found += [(f"{kind}-{p:.3g}", text.replace(PEAK, f"{p:g}")) for p in peaks]
        else:
            found.append((kind, text))
    return [(kind, Schedule.parse(text, lr)) for kind, text in found]


def _name(kind: str, start: str, share: float, taken: Iterable[str], study: Study) -> str:
    """A name that can also be a folder's, and that no other run has."""
    words = f"{kind}-after-{start}" + (f"-replay{share:g}" if share else "")
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "-", words)
    number, name = 1, plain
    while name in taken or study.has_run(name):
        number += 1
        name = f"{plain}-{number}"
    return name
