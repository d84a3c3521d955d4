"""The rows of a log as read, before anyone has judged what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cptlaw.errors import DataError
from cptlaw.studies.logs.cells import Cell, Cells, Column
from cptlaw.studies.logs.habits import Habit


@dataclass(frozen=True)
class Table:
    """The rows of a log.

    Args:
        origin: the path as given.
        name: the run's name.
        format: the format's name.
        columns: cells in file order by column name, each of the same length n; None where a row
            has none. The names say what they hold (see `names`): the step is one of `STEP_NAMES`.
        place: where row i, from 0, stands: "FILE, line N".
        habit: what its framework is known to log.
        notes: what was done while reading, each a sentence.
        settings: what the log itself says of how the run was configured, as nested tables.
        lies_at: the run's own file or folder, where that is not the one that was named.
    """

    origin: str
    name: str
    format: str
    columns: Mapping[str, Cells]
    place: Callable[[int], str]
    habit: Habit = field(default_factory=Habit)
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lies_at: Path | None = None


def refuse_text(table: Table, name: str, column: Column) -> None:
    """Refuse a column of numbers that holds text.

    Raises:
        DataError: naming the first row that does.
    """
    if column.texts.size:
        row = int(column.texts[0])
        raise DataError(
            f"{table.place(row)}: column '{name}' holds {cut(table.columns[name][row])} where "
            "a number is expected. Mend the cell (an empty one counts as missing), or read only "
            "the columns you want."
        )


def count_of_rows(count: int) -> str:
    """So many rows, in words."""
    return "1 row" if count == 1 else f"{count} rows"


def cut(cell: Cell) -> str:
    """A cell in quotes, cut short if it is long."""
    text = str(cell)
    return f"'{text}'" if len(text) <= 40 else f"'{text[:40]}...'"
