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
def forward(
    lrs: Sequence[FloatArray],
    before: FloatArray,
    warmup: IntArray,
    first: IntArray,
    steps: IntArray,
    out: FloatArray,
    /,
) -> None: ...
def annealing(
    lrs: Sequence[FloatArray],
    before: FloatArray,
    warmup: IntArray,
    first: IntArray,
    steps: IntArray,
    lambda_: float,
    epsilon: float,
    out: FloatArray,
    /,
) -> None: ...
def common(x: FloatArray, y: FloatArray, /) -> int: ...
def cut(
    pt_lr: FloatArray,
    cpt_lr: FloatArray,
    last: int,
    start: int,
    marks: IntArray,
    rules: Sequence[float],
    /,
) -> tuple[bytes, bytes]: ...
def coefficients(
    columns: FloatArray,
    log_loss: FloatArray,
    counts: FloatArray,
    bounds: FloatArray,
    priors: FloatArray,
    numbers: FloatArray,
    rules: FloatArray,
    best: FloatArray,
    /,
) -> bool: ...
