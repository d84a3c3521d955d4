"""Documents from files and folders, from the hub of data sets, and from the built-in texts."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cptlaw.errors import DataError, MissingExtra, suggestion
from cptlaw.lab import builtin
from cptlaw.lab.document import Document, shuffled_key

if TYPE_CHECKING:
    from cptlaw.lab.tables import Text

__all__ = ["Document", "documents", "files"]

_ROWS = (".jsonl", ".json", ".jsonl.gz", ".json.gz", ".jsonl.zst", ".json.zst")
_SHOWN = 5


class _Skipped:
    """What is left out, told in one sentence for each reason, which grows as more is.

    Args:
        notes: where the sentences stand, among others.
    """

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.count: Counter[str] = Counter()
        self.names: dict[str, list[str]] = {}

    def add(self, reason: str, name: str) -> None:
        """Tell one more file or row.

        Args:
            reason: such as "empty".
            name: of the document.
        """
        before = self.sentence(reason)
        self.count[reason] += 1
        if self.count[reason] <= _SHOWN:
            self.names.setdefault(reason, []).append(name)
        if before in self.notes:
            self.notes[self.notes.index(before)] = self.sentence(reason)
        else:
            self.notes.append(self.sentence(reason))

    def sentence(self, reason: str) -> str:
        """All that was left out for one reason."""
        count, names = self.count[reason], ", ".join(self.names.get(reason, ()))
        more = f" and {count - _SHOWN:,} more" if count > _SHOWN else ""
        return f"Skipped as {reason}: {names}{more}."


@dataclass(frozen=True)
class _File:
    name: str
    path: Path
    asked_for: bool


def documents(text: Text, folder: Path, notes: list[str] | None = None) -> Iterator[Document]:
    """The documents of a text; files stand in a fixed shuffled order, rows in their own.

    Args:
        text: where the documents are: built in, in files or folders, or on the hub.
        folder: what its relative paths start from.
        notes: get a sentence for each reason for which files or rows were skipped so far.

    Raises:
        DataError: naming the file, row or column that cannot be used, and the mend; a missing
            file at once, the others when they are reached.
        MissingExtra: a package that reads this kind of text is not installed.
    """
    if text.builtin is not None:
        return builtin.documents(text.builtin)
    skipped = _Skipped([] if notes is None else notes)
    if text.path is not None:
        given = _given(text)
        read = (_read(file, text.column, skipped) for file in _files(given, folder, skipped))
        found = itertools.chain.from_iterable(read)
        source = ", ".join(map(str, given))
    else:
        found, source = _hub(text, skipped), str(text.hub)
    return _filled(found, source, skipped)


def files(text: Text, folder: Path) -> list[Path]:
    """The files that a text is read from; none for built-in texts and the hub.

    Args:
        text: where the documents are.
        folder: what its relative paths start from.

    Raises:
        DataError: a file that is not there.
    """
    return [file.path for file in _files(_given(text), folder, _Skipped([]))]


def _given(text: Text) -> list[str | Path]:
    if text.path is None:
        return []
    return [text.path] if isinstance(text.path, str | Path) else list(text.path)


def _filled(found: Iterable[Document], source: str, skipped: _Skipped) -> Iterator[Document]:
    empty = True
    for document in found:
        if document.text.strip():
            empty = False
            yield document
        else:
            skipped.add("empty", document.name)
    if empty:
        told = "".join(f" {skipped.sentence(reason)}" for reason in skipped.count)
        raise DataError(
            f"{source}: holds no text; expected at least one document that is not empty.{told}"
        )


def _files(given: Iterable[str | Path], folder: Path, skipped: _Skipped) -> list[_File]:
    sources = list(given)
    found: dict[str, _File] = {}
    for source in sources:
        path = folder / source
        start = f"{Path(source).as_posix()}/" if len(sources) > 1 else ""
        if path.is_dir():
            below = ((f"{start}{name}", name) for name in _below(path, start, skipped))
            found |= {full: _File(full, path / name, False) for full, name in below}
        elif path.is_file():
            name = start.rstrip("/") or path.name
            found[name] = _File(name, path, True)
        else:
            raise DataError(
                f"{path}: does not exist; expected a file or a folder of texts. {_near(path)}"
            )
    return sorted(found.values(), key=lambda file: shuffled_key(file.name))


def _near(path: Path) -> str:
    with suppress(OSError):
        return suggestion(path.name, sorted(p.name for p in path.parent.iterdir()))
    return f"{path.parent} cannot be read either: correct the path."


def _below(top: Path, start: str, skipped: _Skipped) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise DataError(
            f"{error.filename}: cannot be read: {error.strerror}. Allow it, or name what is to be "
            "read instead of the folder above it."
        )

    for parent, folders, files in os.walk(top, onerror=refuse):
        for name in sorted((*folders, *files)):
            below = Path(parent, name).relative_to(top).as_posix()
            if name.startswith("."):
                skipped.add("hidden", f"{start}{below}")
            elif name in folders and Path(parent, name).is_symlink():
                skipped.add("a link to a folder", f"{start}{below}")
            elif name in files and not Path(parent, name).exists():
                skipped.add("a link that leads nowhere", f"{start}{below}")
            elif name in files and Path(parent, name).is_file():
                yield below
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def _read(file: _File, column: str, skipped: _Skipped) -> Iterator[Document]:
    suffix = file.path.name.lower()
    try:
        if suffix.endswith(_ROWS):
            with _opened(file.path) as lines:
                yield from _json_rows(lines, file, column, skipped)
        elif suffix.endswith(".parquet"):
            yield from _parquet_rows(file, column, skipped)
        else:
            yield from _whole(file, skipped)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{file.path}: cannot be read: {reason}. Restore the file.") from None


def _whole(file: _File, skipped: _Skipped) -> Iterator[Document]:
    content = file.path.read_bytes()
    try:
        if not file.asked_for and b"\0" in content[:8192]:
            skipped.add("binary", file.name)
        else:
            yield Document(file.name, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        if file.asked_for:
            raise DataError(
                f"{file.path}: byte {error.start:,} is not UTF-8 ({error.reason}); expected text "
                "in UTF-8. Convert the file, for example with iconv -f LATIN1 -t UTF-8."
            ) from None
        skipped.add("not UTF-8", f"{file.name} (byte {error.start:,})")


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")
    if path.suffix.lower() == ".zst":
        raw = _arrow("Zstandard").input_stream(str(path), compression="zstd")
        return io.BufferedReader(raw)
    return path.open("rb")


def _json_rows(
    lines: IO[bytes] | gzip.GzipFile, file: _File, column: str, skipped: _Skipped
) -> Iterator[Document]:
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
            if line.lstrip().startswith(b"["):
                yield from _json_list(line + lines.read(), file, column, skipped)
                return
        if line.strip():
            row = _loaded(line, f"{file.path}, line {number:,}")
            yield from _cell(row, file.path, file.name, number, column, skipped)


def _json_list(content: bytes, file: _File, column: str, skipped: _Skipped) -> Iterator[Document]:
    for number, row in enumerate(_loaded(content, str(file.path)), 1):
        yield from _cell(row, file.path, file.name, number, column, skipped)


def _loaded(content: bytes, place: str) -> Any:
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{place}: malformed JSON ({error}); expected JSON Lines (one object a line) or a "
            "list of objects. Mend the file, or leave it out by naming the others."
        ) from None


def _parquet_rows(file: _File, column: str, skipped: _Skipped) -> Iterator[Document]:
    arrow = _arrow("Parquet")
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(file.path) as table:
            _check_column(table.schema_arrow.names, file.path, column)
            number = 0
            for batch in table.iter_batches(batch_size=1024, columns=[column]):
                for value in batch.column(column).to_pylist():
                    number += 1
                    row = {column: value}
                    yield from _cell(row, file.path, file.name, number, column, skipped)
    except arrow.ArrowException as error:
        raise DataError(
            f"{file.path}: cannot be read as Parquet ({_first_line(error)}). Restore the file."
        ) from None


def _cell(
    row: object, place: object, name: str, number: int, column: str, skipped: _Skipped
) -> Iterator[Document]:
    """The document of one row, if it has one.

    Args:
        row: what stands in the row; a JSON object where all is well.
        place: the file or data set, for messages.
        name: the same, for names of documents.
        number: of the row, from 1.
        column: whose cell is the text.
        skipped: where rows without text go.

    Raises:
        DataError: the first row lacks the column, or a cell is not text.
    """
    where = f"{place}, row {number:,}"
    if not isinstance(row, Mapping):
        raise DataError(f"{where}: is {_kind(row)}; expected an object with '{column}'.")
    if number == 1:
        _check_column(row, where, column)
    value = row.get(column)
    if value is None:
        skipped.add(f"without '{column}'", f"{name}:{number}")
    elif isinstance(value, str):
        yield Document(f"{name}:{number}", value)
    else:
        raise DataError(
            f"{where}: '{column}' is {_kind(value)}; expected text. Name another column "
            "(column = ...), or mend the row."
        )


def _check_column(names: Iterable[str], place: object, column: str) -> None:
    known = list(names)
    if column not in known:
        raise DataError(
            f"{place}: there is no column '{column}'; expected the one that holds the text "
            f"(column = ...). {suggestion(column, known)}"
        )


def _kind(value: object) -> str:
    shown = json.dumps(value, default=str)
    return f"{type(value).__name__} {shown if len(shown) <= 40 else shown[:37] + '...'}"


def _hub(text: Text, skipped: _Skipped) -> Iterator[Document]:
    load = _load_dataset()
    name = "/".join(part for part in (text.hub, text.config, text.split) if part)
    number = 0
    rows = _guarded(
        lambda: iter(load(text.hub, text.config, split=text.split, streaming=True)), name
    )
    while (row := _guarded(lambda: next(rows, None), name)) is not None:
        number += 1
        yield from _cell(row, name, name, number, text.column, skipped)


def _guarded(step: Callable[[], Any], name: str) -> Any:
    # Whatever goes wrong between here and the hub has many types, from several packages.
    try:
        return step()
    except Exception as error:
        mend = "Check the data set's name, its config and its split."
        if isinstance(error, OSError):
            mend = "Check the network and the name, or give a folder that holds it (path = ...)."
        raise DataError(
            f"{name}: cannot be read from the hub: {_first_line(error)}. {mend}"
        ) from None


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0]
    return line.rstrip(". ") or type(error).__name__


def _load_dataset() -> Callable[..., Any]:
    try:
        from datasets import load_dataset
    except ImportError:
        raise MissingExtra("datasets", "lab", "Reading from the hub") from None
    return load_dataset


def _arrow(purpose: str) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise MissingExtra("pyarrow", "lab", f"Reading {purpose}") from None
    return pyarrow
