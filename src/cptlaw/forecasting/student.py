"""Student's t with four degrees of freedom, by which errors of forecasts are spread.

Four, because held-out errors have heavier tails than a normal; 3, 6 and 10 held no better in
`cptlaw bench coverage`. Its formulas are closed, so that no forecast waits for a library of
distributions to load.

Source: Shaw 2006.
"""

from __future__ import annotations

import math

DEGREES = 4.0


def quantile(share: float) -> float:
    """The value that a share of the errors lies below."""
    both = 4.0 * share * (1.0 - share)
    if both <= 0.0:
        return math.copysign(math.inf, share - 0.5)
    root = math.cos(math.acos(math.sqrt(min(both, 1.0))) / 3.0) / math.sqrt(both)
    return math.copysign(2.0 * math.sqrt(max(root - 1.0, 0.0)), share - 0.5)


def above(value: float) -> float:
    """The share of the errors that lies above a value."""
    if math.isinf(value):
        return 0.0 if value > 0 else 1.0
    size = 1.0 + value**2 / DEGREES
    return 0.5 - 0.375 * value / math.sqrt(size) * (1.0 - value**2 / (12.0 * size))
