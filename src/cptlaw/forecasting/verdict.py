"""What the data of a study decide, what other people's runs stand for, and what nobody knows.

Every choice of a run (peak, schedule, steps, replay, start, size, optimizer) gets one of three
statuses, from what the fitted runs differ in and from what the refits say of the difference. All
texts, and all refusals, take them from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from cptlaw.caching import remembers
from cptlaw.errors import DataError, suggestion
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.design import (
    Asked,
    asked_of,
    design_of,
    reach_of,
    run_that_tells,
    untried_peak,
)
from cptlaw.forecasting.rules import CHOICES, Choice, Known, Status, choices_of
from cptlaw.forecasting.tells import half_widths
from cptlaw.studies.faults import SWAPPED
from cptlaw.studies.history import History
from cptlaw.studies.runs import Data

_SAID: dict[Status, str] = {
    "data": "Your data decide",
    "others": "From other people's runs, less sure",
    "unknown": "Unknown",
}
_SAID_OF_A_RUN: dict[Status, str] = {**_SAID, "data": "Your runs cover"}
# What nobody asks after: that the runs say their optimizer.
_GRANTED = (("optimizer", "data"),)
_MOST_REASONS = 2  # that are said at once


@dataclass(frozen=True)
class Verdict:
    """What decides the choices of a run.

    Args:
        first: what to do, and how sure that is; of what is asked, how sure it is.
        choices: each at most once, in the order of `CHOICES`.
        phase: "cpt" or "pt".
        asked: whether it is of a run, or a plan, that was asked for; else of the study.
    """

    first: str
    choices: tuple[Choice, ...]
    phase: Data = "cpt"
    asked: bool = False

    def of(self, name: str) -> Choice:
        """The choice of that name.

        Raises:
            DataError: there is none, as for the replay of a pre-training.
        """
        for choice in self.choices:
            if choice.name == name:
                return choice
        known = [choice.name for choice in self.choices]
        raise DataError(f"no verdict on '{name}'. {suggestion(name, known)}")

    def having(self, status: Status) -> tuple[Choice, ...]:
        """The choices of one status."""
        return tuple(choice for choice in self.choices if choice.status == status)

    @property
    def status(self) -> Status:
        """The least sure status of any choice."""
        if self.having("unknown"):
            return "unknown"
        return "others" if self.having("others") else "data"

    @property
    def lines(self) -> tuple[str, ...]:
        """What the data decide, what others' runs stand for, what is unknown: a line each."""
        found: list[str] = []
        for status, said in (_SAID_OF_A_RUN if self.asked else _SAID).items():
            named = [c.words for c in self.having(status) if (c.name, status) not in _GRANTED]
            if named:
                found.append(f"{said}: {', '.join(named)}.")
        return tuple(found)

    @property
    def text(self) -> str:
        """What to do and how sure that is, then what decides each choice."""
        return "\n".join((self.first, *self.lines))


def verdict(fit: Fit, asked: Asked | History | None = None) -> Verdict:
    """What decides the choices of a run.

    Args:
        fit: fitted or published coefficients.
        asked: the run that is forecast, or all that a plan may choose; left out, the choices that
            runs like the fitted ones leave open.
    """
    return _judged(fit, asked_of(asked) if isinstance(asked, History) else asked)


@remembers(4)
def _judged(fit: Fit, asked: Asked | None) -> Verdict:
    design = design_of(fit, None if asked is None else asked.phase)
    if design is None:
        return _of_published(fit, asked)
    at = Known(fit, design, reach_of(fit), asked)
    choices = tuple(choices_of(at))
    first = _what_to_do(at, choices) if asked is None else _how_sure(choices)
    return Verdict(_no_good(fit) or first, choices, design.phase, asked is not None)


def _no_good(fit: Fit) -> str:
    """A sentence on a fit that nothing is to be done with; "" where there is none to say."""
    poor = [r for r, d in fit.domains.items() if d.scores is not None and d.scores.r2 < 0]
    if poor:
        return (
            f"Do not use this fit: on {', '.join(poor)} it is worse than a constant. Look at the "
            "logs (cptlaw read), their learning rates and units."
        )
    for fault in () if fit.study is None else fit.study.faults:
        if fault.startswith(SWAPPED):
            return f"Do not use this fit before you have mended the study: {fault}"
    return ""


def _what_to_do(at: Known, choices: tuple[Choice, ...]) -> str:
    """Whether to plan with the fit, or which run to do first."""
    by_name = {choice.name: choice for choice in choices}
    peak, schedule = by_name.get("peak"), by_name["schedule"]
    if peak is None:
        return f"Nothing can be planned with this fit: {schedule.sentence}"
    untried = None if peak.status == "data" else untried_peak(at.design)
    run = run_that_tells(at.design, untried, schedule.status != "data")
    if "unknown" in (peak.status, schedule.status) or schedule.status != "data":
        open_one = peak if peak.status == "unknown" and schedule.status != "unknown" else schedule
        return f"Do one more run before you plan: {run}. {open_one.sentence}"
    if peak.status != "data":
        return (
            f"You can plan with this fit, near the peak LR that you ran.{_reach(at)} One more run "
            f"would tell of other peaks: {run}."
        )
    return f"You can plan with this fit: your runs decide the peak LR and the schedule.{_reach(at)}"


def _reach(at: Known) -> str:
    """How far forecasts of runs like the longest fitted one are off."""
    widths = [f"{width:.2g} ({role})" for role, width in half_widths(at.fit, at.design).items()]
    if not widths:
        return ""
    return f" Forecasts of such runs hold to about {', '.join(widths)} nats in 90 % of cases."


def _how_sure(choices: tuple[Choice, ...]) -> str:
    """How sure what is asked is."""
    for status, said in (
        ("unknown", "This is a guess"),
        ("others", "This rests in part on other people's runs"),
    ):
        why = [choice.sentence.rstrip(".") for choice in choices if choice.status == status]
        if why:
            return f"{said}: {'; '.join(w[0].lower() + w[1:] for w in why[:_MOST_REASONS])}."
    return "This rests on your runs alone."


def _of_published(fit: Fit, asked: Asked | None) -> Verdict:
    """Nothing is decided by data of one's own."""
    phase: Data = "cpt" if asked is None else asked.phase
    said = "These are coefficients of a paper, fitted to its runs; none of your data are in them."
    mend = "A base and two pilots of your own would tell: cptlaw pilot --new."
    names = {"peak": "peak LR"}
    choices = tuple(
        Choice(name, "others", names.get(name, name), said, mend)
        for name in CHOICES[: 5 if phase == "cpt" else 3]
    )
    first = (
        "Use this to learn what matters, not for numbers of your own: these are a paper's "
        "coefficients, without data of yours and without intervals."
    )
    return Verdict(first, choices, phase, asked is not None)
