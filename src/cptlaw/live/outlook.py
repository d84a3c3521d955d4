"""What a run that is under way looks like at one of its steps: values, nothing that moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from cptlaw.arrays import FloatArray, IntArray, floats, integers, same_values
from cptlaw.forecasting import student
from cptlaw.forecasting.intervals import multiplier
from cptlaw.live.rules import Rule
from cptlaw.shown import Shown

Kind: TypeAlias = Literal["rule", "off its forecast", "not finite", "learning rate"]


@dataclass(frozen=True)
class Alarm:
    """Something to look at.

    Args:
        kind: "rule" (one of the user's holds), "off its forecast", "not finite" (a loss), or
            "learning rate" (another than planned).
        words: what it is, one sentence.
        role: the domain; empty for none.
        stop: whether it asks to stop the run.
    """

    kind: Kind
    words: str
    role: str = ""
    stop: bool = False


@dataclass(frozen=True, eq=False)
class Ahead:
    """What is foreseen of one domain from one step of a run on; n steps, the run's last one last.

    Args:
        step: steps since the run's own start, shape (n,).
        loss: foreseen there, nats per token, shape (n,).
        low: lower end of the interval of what will be measured, shape (n,).
        high: upper end of it.
        scale: of the relative error of the last loss.
    """

    step: IntArray
    loss: FloatArray
    low: FloatArray
    high: FloatArray
    scale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", integers(self.step))
        for name in ("loss", "low", "high"):
            object.__setattr__(self, name, floats(getattr(self, name)))

    def __repr__(self) -> str:
        return (
            f"<Ahead: {self.final:.4f} ({self.low[-1]:.4f} to {self.high[-1]:.4f}) at step "
            f"{self.step[-1]}>"
        )

    __eq__ = same_values

    @property
    def final(self) -> float:
        """Loss foreseen after the last step."""
        return float(self.loss[-1])

    def above(self, limit: float) -> float:
        """Probability that the last loss will be measured above a limit."""
        return student.above(float(np.log(limit / self.final) / self.scale))


@dataclass(frozen=True)
class DomainOutlook:
    """One domain of a run at one of its steps.

    Args:
        loss: measured at this step; None where it was not, not finite where the run broke.
        foreseen: what was foreseen for this step before it was measured, with the ends of its
            interval; None where nothing was.
        off: by how much the measured loss lies off that, in units of half that interval; None
            where nothing was foreseen.
        ahead: what is foreseen now; None where nothing can be yet.
    """

    loss: float | None = None
    foreseen: tuple[float, float, float] | None = None
    off: float | None = None
    ahead: Ahead | None = None


@dataclass(frozen=True)
class Outlook(Shown):
    """A run at one of its steps: what was measured, what is foreseen of its end, what is wrong.

    Args:
        run: its name.
        step: steps done, since its own start.
        steps: of the whole run.
        domains: role -> that domain.
        alarms: what is wrong; the user's rules that hold are among them.
        basis: what the forecast rests on, in words.
        level: of the intervals.
        lr: learning rate of the step, None where it is not known.
        rules: that were looked at.
    """

    run: str
    step: int
    steps: int
    domains: Mapping[str, DomainOutlook]
    alarms: tuple[Alarm, ...] = ()
    basis: str = ""
    level: float = 0.9
    lr: float | None = None
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", MappingProxyType(dict(self.domains)))

    def __repr__(self) -> str:
        ends = [
            f"{role} {d.ahead.final:.4f}" for role, d in self.domains.items() if d.ahead is not None
        ]
        return (
            f"<Outlook of {self.run} at step {self.step} of {self.steps}: "
            f"{', '.join(ends)}{' at the end; ' if ends else ''}{self.verdict}>"
        )

    @property
    def stops(self) -> bool:
        """Whether a rule, or a loss that is no number, asks to stop the run."""
        return any(alarm.stop for alarm in self.alarms)

    @property
    def foresees(self) -> bool:
        """Whether anything is foreseen."""
        return any(domain.ahead is not None for domain in self.domains.values())

    @property
    def verdict(self) -> str:
        """How the run does, in a few words."""
        if self.stops:
            return "stop"
        kinds = {alarm.kind for alarm in self.alarms}
        has_ended = self.step == self.steps
        limit = "a limit was passed" if has_ended else "a limit will be passed"
        for kind, words in (
            ("off its forecast", "off its forecast"),
            ("rule", limit),
            ("learning rate", "another learning rate than planned"),
        ):
            if kind in kinds:
                return f"ended; {words}" if has_ended else words
        if has_ended:
            return "ended"
        return "on course" if self.foresees else "no forecast yet"


@dataclass(frozen=True)
class Followed(Shown):
    """A run as it was followed, from outlook to outlook.

    Args:
        outlooks: in the order of their steps.
    """

    outlooks: tuple[Outlook, ...]

    def __repr__(self) -> str:
        if not self.outlooks:
            return "<Followed: nothing measured yet>"
        return f"<Followed: {len(self.outlooks)} outlooks, the last {self.outlooks[-1]!r}>"

    @property
    def roles(self) -> tuple[str, ...]:
        """Every domain that was measured or foreseen."""
        return tuple(dict.fromkeys(role for o in self.outlooks for role in o.domains))

    def measured(self, role: str) -> tuple[IntArray, FloatArray]:
        """Steps and losses of one domain, shape (n,) each; not those that are no numbers."""
        some = [
            (o.step, o.domains[role].loss)
            for o in self.outlooks
            if role in o.domains and o.domains[role].loss is not None
        ]
        step = integers(np.array([s for s, _ in some], dtype=np.int64))
        loss = floats(np.array([x for _, x in some], dtype=np.float64))
        fine = np.isfinite(loss)
        return step[fine], loss[fine]


def ahead_of(step: IntArray, loss: FloatArray, scale: FloatArray, level: float) -> Ahead:
    """What is foreseen at n steps, with intervals at a level.

    Args:
        step: steps of the run, shape (n,).
        loss: foreseen, shape (n,).
        scale: of relative errors, shape (n,).
        level: share of measured losses that are to lie within.
    """
    reach = np.exp(multiplier(level) * scale)
    return Ahead(step, loss, loss / reach, loss * reach, float(scale[-1]))
