"""The values of a run's metrics -> the table of that run."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cptlaw.errors import DataError
from cptlaw.studies.logs.habits import habit
from cptlaw.studies.logs.points import Points, rows_of
from cptlaw.studies.logs.source import Source
from cptlaw.studies.logs.table import Table

_LARGEST = 1.797e308  # MLflow keeps infinity as the largest number


@dataclass
class Metrics:
    """Values of metrics.

    Args:
        names: of the metrics, numbered in the order of their first use.
        which: metric of each value.
        steps: of each.
        times: of each, in milliseconds.
        values: the numbers.
        bad: how many could not be read.
    """

    names: dict[str, int] = field(default_factory=dict[str, int])
    which: array[int] = field(default_factory=lambda: array("q"))
    steps: array[int] = field(default_factory=lambda: array("q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    bad: int = 0

    def add(self, name: str, step: Any, time: Any, value: Any) -> None:
        """A value; what is no number is counted as bad."""
        try:
            at, when, number = int(step), float(time), float(value)
            self.steps.append(at)
        except (TypeError, ValueError, OverflowError):
            self.bad += 1
            return
        self.which.append(self.names.setdefault(name, len(self.names)))
        self.times.append(when)
        self.values.append(number if abs(number) < _LARGEST else number * 10)


def table(
    source: Source,
    name: str,
    metrics: Metrics,
    notes: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
    lies_at: Path | None = None,
) -> Table:
    """The table of one run.

    Args:
        source: where the metrics are from.
        name: of the run.
        metrics: of that run alone.
        notes: what was done so far.
        settings: what the run was configured with.
        lies_at: the run's own file or folder.

    Raises:
        DataError: there is no value, or none was logged with its step.
    """
    steps = np.array(metrics.steps)
    told = [f"Values that are no numbers left out: {metrics.bad}."] if metrics.bad else []
    if not steps.size:
        raise DataError(
            f"{source.given}: the run '{name}' has no metrics. {' '.join(told)}".strip()
        )
    if steps.size > len(metrics.names) and not steps.any():
        raise DataError(
            f"{source.given}: the metrics of '{name}' were all logged at step 0. Give log_metric "
            "the step."
        )
    order = np.argsort(np.array(metrics.times), kind="stable")
    which = np.array(metrics.which)[order]
    points = Points(list(metrics.names), which, steps[order], np.array(metrics.values)[order])
    rows = rows_of(points, source.given)
    known = habit(metrics.names)
    columns, summed = known.without_summaries(rows.columns)

    def place(row: int) -> str:
        point = int(rows.first[row])
        return f"{source.given}, '{points.names[which[point]]}' at step {points.steps[point]}"

    return Table(
        source.given,
        name,
        "mlflow",
        columns,
        place,
        habit=known,
        notes=(*notes, *told, *summed),
        settings=settings or {},
        lies_at=lies_at,
    )
