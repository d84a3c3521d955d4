"""The run that is followed, before anything of it was measured: where it begins, what it knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.fitting.start import checkpoint, start_of
from cptlaw.forecasting.future_run import future_run
from cptlaw.schedules.schedule import Schedule, as_schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import UNKNOWN, Curve, Data, Run
from cptlaw.studies.study import Study

_BASE = "base that was given"


@dataclass(frozen=True, eq=False)
class Planned:
    """A run as it is planned; what is left out is as in the runs that are known.

    Args:
        schedule: its learning rates: a schedule, its text, or an array of shape (steps,). Left out
            for a run that the study has.
        name: of the run; one of a study takes over what the study says of it.
        after: what it goes on from: "RUN" or "RUN@STEP" of the study, or "unknown:NAME".
        base_schedule: the pre-training's learning rates, instead of `after`.
        data: "cpt" (default after a base) or "pt" (default from scratch): what it trains on.
        replay: share of D_pt in the CPT data.
        model_size: non-embedding parameters.
        batch_tokens: tokens per step.
        sequence_length: tokens per sequence.
        domain_tokens: distinct tokens of D_cpt data, if they repeat.
    """

    schedule: Schedule | str | ArrayLike | None = None
    name: str = "this run"
    after: str | None = None
    base_schedule: Schedule | str | ArrayLike | None = None
    data: Data | None = None
    replay: float | None = None
    model_size: float | None = None
    batch_tokens: float | None = None
    sequence_length: int | None = None
    domain_tokens: float | None = None


@dataclass(frozen=True)
class Placed:
    """A planned run in its place among others.

    Args:
        run: with its whole schedule, and no losses.
        history: learning rates from the first step of all to its end.
        others: runs besides, its bases among them.
        columns: role -> the column of the others' losses.
    """

    run: Run
    history: History
    others: tuple[Run, ...]
    columns: Mapping[str, str]

    @property
    def start(self) -> int:
        """Steps before the run's own first."""
        return self.history.steps - self.run.steps

    def measured(self, curves: Mapping[str, Curve]) -> Study:
        """The study of all runs, with this one as far as it was measured.

        Args:
            curves: role -> its losses so far.

        Raises:
            DataError: nothing was measured.
        """
        mine = {self.columns[role]: curve for role, curve in curves.items()}
        runs = (*self.others, replace(self.run, curves=mine))
        known = {column for run in runs for column in run.curves}
        domains = {role: column for role, column in self.columns.items() if column in known}
        return Study(domains, runs)


def place(planned: Planned, known: Fit | Study | None, roles: Iterable[str]) -> Placed:
    """A run in its place.

    Args:
        planned: the run.
        known: a fit of a study of other runs, or that study without a fit, or nothing.
        roles: domains that are measured, where no study names them.

    Raises:
        DataError: there is no such start, no schedule, or a run that no law covers.
    """
    study = known.study if isinstance(known, Fit) else known
    columns = dict(study.domains) if study is not None else {role: role for role in roles}
    others = () if study is None else tuple(r for r in study.runs if r.name != planned.name)
    if planned.schedule is None:
        if study is None or not study.has_run(planned.name):
            raise DataError(
                "the learning rates ahead are not known. Give the run's schedule, such as "
                '"warmup 100 to 2e-4 | cosine 9900 to 2e-5" (--schedule TEXT), or name a run of '
                "the study."
            )
        run = replace(study.run(planned.name), curves={})
        return Placed(run, study.history(run.name), others, columns)
    if isinstance(known, Fit):
        return _beside(planned, known, others, columns)
    return _alone(planned, study, others, columns)


def _beside(
    planned: Planned, fit: Fit, others: tuple[Run, ...], columns: Mapping[str, str]
) -> Placed:
    """A run beside fitted ones, which tell what it does not say."""
    assert planned.schedule is not None
    start = start_of(fit, planned.after, planned.base_schedule)
    run = future_run(
        fit,
        start,
        planned.schedule,
        data=planned.data,
        replay=planned.replay,
        model_size=planned.model_size,
        batch=(planned.batch_tokens, planned.sequence_length),
        domain_tokens=planned.domain_tokens,
    )
    run = replace(run, name=planned.name, after=start.run, after_step=start.step)
    if start.kind == "base schedule":
        others = (*others, Run(_BASE, schedule=Schedule.from_array(start.history.pt_lr)))
        run = replace(run, after=_BASE, after_step=None)
    return Placed(run, start.history.then(run), others, columns)


def _alone(
    planned: Planned, study: Study | None, others: tuple[Run, ...], columns: Mapping[str, str]
) -> Placed:
    """A run of which nothing is known but what it says itself, and where it begins."""
    assert planned.schedule is not None
    before, after, at = History(np.empty(0), np.empty(0)), planned.after, None
    if planned.base_schedule is not None:
        base = Run(_BASE, schedule=as_schedule(planned.base_schedule))
        before, after, others = before.then(base), _BASE, (*others, base)
    elif after is not None and after.startswith(UNKNOWN):
        before = replace(before, unknown_base=after.removeprefix(UNKNOWN))
    elif after is not None and study is not None:
        start = checkpoint(study, after)
        before, after, at = start.history, start.run, start.step
    elif after is not None:
        raise DataError(
            f"after = '{after}': there is no study that has this run. Give one, or the "
            "pre-training as base_schedule (--base-schedule), or after = 'unknown:NAME'."
        )
    run = Run(
        planned.name,
        schedule=as_schedule(planned.schedule, before.known_lr),
        data=planned.data or ("pt" if after is None else "cpt"),
        after=after,
        after_step=at,
        replay=planned.replay or 0.0,
        model_size=planned.model_size,
        batch_tokens=planned.batch_tokens,
        sequence_length=planned.sequence_length,
        domain_tokens=planned.domain_tokens,
    )
    return Placed(run, before.then(run), others, columns)
