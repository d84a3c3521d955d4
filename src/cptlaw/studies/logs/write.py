"""A run as a tidy CSV table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.files import write_atomic
from cptlaw.studies.runs import Run


def write_csv(run: Run, path: str | Path) -> None:
    """Write step, lr and a column a loss curve, empty where missing; all of it or nothing.

    Each learning rate stands at its own step. The table does not say which losses are means.

    Args:
        run: a run with at least one curve or logged LR.
        path: the file to write; an existing one is replaced.

    Raises:
        DataError: nothing to write, a curve named as another column, or a path that cannot be
            written.
    """
    series = {name: (curve.steps, curve.loss) for name, curve in run.curves.items()}
    for name in series:
        if name in ("step", "lr") or name != name.strip() or not name:
            raise DataError(f"run '{run.name}': a curve named '{name}' cannot be a CSV column.")
    if run.logged_lr is not None:
        logged = run.logged_lr
        series = {"lr": (logged.steps + logged.offset, logged.lr), **series}
    if not series:
        raise DataError(f"run '{run.name}' has neither losses nor learning rates to write.")
    empty = (np.empty(0, dtype=np.int64), np.empty(0))
    series = {"lr": series.pop("lr", empty), **series}
    steps = np.unique(np.concatenate([at for at, _ in series.values()]))
    columns = [_cells(steps, *pair) for pair in series.values()]
    header = ["step", *series]
    text = io.StringIO()
    rows = zip(steps.tolist(), *columns, strict=True)
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    try:
        write_atomic(path, text.getvalue())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from None


def _cells(steps: IntArray, at: IntArray, values: FloatArray) -> list[str]:
    cells = [""] * steps.size
    for row, value in zip(np.searchsorted(steps, at).tolist(), values.tolist(), strict=True):
        cells[row] = repr(value)
    return cells
