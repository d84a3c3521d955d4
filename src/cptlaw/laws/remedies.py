"""What would determine a parameter that the data leave open."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Remedy:
    """What is said of a parameter that the data leave open.

    Args:
        advice: what would determine it, in one or two sentences; parameters with the same advice
            are told of together.
        runs: which runs would tell more than its prior does; the subject of "... would".
        absent: said where nothing in the data depends on it; left out, the advice.
        of_base: whether CPT losses alone cannot tell it, as it is of the pre-training.
    """

    advice: str
    runs: str = "runs that differ more in their LR"
    absent: str = ""
    of_base: bool = False

    @property
    def if_absent(self) -> str:
        """What is said where nothing in the data depends on the parameter."""
        return self.absent or self.advice


LEVEL = Remedy(
    "The data do not show where the pre-training loss levels off; what it is within their "
    "range is still fitted. A longer PT run, or one at another LR, would determine it.",
    "a longer PT run, or one at another LR,",
    of_base=True,
)
ANNEALING = Remedy(
    "The runs anneal too little or too smoothly to tell how fast the loss follows the LR. "
    "A run with an abrupt LR drop would.",
    "runs with abrupt LR drops, to several final LRs,",
)
ANNEALING_OF_BASE = replace(
    ANNEALING,
    absent="A branch of the pre-training that anneals would determine it.",
    of_base=True,
)
ANNEALING_OF_CPT = replace(ANNEALING, absent="A CPT run whose LR changes would determine it.")
WEIGHTS = Remedy(
    "A run at another peak LR, or a longer one, would determine them.",
    "a run at another peak LR, or a longer one,",
)
UNIT = Remedy(
    "A CPT run at another LR, or one whose LR drops, would determine what its LR is worth.",
    "CPT runs that differ more in their LR",
    "A CPT run would determine it.",
)
SHIFT = Remedy(
    "Read the shift by its value and slope at the reference area, not by these coefficients. "
    "A longer CPT run, or more evaluations in its first steps, would determine them.",
    "a longer CPT run",
    "A CPT run would determine it.",
)
SHIFT_RATE = replace(SHIFT, runs="more evaluations in the first steps of a CPT")
SIZE = Remedy("Runs of more model sizes would determine them.", "runs of more model sizes")
SIZE_OF_CPT = replace(SIZE, runs="CPT runs of more model sizes")
REPLAY = Remedy(
    "CPT runs at more replay shares would determine them.", "CPT runs at more replay shares"
)
START = Remedy(
    "CPT runs that start at other checkpoints would determine them.",
    "CPT runs that start at other checkpoints",
)
REPETITION = Remedy(
    "CPT runs that see their data more often would determine them.",
    "CPT runs that see their data more often",
    "A CPT run that sees its data more than once would determine it.",
)
UNKNOWN_LEVEL = replace(
    LEVEL,
    advice="The pre-training is unknown, and the CPT's losses do not show where the loss would "
    "level off. Within the fitted range the curve is fitted; outside it is a guess. A longer CPT "
    "run would tell more.",
)
UNKNOWN_BASE = Remedy(
    "S1_pt stands for a pre-training nobody knows; a CPT run whose LR varies more would narrow it."
)
UNKNOWN_PAST = Remedy(
    "The pre-training is unknown, and no CPT run tells much of it. Where its schedule is public, a "
    "run with that schedule and no log, from which the others go on, would.",
    "the schedule of the pre-training",
)
MIXTURE = Remedy("Evaluations where D_pt and D_cpt move apart would determine them.")
LR = Remedy("Runs that differ more in their LR would determine them.")
"""Of a shape parameter that names no other."""

_TOLD = (
    *(LEVEL, UNKNOWN_LEVEL, ANNEALING, WEIGHTS, SHIFT, SIZE),
    *(REPLAY, START, UNKNOWN_BASE, UNKNOWN_PAST, MIXTURE, REPETITION),
)
_PLACES = {remedy.advice: place for place, remedy in enumerate(_TOLD)}


def place(remedy: Remedy) -> int:
    """Where its advice stands among others: base, annealing, shift, then what these depend on."""
    if remedy.advice == LR.advice:
        return len(_PLACES) + 1
    return _PLACES.get(remedy.advice, len(_PLACES))
