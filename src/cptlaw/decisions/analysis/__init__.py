"""Numbers that a fit decides: what is best to choose, what pays back, what never comes back.

Each is a function of a fit, so that `uncertainty.interval` gives its interval. Infinite means
"never".
"""

from cptlaw.decisions.analysis.best import optimal_peak, optimal_potential, optimal_replay
from cptlaw.decisions.analysis.critical import (
    CriticalPoint,
    critical_point,
    critical_step,
    last_return,
)
from cptlaw.decisions.analysis.release import Release, release_value, steps_saved
from cptlaw.decisions.analysis.turning import turning_length

__all__ = [
    "CriticalPoint",
    "Release",
    "critical_point",
    "critical_step",
    "last_return",
    "optimal_peak",
    "optimal_potential",
    "optimal_replay",
    "release_value",
    "steps_saved",
    "turning_length",
]
