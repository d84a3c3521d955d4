"""What a plan takes for given, beside its goal, knobs and limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from cptlaw.decisions.cost import Prices
from cptlaw.errors import DataError
from cptlaw.fitting.uncertainty import check_level
from cptlaw.forecasting.intervals import LEVEL
from cptlaw.page import typed
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Data


@dataclass(frozen=True)
class PlanOptions:
    """What a plan takes for given.

    Args:
        data: "cpt" (default of a fit with CPT runs) or "pt": what is trained on.
        reference: checkpoint that changes are against, as one of `Knobs.after`; left out, the
            first start.
        base_schedule: the pre-training, where it is not a run of the fitted study.
        model_size: non-embedding parameters; left out, the start's.
        batch_tokens: tokens per step; left out, what the fitted runs of that kind share.
        prices: what it takes to work out costs.
        level: of the intervals.
        anyway: plan even where nothing is known.

    Raises:
        DataError: a size or batch that is not above 0, or a level outside 0 to 1.
    """

    data: Data | None = None
    reference: str | None = None
    base_schedule: Schedule | str | None = None
    model_size: float | None = None
    batch_tokens: float | None = None
    prices: Prices = field(default_factory=Prices)
    level: float = LEVEL
    anyway: bool = False

    def __post_init__(self) -> None:
        for name in ("model_size", "batch_tokens"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise DataError(f"{name} = {typed(value)}: expected a number above 0.")
        check_level(self.level)
