"""Whether weights grow, decided by the data where no run says which optimizer it has."""

from __future__ import annotations

import numpy as np

from cptlaw.fitting.domain import POINTS_A_PIECE_OF_NEWS
from cptlaw.fitting.result import Fit
from cptlaw.fitting.scores import Scores
from cptlaw.page import number
from cptlaw.studies.optimization import OPPOSITE, Growth

CLEARLY = 2.0
"""What speaks clearly for a way, in logarithms of the number of points. Runs at two peaks speak by
13 and more; of one peak, AdamW's own runs have spoken against growth by up to 0.8."""
_WORDS = {"grows": "grow, as with AdamW", "held": "do not grow, as with AdamH or SGD"}


def decided(usual: Fit, other: Fit, growth: Growth) -> tuple[Fit, str]:
    """The fit to keep, and a sentence on what the data say.

    The usual one is kept unless the data speak clearly against it.

    Args:
        usual: fitted with what is usual of weights at such learning rates.
        other: the same with weights that are moved the other way.
        growth: how they are moved in the usual fit.
    """
    favoured = evidence(usual, other) / np.log(np.mean([_counted(s) for s in _scores(usual)]))
    if favoured < -CLEARLY:
        kept, left = other, usual
        words = f"They {_WORDS[OPPOSITE[growth]]}: the data clearly favour that"
    elif favoured > CLEARLY:
        kept, left, words = usual, other, f"They {_WORDS[growth]}: the data clearly favour that"
    else:
        kept, left = usual, other
        words = f"It is taken that they {_WORDS[growth]}: the data do not tell"
    return kept, (
        f"Nothing tells whether weights grow, so both were tried. {words} (the misfit is "
        f"{number(_misfit(kept), 3)}, the other way {number(_misfit(left), 3)}). Give "
        "optimizer (such as "
        '"adamw") in the study to decide it.'
    )


def evidence(one: Fit, other: Fit) -> float:
    """How clearly the data favour one fit: a log likelihood ratio, 0 for not at all.

    A domain counts by what its points were fitted as, one in five of which is news; of several
    domains of the same runs the mean is taken, since they say the same.
    """
    ratios = [
        _counted(own) * float(np.log((against.huber + 1e-300) / (own.huber + 1e-300)))
        for own, against in zip(_scores(one), _scores(other), strict=True)
    ]
    return float(np.mean(ratios)) / POINTS_A_PIECE_OF_NEWS


def _scores(fit: Fit) -> list[Scores]:
    """Of every domain that has a law of its own, in the order of their names."""
    own = [fit.domains[role] for role in sorted(fit.domains) if not fit.domains[role].combines]
    return [domain.scores for domain in own if domain.scores is not None]


def _counted(scores: Scores) -> float:
    """How many points they were fitted as."""
    return float(scores.n if scores.counted is None else scores.counted)


def _misfit(fit: Fit) -> float:
    return sum(scores.huber for scores in _scores(fit))
