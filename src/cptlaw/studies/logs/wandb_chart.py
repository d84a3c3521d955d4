"""The CSV that W&B's charts export: for each run and metric its values, `__MIN` and `__MAX`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cptlaw.errors import DataError
from cptlaw.studies.logs import names, tables
from cptlaw.studies.logs.cells import Cell, numbers
from cptlaw.studies.logs.habits import habit
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.source import Format, Source, picked
from cptlaw.studies.logs.table import Table

_LOW, _HIGH = "__MIN", "__MAX"
_LONGEST_HEADER = 1 << 20


def _claims(source: Source) -> bool:
    header = source.data[:_LONGEST_HEADER].split(b"\n", 1)[0]
    return b" - " in header and _LOW.encode() in header and _HIGH.encode() in header


def _read(source: Source) -> Table:
    grid = tables.parse(source)
    at = {name: i for i, name in enumerate(grid.header)}
    series = [name for name in grid.header if name + _LOW in at and name + _HIGH in at]
    if not series:
        raise DataError(
            f"{source.given}: a W&B chart without a column that has its __MIN and __MAX beside it; "
            f"found {quoted(grid.header)}. Export the chart again."
        )
    run = picked(source, {name: name for name in map(_run, series)})
    x = _x_axis(
        source, [n for n in grid.header if not n.endswith((_LOW, _HIGH)) and n not in series]
    )
    mine = {_metric(name): name for name in series if _run(name) == run}
    cells = {name: [row[at[name]] for row in grid.rows] for name in (x, *mine.values())}
    notes = list(grid.notes)
    if len(mine) < len(series):
        notes.append(f"Read from the run {quoted([run])} of {len(set(map(_run, series)))}.")
    blurred = {
        metric: count
        for metric, name in mine.items()
        if (count := _spread([[row[at[name + end]] for row in grid.rows] for end in (_LOW, _HIGH)]))
    }
    if blurred:
        notes.append(
            f"{quoted(blurred)}: in {max(blurred.values())} rows the chart shows a mean over "
            "several points or runs, not a point. The run's history has every point: export that."
        )
    known = habit(mine)
    return Table(
        source.given,
        run,
        "wandb_chart",
        {x: cells[x], **{metric: cells[name] for metric, name in mine.items()}},
        lambda row: f"{source.given}, line {grid.lines[row]}",
        habit=known,
        notes=tuple(notes),
    )


def _run(series: str) -> str:
    return series.rsplit(" - ", 1)[0]


def _metric(series: str) -> str:
    return series.rsplit(" - ", 1)[-1]


def _x_axis(source: Source, others: Sequence[str]) -> str:
    """The column of the x axis."""
    name = names.step_column(others)
    if name is None:
        raise DataError(
            f"{source.given}: the x axis of this W&B chart, {quoted(others)}, counts no steps. Set "
            "the chart's x axis to train/global_step (or Step) and export it again."
        )
    return name


def _spread(low_and_high: Sequence[Sequence[Cell]]) -> int:
    """In how many rows the least and the largest value differ."""
    low, high = (numbers(cells).values for cells in low_and_high)
    with np.errstate(invalid="ignore", over="ignore"):
        return int(np.sum(np.abs(high - low) > 1e-9 * np.abs(high)))


FORMAT = Format("wandb_chart", _claims, _read, (".csv",), several=True)
