"""A log as it lies on disk: its bytes and its text, or a plain word on why they cannot be had."""

from __future__ import annotations

import codecs
import difflib
import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cptlaw.errors import DataError

if TYPE_CHECKING:
    from cptlaw.studies.logs.rows import Table

_GZIP = b"\x1f\x8b"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Source:
    """A file or directory that was named as a log.

    Args:
        given: the path as the user wrote it.
        path: the same as a path.
        data: the file's bytes, unpacked if it was gzipped; empty for a directory.
        is_directory: whether it is one.
    """

    given: str
    path: Path
    data: bytes = b""
    is_directory: bool = False

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
            text = self.data.decode("utf-16" if self.data[:2] in _UTF16 else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._no_text(f"byte {error.start + 1} is not UTF-8 text") from None
        if "\0" in text:
            raise self._no_text("it holds zero bytes")
        return text.replace("\r\n", "\n").replace("\r", "\n")

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
    """

    name: str
    claims: Callable[[Source], bool]
    read: Callable[[Source], Table]
    suffixes: tuple[str, ...] = ()


def open_source(path: str | Path) -> Source:
    """Read a file's bytes, gzipped or not, or note that the path is a directory.

    Raises:
        DataError: nothing is there, it may not be read, it is empty, or its gzip is damaged.
    """
    given, where = str(path), Path(path)
    try:
        if where.is_dir():
            return Source(given, where, is_directory=True)
        data = where.read_bytes()
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
    if not data.strip():
        raise DataError(f"{given}: the file is empty; expected a log with a loss at each step.")
    return Source(given, where, data)


def _unpacked(given: str, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{given}: damaged gzip file ({error}). Copy or pack it again.") from None


def _nearest(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"Nor is there a directory '{path.parent}'. Check the path."
    if path.is_symlink():
        return f"It is a link to '{path.readlink()}', which is missing."
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"Did you mean '{path.with_name(near[0])}'?" if near else "Check the path."
