"""What the rest of the package needs to know of a law besides its terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

Varied: TypeAlias = Literal["cpt", "replay", "size", "batch", "unknown", "repetition"]
"""What may differ between runs: runs that go on with CPT, replay share, model size, batch of the
CPT, a base of unknown pre-training, and D_cpt data that are seen more than once."""


@dataclass(frozen=True)
class Traits:
    """Facts about a law, by which all other code decides; a law that says nothing has these.

    Args:
        sees: what may vary between runs; "unknown" is also what it needs, and "batch" says that
            each CPT batch has a shift of its own.
        forecasts: key of the measured figures for its forecasts (`forecasting/measured.json`):
            intervals, errors at other peaks and starts; "other" where none were measured.
        choices: key of the measured cost of choosing by it; that of the paper's laws, which is
            the higher one, where none was measured.
        limit: stem of a parameter -> its value in an endless CPT, where the law tends to a limit
            that does not depend on the start; empty where it tends to none.
        candidate: whether `auto` and `average` try it.
        growth: whether it follows how weights grow, so that both ways are tried where no run says
            which optimizer it has.
        paper_for: what varies in the studies for which it is the paper's law, a set for each
            kind of study; none for a law that is not the paper's choice for any.
    """

    sees: frozenset[Varied] = frozenset({"cpt"})
    forecasts: str = "other"
    choices: str = "paper"
    limit: Mapping[str, float] = field(default_factory=dict[str, float], hash=False)
    candidate: bool = False
    growth: bool = False
    paper_for: tuple[frozenset[Varied], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sees", frozenset(self.sees))
        object.__setattr__(self, "limit", MappingProxyType(dict(self.limit)))
