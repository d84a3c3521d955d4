"""SQLite databases that hold logs, opened so that nothing in them or beside them changes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cptlaw import temporary
from cptlaw.errors import DataError
from cptlaw.studies.logs.source import SQLITE, Source

_MOST_STEPS = 2_000_000_000  # of SQLite's machine, some minutes: a query without an end is stopped


def is_database(source: Source) -> bool:
    """Whether a source is a SQLite database."""
    return source.data.startswith(SQLITE)


def columns(source: Source, path: Path, table: str) -> frozenset[str]:
    """The columns of one of a database's tables; none if it has no such table."""
    with opened(source, path) as database:
        named = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        if database.execute(named, (table,)).fetchone() is None:
            return frozenset()
        told = database.execute("SELECT name FROM pragma_table_info(?)", (table,))
        return frozenset(str(name) for (name,) in told)


@contextmanager
def opened(source: Source, path: Path) -> Generator[sqlite3.Connection]:
    """A database to read from.

    Args:
        source: what the user named, for errors.
        path: the database.

    Raises:
        DataError: it is damaged or cannot be opened; raised also for what is read within.
    """
    with temporary.folder("cptlaw-database-") as folder:
        try:
            connection = sqlite3.connect(_address(path, folder), uri=True)
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.set_progress_handler(_Stop(), 1_000_000)
            try:
                yield connection
            finally:
                connection.close()
        except (sqlite3.Error, OSError, UnicodeError, OverflowError) as error:
            raise DataError(
                f"{source.given}: the database {path.name} cannot be read ({_why(error)}). Close "
                "what writes to it, copy it again, or export the run as CSV."
            ) from None


def distinct(database: sqlite3.Connection, columns: str) -> list[Any]:
    """The different rows of some columns of `metrics`, in the order of their first use.

    Of a damaged database, those up to the damage.
    """
    found: dict[Any, None] = {}
    try:
        found.update(dict.fromkeys(database.execute(f"SELECT DISTINCT {columns} FROM metrics")))
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            for row in database.execute(f"SELECT {columns} FROM metrics NOT INDEXED"):
                found.setdefault(row)
        if not found:
            raise
    return list(found)


def whole_rows(
    database: sqlite3.Connection, query: str, run: str, notes: list[str]
) -> Iterator[Any]:
    """The rows of a query, up to where the database is damaged, with a note if it is.

    Args:
        database: that was opened.
        query: with one question mark.
        run: what stands for it.
        notes: gets the note.
    """
    count = 0
    try:
        for row in database.execute(query, (run,)):
            count += 1
            yield row
    except sqlite3.Error as error:
        if not count:
            raise
        what = _why(error)
        told = f"The database is damaged ({what})" if what == str(error) else f"Not whole: {what}"
        notes.append(f"{told}; the {count} rows before were read.")


def _why(error: Exception) -> str:
    """What SQLite says, and of a query that `_Stop` has ended, that it was too long."""
    if str(error) != "interrupted":
        return str(error)
    return f"a query of more than {_MOST_STEPS:,} steps was stopped"


class _Stop:
    """Told every million steps of SQLite's machine; ends a query that takes too many."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self) -> int:
        self.steps += 1_000_000
        return self.steps > _MOST_STEPS


def _address(path: Path, folder: Path) -> str:
    """The URI of a database, of a copy where its newest rows lie in a file beside it."""
    beside = path.with_name(f"{path.name}-wal")
    if beside.is_file() and beside.stat().st_size:
        copy = folder / "copy.db"
        shutil.copyfile(path, copy)
        shutil.copyfile(beside, folder / "copy.db-wal")
        return f"{copy.absolute().as_uri()}?mode=rw"
    return f"{path.absolute().as_uri()}?mode=ro&immutable=1"
