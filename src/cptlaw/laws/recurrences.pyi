"""Compiled from recurrences.c, which says what each function does."""

from collections.abc import Sequence

from cptlaw.arrays import FloatArray, IntArray

SOURCE: int
NODES: int

def solve(tree: IntArray, decay: FloatArray, gain: FloatArray, out: FloatArray, /) -> None: ...
def summed(tree: IntArray, x: FloatArray, out: FloatArray, /) -> None: ...
def relaxed(
    tree: IntArray,
    slot: IntArray,
    first: IntArray,
    points: IntArray,
    nodes: FloatArray,
    level: FloatArray,
    clock: FloatArray,
    level_slopes: FloatArray,
    clock_slopes: FloatArray,
    kappa: float,
    out: FloatArray,
    /,
) -> None: ...
def noise(
    tree: IntArray,
    slot: IntArray,
    first: IntArray,
    points: IntArray,
    nodes: FloatArray,
    rates: FloatArray,
    steps: FloatArray,
    share: FloatArray,
    zeta: float,
    kappa: float,
    xi: float,
    per_lr: float,
    out: FloatArray,
    /,
) -> None: ...
def effective(
    tree: IntArray,
    slot: IntArray,
    first: IntArray,
    points: IntArray,
    lr: FloatArray,
    steps: FloatArray,
    is_cpt: FloatArray,
    grow: FloatArray,
    share: FloatArray,
    numbers: Sequence[float],
    rate: FloatArray,
    sums: FloatArray,
    /,
) -> None: ...
