"""Whether values are losses in nats per token at all, judged by their size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.page import number
from cptlaw.studies.runs import Curve

GUESS = 12.5  # nats: an even guess among 256k tokens, the largest vocabularies there are
LARGEST_PERPLEXITY = float(np.exp(GUESS))
_LEARNS = 0.1  # of the first value: only what is exponential falls so far
_TRAINED = 5.0  # nats: above any trained model on its own data
_HIGH, _LOW = 7.0, 3.5  # nats: two domains that a model was trained on are not so far apart


def not_in_nats(curves: Mapping[str, Curve]) -> dict[str, str]:
    """The columns that are no losses in nats per token -> what shows it, in a few words.

    Args:
        curves: the columns of one run.
    """
    found: dict[str, str] = {}
    for name, curve in curves.items():
        loss, twin = curve.loss, _logarithm_of(name, curves)
        end, top = float(np.median(loss[loss.size // 2 :])), float(np.median(loss[:3]))
        if twin is not None:
            found[name] = f"the exponential of '{twin}' in every row"
        elif top > 2 * GUESS and float(loss.min()) < _LEARNS * top:
            found[name] = f"down from {number(top)}"
        elif end > GUESS and float(loss.min()) > _TRAINED:
            found[name] = "above any loss"
        elif end > _HIGH and float(loss.min()) > _HIGH and _apart(name, curves):
            found[name] = "far above another column"
    return found


def _logarithm_of(name: str, curves: Mapping[str, Curve]) -> str | None:
    """The column whose exponential another one is, row by row."""
    mine = curves[name]
    for other, curve in curves.items():
        common, i, j = np.intersect1d(mine.steps, curve.steps, return_indices=True)
        if other == name or common.size < 5:
            continue
        logarithm = np.log(mine.loss[i])
        if np.allclose(logarithm, curve.loss[j], rtol=0.01) and float(np.ptp(logarithm)) > 0:
            return other
    return None


def _apart(name: str, curves: Mapping[str, Curve]) -> bool:
    """Whether a column rests where it is, and another validation loss has come down."""
    others = [c for n, c in curves.items() if n != name and c.source == "validation"]
    low = any(1.0 < float(np.median(c.loss[-3:])) < _LOW for c in others)
    return low and curves[name].loss.size >= 8 and _rests(curves[name].loss)


def _rests(loss: FloatArray) -> bool:
    """Whether the second half of a curve, shape (n,), changes by less than a tenth."""
    half, quarter = loss.size // 2, max(loss.size // 4, 1)
    early, late = float(np.median(loss[half:-quarter])), float(np.median(loss[-quarter:]))
    return 0.9 < late / early < 1.1
