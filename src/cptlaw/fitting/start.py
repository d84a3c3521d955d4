"""Where a run begins: from scratch, after a run of the study, after a base that is given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.schedules.schedule import Schedule, as_schedule
from cptlaw.schedules.text import short
from cptlaw.studies.history import History
from cptlaw.studies.optimization import in_common
from cptlaw.studies.runs import UNKNOWN, Run
from cptlaw.studies.study import Study

StartKind = Literal["scratch", "base schedule", "checkpoint", "open model"]
_IN_A_RANGE = 9  # starts of RUN@FROM..TO


@dataclass(frozen=True)
class Start:
    """Where a run begins.

    Args:
        kind: from "scratch", after a "base schedule" that is given, at a "checkpoint" of a run,
            or after an "open model", whose pre-training nobody knows.
        text: as it was asked for; `words` where it was not.
        history: learning rates before it; none where version 0.1.0 stored a forecast.
        run: what it goes on from, as `Run.after` names it; None where that is no run.
        step: of that run, None at its end; of a base schedule, its last.
        annealed: D_pt training in between, None for none.
    """

    kind: StartKind
    text: str
    history: History
    run: str | None = None
    step: int | None = None
    annealed: Schedule | None = None

    @property
    def is_scratch(self) -> bool:
        """Whether nothing was trained before it."""
        return self.kind == "scratch" and self.annealed is None

    @property
    def words(self) -> str:
        """Where it is, for people."""
        words = _words(self.kind, self.run, self.step)
        return words if self.annealed is None else f"{words}, then {short(self.annealed.text)}"

    def of_size(self, model_size: float | None) -> Start:
        """The start of a model of another size; the same where none is given."""
        if model_size is None:
            return self
        return replace(self, history=replace(self.history, model_size=model_size))


def start_of(
    fit: Fit, after: str | None, base_schedule: Schedule | str | ArrayLike | None = None
) -> Start:
    """Where a run of a fit begins; it moves weights as the fitted runs do.

    Args:
        fit: fitted or published coefficients.
        after: "RUN", "RUN@STEP" or "unknown:NAME"; None for `base_schedule`, or from scratch.
        base_schedule: the pre-training's learning rates.

    Raises:
        DataError: there is no such run or step.
    """
    if after is not None and base_schedule is not None:
        raise DataError("give either after or base_schedule, not both.")
    start = _named(fit, after, base_schedule)
    return replace(start, history=_moved_as_fitted(fit, start.history, start.run is None))


def _named(fit: Fit, after: str | None, base_schedule: Schedule | str | ArrayLike | None) -> Start:
    """The start that was asked for, with what is said of its own run."""
    if base_schedule is not None:
        base = as_schedule(base_schedule)
        if not base.peak > 0:
            raise DataError(
                "base_schedule: its learning rate is 0 at every step, so nothing was trained. Give "
                "the schedule that the pre-training really had."
            )
        history = _nothing().then(Run("base", schedule=base))
        words = _words("base schedule", None, base.steps)
        return Start("base schedule", words, history, step=base.steps)
    if after is None:
        return Start("scratch", _words("scratch"), _nothing())
    _check_open_models(fit, after)
    if after.startswith(UNKNOWN):
        return _open_model(after)
    if fit.study is None:
        raise DataError(
            f"after = '{after}': published coefficients know no runs. Give the pre-training "
            "as base_schedule (--base-schedule TEXT)."
        )
    return checkpoint(fit.study, after)


def _moved_as_fitted(fit: Fit, history: History, is_new: bool) -> History:
    """A history that moves its weights, in what is to come, as all fitted runs have in common.

    Args:
        fit: of a study, or published coefficients.
        history: before the run.
        is_new: whether its pre-training is none of the study's.
    """
    if fit.study is None:
        return history
    known = [fit.study.history(run.name) for run in fit.study.runs if run.curves]
    pt = in_common(h.pt_by for h in known)
    cpt = in_common(h.cpt_by for h in known if h.is_cpt)
    return replace(
        history,
        pt_by=pt if is_new else history.pt_by,
        cpt_by=history.cpt_by if history.is_cpt else cpt,
    )


def checkpoint(study: Study, text: str) -> Start:
    """The start that "RUN", "RUN@STEP" or "unknown:NAME" names in a study.

    STEP counts as the log of RUN does.

    Raises:
        DataError: there is no such run or step.
    """
    if text.startswith(UNKNOWN) and any(run.after == text for run in study.runs):
        return _open_model(text)
    name, at, step = text.rpartition("@")
    if not at or study.has_run(text):
        return Start("checkpoint", text, study.history(text), text)
    run = study.run(name)
    own = run.own_step(int(step)) if step.isdecimal() else 0
    if not 1 <= own <= run.steps:
        first = run.first_step
        raise DataError(
            f"after = '{text}': run '{name}' has steps {first + 1} to {first + run.steps}, not "
            f"'{step}'."
        )
    return Start("checkpoint", text, study.history(name, own), name, own)


def starts_of(
    fit: Fit, after: Sequence[str | None], base_schedule: Schedule | str | None = None
) -> tuple[Start, ...]:
    """Where the runs to choose from begin; each was trained, or is from scratch.

    Args:
        fit: fitted or published coefficients.
        after: as for `start_of`; or "RUN@FROM..TO", some steps of a range; or either of them with
            D_pt training in between, "RUN@STEP | SCHEDULE".
        base_schedule: the pre-training, for a fit that knows no runs.

    Raises:
        DataError: naming a start that there is not.
    """
    every = [one for text in after for one in _spread(text)]
    return tuple(_annealed(fit, one, base_schedule) for one in dict.fromkeys(every))


def _spread(text: str | None) -> list[str | None]:
    """One text for every step of a range FROM..TO."""
    match = re.fullmatch(r"([^|]*)@(\d+)\.\.(\d+)(\s*\|.*)?", text or "")
    if match is None:
        return [text]
    low, high = int(match[2]), int(match[3])
    if not 0 < low < high:
        raise DataError(f"after = '{text}': a range of steps rises, such as {match[1]}@1000..4000.")
    steps = dict.fromkeys(np.linspace(low, high, _IN_A_RANGE).round().astype(int).tolist())
    return [f"{match[1]}@{step}{match[4] or ''}" for step in steps]


def _annealed(fit: Fit, text: str | None, base_schedule: Schedule | str | None) -> Start:
    """The start that a text names, after the D_pt training that may follow a "|" in it."""
    name, bar, more = (text or "").partition("|")
    start = start_of(fit, name.strip() or None, base_schedule)
    start = replace(start, text=text or start.text)
    if bar:
        start = _then(start, more)
    lr = start.history.pt_lr
    if lr.size and not lr.max() > 0:
        raise DataError(
            f"after = '{start.text}': its learning rate is 0 at every step, so nothing is trained. "
            "Name the run that it goes on from, or begin with a warmup."
        )
    return start


def _then(start: Start, text: str) -> Start:
    """The start after D_pt training with the schedule of that text."""
    if start.history.is_cpt or start.kind == "open model":
        raise DataError(
            f"after = '{start.text}': only a pre-training can be annealed before the CPT."
        )
    schedule = Schedule.parse(text, start.history.last_lr)
    history = start.history.then(Run("annealed", schedule=schedule, data="pt"))
    return replace(start, history=history, annealed=schedule)


def open_models(fit: Fit) -> list[str]:
    """The open models that a fit is of, as `Run.after` names them."""
    return sorted({UNKNOWN + base for d in fit.domains.values() for base in d.facts.bases})


def start_from(models: Sequence[str]) -> str:
    """What to do where a fit is of open models and the start is none of them."""
    names = " or ".join(f"'{model}'" for model in models)
    return f"this fit is of an open model; start from it with after = {names} (--after)."


def _check_open_models(fit: Fit, after: str) -> None:
    """Whether a fit and what a run goes on from agree on whether the base is unknown."""
    models = open_models(fit)
    if not models and after.startswith(UNKNOWN):
        raise DataError(f"after = '{after}': this fit has no unknown base.")
    if models and after not in models:
        raise DataError(f"after = '{after}': {start_from(models)}")


def _open_model(text: str) -> Start:
    history = replace(_nothing(), unknown_base=text.removeprefix(UNKNOWN))
    return Start("open model", text, history, text)


def _nothing() -> History:
    return History(np.empty(0), np.empty(0))


def _words(kind: StartKind, run: str | None = None, step: int | None = None) -> str:
    if kind == "scratch":
        return "scratch"
    if kind == "base schedule":
        return f"a base of {step:,} steps"
    if kind == "open model":
        return run or ""
    return f"the end of '{run}'" if step is None else f"'{run}' at step {step}"
