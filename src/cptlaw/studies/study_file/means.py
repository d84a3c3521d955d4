"""What a study says of how the losses of a log were averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from cptlaw.errors import DataError, suggestion
from cptlaw.studies.runs import Curve

T = TypeVar("T", int, float)


def with_means(
    curves: Mapping[str, Curve],
    window: int | Mapping[str, int] | None,
    ema: float | Mapping[str, float] | None,
) -> tuple[dict[str, Curve], tuple[str, ...]]:
    """The curves with what a study says of them in place of what is usual for their format.

    Args:
        curves: of a log, by column.
        window: steps that a value is a mean of: of all training losses, or by column.
        ema: factor of a moving average, likewise.

    Returns:
        The curves, and a sentence where a key has no effect.

    Raises:
        DataError: a column that the log does not have, or one with both keys.
    """
    windows = _by_column("window", window, curves)
    factors = _by_column("ema", ema, curves)
    both = sorted(windows.keys() & factors.keys())
    if both:
        raise DataError(
            f"'{both[0]}' has both window and ema; a loss is a mean over a window or a moving "
            "average. Keep one of them."
        )
    found = dict(curves)
    for column, steps in windows.items():
        found[column] = replace(curves[column], window=steps, ema=0.0)
    for column, factor in factors.items():
        found[column] = replace(curves[column], window=1, ema=factor)
    given = {"window": (window, windows), "ema": (ema, factors)}
    return found, tuple(
        f"{key} has no effect: the log has no training loss."
        for key, (said, own) in given.items()
        if said is not None and not own
    )


def _by_column(
    key: str, said: T | Mapping[str, T] | None, curves: Mapping[str, Curve]
) -> dict[str, T]:
    """The columns that a key is about, with its value for each."""
    if said is None:
        return {}
    if not isinstance(said, Mapping):
        return {column: said for column, curve in curves.items() if curve.source == "training"}
    for column in said:
        if column not in curves:
            raise DataError(
                f"{key}: the log has no loss column '{column}'. {suggestion(column, list(curves))}"
            )
    return dict(said)
