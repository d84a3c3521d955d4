"""Whether weights grow, decided by the data where no run says which optimizer it has."""

from __future__ import annotations

import numpy as np

from cptlaw.fitting.domain import POINTS_A_PIECE_OF_NEWS
from cptlaw.fitting.result import Fit
from cptlaw.fitting.scores import Scores

SHAPES_OF_GROWTH = 2  # sigma and decay, which a law of weights that are held does not have


def decided(grows: Fit, held: Fit) -> tuple[Fit, str]:
    """The fit to keep, and a sentence on what the data say.

    Weights that grow are usual, and kept unless the data speak clearly against them: by the
    criterion that parameters at their usual value are kept by (see `domain`).

    Args:
        grows: fitted with weights that grow.
        held: the same with weights that do not.
    """
    news, points = evidence(grows, held), _points(grows)
    kept = held if news < -np.log(points) else grows
    if kept is held:
        words = "do not grow, as with AdamH or SGD: the data clearly favour that"
    elif news > SHAPES_OF_GROWTH * np.log(points):
        words = "grow, as with AdamW: the data clearly favour that"
    else:
        words = "are taken to grow, as with AdamW; the data do not tell it from weights that do not"
    return kept, (
        f"Nothing tells whether weights grow, so both were tried. They {words} (the misfit is "
        f"{_misfit(grows):.3g} with growth, {_misfit(held):.3g} without). Give optimizer (such as "
        '"adamw") in the study to decide it.'
    )


def evidence(grows: Fit, held: Fit) -> float:
    """How clearly the data favour weights that grow: a log likelihood ratio, 0 for not at all.

    A domain counts by its points, one in five of which is news; of several domains of the same
    runs the mean is taken, since they say the same.
    """
    ratios = [
        own.n * float(np.log((other.huber + 1e-300) / (own.huber + 1e-300)))
        for own, other in zip(_scores(grows), _scores(held), strict=True)
    ]
    return float(np.mean(ratios)) / POINTS_A_PIECE_OF_NEWS


def _scores(fit: Fit) -> list[Scores]:
    """Of every domain that has a law of its own, in the order of their names."""
    own = [fit.domains[role] for role in sorted(fit.domains) if not fit.domains[role].combines]
    return [domain.scores for domain in own if domain.scores is not None]


def _points(fit: Fit) -> float:
    return float(np.mean([scores.n for scores in _scores(fit)]))


def _misfit(fit: Fit) -> float:
    return sum(scores.huber for scores in _scores(fit))
