"""How well predicted losses agree with measured ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.objective import DELTA, huber


@dataclass(frozen=True)
class Scores:
    """Agreement over n points.

    Args:
        n: number of points.
        huber: summed Huber loss of the log residuals, each point counted once.
        r2: 1 - residual sum of squares / total sum of squares; NaN if the loss is constant.
        mae: mean absolute error, nats per token.
        rmse: root mean squared error, nats per token.
        mape: mean absolute relative error, a fraction.
        worst: largest relative error, a fraction.
        final_error: predicted minus measured at the last point, nats per token.
        counted: how many points the n were fitted as; None where nothing was fitted.
    """

    n: int
    huber: float
    r2: float
    mae: float
    rmse: float
    mape: float
    worst: float
    final_error: float
    counted: float | None = None


def score(predicted: FloatArray, measured: FloatArray, delta: float = DELTA) -> Scores:
    """Compare two curves, both of shape (n,) in nats per token, n at least 1."""
    error = predicted - measured
    relative = np.abs(error) / measured
    varies = bool((measured != measured[0]).any())
    spread = float(((measured - measured.mean()) ** 2).sum())
    return Scores(
        n=int(measured.size),
        huber=float(huber(np.log(predicted) - np.log(measured), delta).sum()),
        r2=1.0 - float((error**2).sum()) / spread if varies else float("nan"),
        mae=float(np.abs(error).mean()),
        rmse=float(np.sqrt((error**2).mean())),
        mape=float(relative.mean()),
        worst=float(relative.max()),
        final_error=float(error[-1]),
    )
