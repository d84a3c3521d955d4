"""The factors that laws are made of, each with its derivatives and its spelling."""

from cptlaw.laws.factors.effective import (
    ALPHA,
    ALPHA_OF_NEW,
    AREA,
    EFFECTIVE,
    Clock,
    along,
    noise,
    power_of_progress,
)
from cptlaw.laws.factors.paper import (
    anchored_shift,
    annealing,
    exponential_share,
    memory,
    only,
    power_of_area,
    power_of_unknown_area,
    powered_annealing,
    relative_slope,
    replay_share,
    shift,
    size_power,
    solve_reach,
    weighted_annealing,
)
from cptlaw.laws.factors.transfer import forgetting, learning, repetition
from cptlaw.laws.factors.weights import Weights

__all__ = [
    "ALPHA",
    "ALPHA_OF_NEW",
    "AREA",
    "EFFECTIVE",
    "Clock",
    "Weights",
    "along",
    "anchored_shift",
    "annealing",
    "exponential_share",
    "forgetting",
    "learning",
    "memory",
    "noise",
    "only",
    "power_of_area",
    "power_of_progress",
    "power_of_unknown_area",
    "powered_annealing",
    "relative_slope",
    "repetition",
    "replay_share",
    "shift",
    "size_power",
    "solve_reach",
    "weighted_annealing",
]
