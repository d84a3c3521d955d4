"""What other people's runs say of a CPT, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cptlaw.decisions.pilot.choosing import Pilot
from cptlaw.decisions.prior.options import PriorOptions


@dataclass(frozen=True)
class PriorRange:
    """A value with the range in which other people's runs leave it.

    Args:
        low: the range's lower end.
        value: what to begin with.
        high: its upper end.
    """

    low: float
    value: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range."""
        return self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)


@dataclass(frozen=True)
class OwnBest:
    """What is best by one source, within what its runs show.

    Args:
        source: its name.
        family: of sources that are not independent of one another.
        words: what was trained.
        model_size: non-embedding parameters.
        peak: peak LR as a share of the pre-training's, best and nearly best; None where its runs
            have one peak.
        at_highest: whether the best peak is the highest that was run.
        replay: share, best and nearly best; None where its runs do not tell.
        passes: after which twice as many gain less than half a per cent, by the law.
        changes: "pt" and "cpt" -> relative change of the loss at its best.
    """

    source: str
    family: str
    words: str
    model_size: float
    peak: PriorRange | None
    at_highest: bool
    replay: PriorRange | None
    passes: float
    changes: Mapping[str, float]


@dataclass(frozen=True)
class PriorPlan:
    """What other people's runs say of a CPT of which there are none yet.

    Args:
        options: what is known.
        ratio: peak LR as a share of the pre-training's.
        peak: peak LR.
        replay: share of D_pt in the CPT data.
        passes: over the D_cpt data.
        changes: "pt" and "cpt" -> relative change of the loss, by the sources.
        losses: the same as final losses, where the checkpoint's are known.
        sources: what is best by each.
        pilots: first runs that narrow the ranges.
        notes: what else is to be known, each a sentence.
    """

    options: PriorOptions
    ratio: PriorRange
    peak: PriorRange
    replay: PriorRange
    passes: PriorRange
    changes: Mapping[str, PriorRange]
    losses: Mapping[str, PriorRange]
    sources: tuple[OwnBest, ...]
    pilots: tuple[Pilot, ...] = ()
    notes: tuple[str, ...] = ()
