"""A log as it lies on disk: its bytes and its text, or a plain word on why they cannot be had."""

from __future__ import annotations

import codecs
import difflib
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cptlaw.errors import DataError, suggestion
from cptlaw.studies.logs.names import quoted

if TYPE_CHECKING:
    from cptlaw.studies.logs.table import Table

SQLITE = b"SQLite format 3\0"
PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PART = "::"
MOST_LINES = 10_000_000
LARGEST = 1 << 28
"""Bytes: the most that a gzipped log may unpack to."""


@dataclass(frozen=True)
class Source:
    """A file or directory that was named as a log.

    Args:
        given: the path as the user wrote it.
        path: the file or directory.
        data: the file's bytes, unpacked if it was gzipped; empty for a directory, and only the
            first few of a SQLite database or a Parquet file, which are read in place.
        is_directory: whether it is one.
        part: which of several runs in it is wanted, as written behind `::`; "" if none was.
        logging_steps: steps from one of its rows to the next, where that was said.
    """

    given: str
    path: Path
    data: bytes = b""
    is_directory: bool = False
    part: str = ""
    logging_steps: int | None = None

    @property
    def stem(self) -> str:
        """The file's name without its suffixes, `.gz` included."""
        name = self.path.name
        if name.lower().endswith(".gz"):
            name = name[:-3]
        return Path(name).stem or "run"

    @property
    def first_character(self) -> str:
        """The first character that is not white space, "" if there is none."""
        return self.data[:4096].decode("utf-8-sig", "ignore").lstrip()[:1]

    @cached_property
    def text(self) -> str:
        """The file as text, its lines ended as on Unix.

        Raises:
            DataError: it is not UTF-8 (or UTF-16 with its mark).
        """
        try:
            text = self.data.decode("utf-16" if self.data[:2] in UTF16 else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._no_text(f"byte {error.start + 1} is not UTF-8 text") from None
        if "\0" in text:
            raise self._no_text("it holds zero bytes")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def refuse_many_lines(self) -> None:
        """Refuse a text that is to be read line by line and has too many.

        Raises:
            DataError: naming the limit.
        """
        if self.data.count(b"\n") > MOST_LINES:
            raise DataError(
                f"{self.given}: more than {MOST_LINES} lines, the most that is read one by one. "
                "Keep the lines and columns that you need, or write them as Parquet."
            )

    def _no_text(self, why: str) -> DataError:
        return DataError(
            f"{self.given}: neither a text log ({why}) nor a known binary log. "
            "Name the log itself, or save it as UTF-8 text."
        )


@dataclass(frozen=True)
class Format:
    """One log format: how to recognise it and how to read it.

    Args:
        name: what `Run.format` says.
        claims: whether a source is of this format, judged by its content.
        read: its rows, raising DataError where they cannot be had.
        suffixes: of its files, as a hint for people.
        several: whether `read` itself picks the run that is wanted of several; of other tables
            `shaping.one_run` does, by a column such as run_id.
    """

    name: str
    claims: Callable[[Source], bool]
    read: Callable[[Source], Table]
    suffixes: tuple[str, ...] = ()
    several: bool = False


def file_and_part(path: str | Path) -> tuple[Path, str]:
    """The file that `PATH` or `PATH::RUN` names, and the run: "" where none is named.

    Args:
        path: as the user wrote it.
    """
    where = Path(path)
    name, mark, part = str(path).partition(_PART)
    if not mark or not name or where.exists():
        return where, ""
    return Path(name), part.strip()


def picked(source: Source, runs: Mapping[str, str]) -> str:
    """The key of the one run of a source that is wanted.

    Args:
        source: of several runs, or of one.
        runs: what people call each run, by its key; a run may be asked for by either.

    Raises:
        DataError: none was named where there are several, or none or several are called that.
    """
    if not source.part and len(runs) == 1:
        return next(iter(runs))
    if source.part in runs:
        return source.part
    named = [key for key, name in runs.items() if name == source.part]
    if len(named) == 1:
        return named[0]
    called = Counter(runs.values())
    told = [name if called[name] == 1 and name else key for key, name in runs.items()]
    if not source.part:
        place = "folder" if source.is_directory else "file"
        raise DataError(
            f"{source.given}: several runs in one {place}: {quoted(told)}. Name one: "
            f"'{source.given}{_PART}{told[0]}'."
        )
    if named:
        raise DataError(f"{source.given}: {len(named)} runs are called that: {quoted(named)}.")
    raise DataError(f"{source.given}: no such run. {suggestion(source.part, told)}")


def open_source(path: str | Path) -> Source:
    """Read a file's bytes, gzipped or not, or note that the path is a directory.

    Args:
        path: of a file or directory; `::RUN` behind it picks one of several runs in it.

    Raises:
        DataError: nothing is there, it may not be read, it is empty, or its gzip is damaged.
    """
    given = str(path)
    where, part = file_and_part(path)
    try:
        if where.is_dir():
            return Source(given, where, is_directory=True, part=part)
        if where.is_char_device() or where.is_block_device():
            raise DataError(f"{given}: is a device, which may never end. Name a file.")
        data = _bytes(where)
    except FileNotFoundError:
        raise DataError(f"{given}: there is no such file. {_nearest(where)}") from None
    except PermissionError:
        raise DataError(
            f"{given}: reading it is not permitted. Ask its owner, or change its mode (chmod)."
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{given}: cannot be read ({error}). Check the path.") from None
    if data.startswith(_GZIP):
        data = _unpacked(given, data)
    if not data or data.isspace():
        raise DataError(f"{given}: the file is empty; expected a log with a loss at each step.")
    return Source(given, where, data, part=part)


def _bytes(path: Path) -> bytes:
    """A file's bytes; of one that is read in place only those that say what it is."""
    with path.open("rb") as file:
        start = file.peek(len(SQLITE))
        found = next((magic for magic in (SQLITE, PARQUET) if start.startswith(magic)), b"")
        return found or file.read()


def _unpacked(given: str, data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unpacked = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{given}: damaged gzip file ({error}). Copy or pack it again.") from None
    if len(unpacked) > LARGEST:
        raise DataError(
            f"{given}: it unpacks to more than {LARGEST >> 20} MiB, the most that is read. Unpack "
            "it and keep the columns and rows that you need."
        )
    return unpacked


def _nearest(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"Nor is there a directory '{path.parent}'. Check the path."
    if path.is_symlink():
        return f"It is a link to '{path.readlink()}', which is missing."
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"Did you mean '{path.with_name(near[0])}'?" if near else "Check the path."
