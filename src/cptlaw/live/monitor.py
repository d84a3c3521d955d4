"""A run that is followed: evaluations in, outlooks out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cptlaw.errors import CptlawError, DataError
from cptlaw.fitting.fit import fit
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import check_level, ensemble_of
from cptlaw.forecasting.intervals import LEVEL
from cptlaw.live.course import Course
from cptlaw.live.outlook import Alarm, DomainOutlook, Followed, Kind, Outlook
from cptlaw.live.planned import Planned, place
from cptlaw.live.prospect import Prospect, prospect_of
from cptlaw.live.rules import Rule, rules_of
from cptlaw.page import number
from cptlaw.studies.study import Study

SHARE = 0.01
"""Of the time of the training: what callbacks let refits take."""

_FIRST = 6  # evaluations of a run alone before a law is fitted to it
_GROWN = 1.5  # times as many evaluations as were fitted before the next refit
_GUESS = 2.0  # seconds for a domain, of a first fit
_LR_OFF = 0.01  # of the peak


@dataclass(frozen=True)
class Watching:
    """How a run is followed, whatever it is.

    Args:
        rules: on its end, values or texts such as "stop: pt > 3.2 at 90 %".
        level: of the intervals.
        law: that is fitted, a name of the catalogue; left out, the default.
        options: how it is fitted.
        refits: whether the run itself is fitted too as evaluations arrive; where nothing else is
            known it always is.
        share: of the time since the monitor was made that refits may take; None for any.
        stop_on: kinds of alarms that ask to stop the run, besides rules that do: "not finite",
            "off its forecast".

    Raises:
        DataError: a level that is not between 0 and 1.
    """

    rules: tuple[Rule | str, ...] = ()
    level: float = LEVEL
    law: str | None = None
    options: FitOptions = field(default_factory=FitOptions)
    refits: bool = False
    share: float | None = SHARE
    stop_on: tuple[Kind, ...] = ()

    def __post_init__(self) -> None:
        check_level(self.level)


class Monitor:
    """Follows one run and says after every evaluation how it will end.

    Args:
        known: the study of earlier runs, its file, or a fit of it; None for nothing but the run.
        planned: the run: its schedule and where it begins.
        roles: domains that are measured, where no study names them; left out, those that come.
        watching: rules, level, law and how often it is fitted anew.

    Raises:
        DataError: no schedule, no such start or run, published coefficients (whose intervals
            nobody knows), or a rule on a domain that is not measured.
        FitError: the study cannot be fitted.
    """

    def __init__(
        self,
        known: Study | Fit | str | Path | None,
        planned: Planned,
        roles: Iterable[str] = (),
        watching: Watching = Watching(),
    ) -> None:
        self.watching = watching
        rules_of(watching.rules, None)  # a rule that is none is told before anything is fitted
        known = _read(known)
        self._fit = _fitted(known, planned.name, watching)
        self._placed = place(planned, self._fit or known, roles)
        self._given = dict(self._placed.columns)
        self._open = not self._given  # domains are those that come
        self.rules = rules_of(watching.rules, None if self._open else self._given)
        self._courses: dict[str, Course] = {role: Course(role) for role in self._given}
        self._prospects: dict[str, Prospect] = {}
        self._outlooks: list[Outlook] = []
        self._lr_told = False
        self._seen, self._why = 0, ""
        self._spent, self._began = 0.0, time.perf_counter()
        if self._fit is not None:
            self._look_ahead(self._fit)

    def __repr__(self) -> str:
        return f"<Monitor of {self.name}: {self.followed!r}>"

    @property
    def name(self) -> str:
        """Of the run."""
        return self._placed.run.name

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self._placed.run.steps

    @property
    def columns(self) -> Mapping[str, str]:
        """Role -> the name that its losses have in logs, where a study tells it."""
        return self._given

    @property
    def now(self) -> Outlook | None:
        """The last outlook."""
        return self._outlooks[-1] if self._outlooks else None

    @property
    def followed(self) -> Followed:
        """Every outlook so far."""
        return Followed(tuple(self._outlooks))

    # --- evaluations ---------------------------------------------------------------------------

    def update(self, step: int, losses: Mapping[str, float], lr: float | None = None) -> Outlook:
        """Take in an evaluation and look ahead.

        Losses of the same step belong to one evaluation, in however many parts they come. An
        earlier step takes the run back to it: what was measured from there on is forgotten.

        Args:
            step: steps done since the run's own start.
            losses: role -> loss, nats per token; one that is no finite number is an alarm.
            lr: learning rate of that step, to be compared with the planned one.

        Raises:
            DataError: a domain that the study does not have, or a step outside the run.
        """
        self._check(step, losses)
        if (last := self.now) is not None and last.step == step:
            earlier = {r: d.loss for r, d in last.domains.items() if d.loss is not None}
            losses = {**earlier, **losses}
        self._back_to(step)
        alarms = [*self._not_finite(step, losses), *self._other_rate(step, lr)]
        before = {role: self._foreseen(role, step) for role in losses}
        for role, loss in losses.items():
            if np.isfinite(loss) and loss > 0:
                self._courses[role].take(step, loss, self._prospects.get(role))
        self._refit_if_due()
        domains: dict[str, DomainOutlook] = {}
        for role, course in self._courses.items():
            loss, then = losses.get(role), before.get(role)
            ended = loss is not None and step == self.steps
            prospect = None if ended else self._prospects.get(role)
            ahead = course.ahead(step, prospect, self.watching.level)
            off = None if loss is None or then is None else _off(loss, then)
            if loss is not None or ahead is not None:
                domains[role] = DomainOutlook(loss, then, off, ahead)
            if loss is not None and (words := course.off_course(step)):
                alarms.append(Alarm("off its forecast", words, role))
        alarms = [replace(a, stop=a.kind in self.watching.stop_on) for a in alarms]
        alarms += self._broken_rules(step, domains)
        outlook = Outlook(
            self.name,
            step,
            self.steps,
            domains,
            tuple(alarms),
            self._basis(),
            self.watching.level,
            lr,
            self.rules,
        )
        self._outlooks.append(outlook)
        return outlook

    def _check(self, step: int, losses: Mapping[str, float]) -> None:
        if not 0 <= step <= self.steps:
            raise DataError(
                f"step {step}: '{self.name}' has steps 0 to {self.steps}. Is its schedule right, "
                "and are steps counted from the run's own start?"
            )
        new = [role for role in losses if role not in self._courses]
        if new and self._open:
            self._given |= {role: role for role in new}
            self._placed = replace(self._placed, columns=self._given)
            self._courses |= {role: Course(role) for role in new}
        for role in losses:
            if role not in self._courses:
                raise DataError(
                    f"domain '{role}' is not followed; domains: {', '.join(self._courses)}."
                )

    def _back_to(self, step: int) -> None:
        if self._outlooks and step <= self._outlooks[-1].step:
            self._outlooks = [one for one in self._outlooks if one.step < step]
            for course in self._courses.values():
                course.forget(step)
            self._seen = min(self._seen, self._count())

    def _foreseen(self, role: str, step: int) -> tuple[float, float, float] | None:
        prospect = self._prospects.get(role)
        if prospect is None:
            return None
        return self._courses[role].foreseen(step, prospect, self.watching.level)

    def _count(self) -> int:
        return max((len(course) for course in self._courses.values()), default=0)

    # --- alarms --------------------------------------------------------------------------------

    def _not_finite(self, step: int, losses: Mapping[str, float]) -> list[Alarm]:
        return [
            Alarm(
                "not finite",
                f"{role} is {loss} at step {step}: the run diverged. Lower the learning rate or "
                "lengthen the warm-up.",
                role,
            )
            for role, loss in losses.items()
            if not (np.isfinite(loss) and loss > 0)
        ]

    def _other_rate(self, step: int, lr: float | None) -> list[Alarm]:
        """Whether the run trains at another learning rate than planned, told once."""
        schedule = self._placed.run.schedule
        if lr is None or self._lr_told or schedule is None or not 0 < step < self.steps:
            return []  # after the last step schedulers tell the LR of one that is never done
        near = np.arange(max(step - 1, 1), min(step + 1, self.steps) + 1)
        planned = schedule.lr(near)
        if np.abs(planned - lr).min() <= _LR_OFF * schedule.peak:
            return []
        self._lr_told = True
        should = float(schedule.lr([step])[0])
        return [
            Alarm(
                "learning rate",
                f"the learning rate at step {step} is {number(lr)}, but {number(should)} is "
                "planned: "
                "forecasts are for the planned one. Give the schedule that the run really has.",
            )
        ]

    def _broken_rules(self, step: int, domains: Mapping[str, DomainOutlook]) -> list[Alarm]:
        """Rules that hold for what is foreseen, and for what was measured after the last step."""
        found: list[Alarm] = []
        for one in self.rules:
            domain = domains.get(one.role)
            if domain is None:
                continue
            ahead, loss = domain.ahead, domain.loss
            if ahead is not None:
                above = ahead.above(one.limit)
                sure = above if one.side == "above" else 1.0 - above
                if sure >= one.sure:
                    interval = f"{ahead.low[-1]:.4f} to {ahead.high[-1]:.4f}"
                    words = (
                        f"{one.role} will end {one.side} {number(one.limit, 6)}, "
                        f"{_chance(sure)} sure: "
                        f"{ahead.final:.4f} ({interval}) is foreseen."
                    )
                    found.append(Alarm("rule", words, one.role, one.action == "stop"))
            elif step == self.steps and loss is not None and one.passed(loss):
                words = f"{one.role} ended {one.side} {number(one.limit, 6)}, at {loss:.4f}."
                found.append(Alarm("rule", words, one.role))
        return found

    # --- fits ----------------------------------------------------------------------------------

    def _refit_if_due(self) -> None:
        count = self._count()
        alone = not any(run.curves for run in self._placed.others)
        if not (alone or self.watching.refits) or count < _FIRST:
            return
        if self._seen and count < _GROWN * self._seen:
            return
        if not self._affords():
            return
        began = time.perf_counter()
        try:
            curves = {role: c.curve for role, c in self._courses.items() if len(c)}
            fitted = fit(self._placed.measured(curves), self.watching.law, self.watching.options)
            self._look_ahead(fitted)
            self._fit, self._why = fitted, ""
        except CptlawError as error:
            self._why = str(error)
        self._seen = count
        self._spent += time.perf_counter() - began

    def _affords(self) -> bool:
        """Whether the next refit leaves refits within their share of the time."""
        if self.watching.share is None:
            return True
        now = time.perf_counter() - self._began
        next_one = self._fit.seconds * 2 if self._fit is not None else _GUESS * len(self._courses)
        return self._spent + next_one <= self.watching.share * now

    def _look_ahead(self, fitted: Fit) -> None:
        ensemble_of(fitted)
        found: dict[str, Prospect] = {}
        for role in fitted.domains:
            with np.errstate(all="ignore"):
                prospect = prospect_of(fitted, role, self._placed.history, self._placed.start)
            if prospect.is_finite:
                found[role] = prospect
        self._prospects = found

    def _basis(self) -> str:
        """What the forecasts rest on."""
        runs = sum(bool(run.curves) for run in self._placed.others)
        own = f"{self._count()} evaluations of this run"
        if self._fit is None:
            need = f" ({self._why})" if self._why else ""
            return f"{own}; nothing is fitted yet{need}"
        if not runs:
            return f"{own} alone. With earlier runs in a study the forecast would be surer"
        return f"{runs} earlier {'run' if runs == 1 else 'runs'} and {own}"

    # --- keeping -------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What was measured so far, as plain JSON has it; `restore` takes it back."""
        return {
            "run": self.name,
            "evaluations": [
                {
                    "step": one.step,
                    "lr": one.lr,
                    "losses": {r: d.loss for r, d in one.domains.items() if d.loss is not None},
                }
                for one in self._outlooks
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take in again what a monitor of the same run had seen.

        Args:
            state: from `state`.
        """
        for row in state["evaluations"]:
            self.update(row["step"], row["losses"], row["lr"])


def _read(known: Study | Fit | str | Path | None) -> Study | Fit | None:
    """A study read from its file; anything else as it is."""
    if isinstance(known, str | Path):
        from cptlaw.studies import study_file

        return study_file.load(known)
    if isinstance(known, Fit) and known.study is None:
        raise DataError(
            "published coefficients come without the runs they were fitted to, so that nobody "
            "knows how sure they are. Give a study of your own, or none."
        )
    return known


def _fitted(known: Study | Fit | None, name: str, watching: Watching) -> Fit | None:
    """A fit of the other runs; None where there are none."""
    if known is None:
        return None
    study = known.study if isinstance(known, Fit) else known
    assert study is not None
    mine = [run for run in study.runs if run.name == name and run.curves]
    if isinstance(known, Fit) and not mine:
        return known
    if not any(run.curves for run in study.runs if run.name != name):
        return None
    others = study.without([name]) if mine else study
    return fit(others, watching.law, watching.options)


def _off(loss: float, then: tuple[float, float, float]) -> float | None:
    middle, low, high = then
    if not (np.isfinite(loss) and loss > 0):
        return None
    return float(np.log(loss / middle) / np.log(high / middle if loss > middle else middle / low))


def _chance(sure: float) -> str:
    return "more than 99.9 %" if sure > 0.999 else f"{number(100 * sure, 3)} %"
