"""Console text: what a training program printed, read off line by line.

A new program is an entry of `writers.WRITERS`: its name and the patterns of its lines.
"""

from __future__ import annotations

import json
import re

from cptlaw.errors import DataError
from cptlaw.studies.logs.console import trainer
from cptlaw.studies.logs.console.engine import Writer, plain, read, text_of
from cptlaw.studies.logs.console.writers import ANY, WRITERS
from cptlaw.studies.logs.names import step_column
from cptlaw.studies.logs.source import UTF16, Format, Source
from cptlaw.studies.logs.table import Table

_PIECE = 1 << 16
_LONGEST_BAR = 2000
_FEWEST = 3  # lines of an unknown program before its text is taken for a log

# Text that is known and cannot be read: a bar drawn over itself, or losses without steps.
_UNREAD = (
    (
        re.compile(r"Epoch \d+:\s+\d+%\|.*\d+/\d+ \[.*(?:v_num|loss)="),
        "Lightning's progress bar",
        "Read the metrics.csv of its CSVLogger, or a TensorBoard or W&B log",
    ),
    (
        re.compile(r"(?<!\d)\d+/\d+ \[[^\]]*\bloss[=:]"),
        "a progress bar that shows a loss",
        "Read what the program writes beside it: CSV, JSON lines, W&B or TensorBoard",
    ),
    (
        re.compile(r"\bnum_updates(?:=|\": ?\")\d+"),
        "fairseq, whose losses are in bits",
        "Write a table of num_updates as step and of loss times ln 2 = 0.693147",
    ),
    (
        re.compile(r"\bbatches \| lr [\d.]+ \| ms/batch"),
        "PyTorch's word_language_model, whose batches count anew in each epoch",
        "Write a table of step and loss",
    ),
    (
        re.compile(r"(?<!\d)\d+/\d+ \[[=>.]*\]? - .*loss: "),
        "Keras' progress bar",
        "Read the file of its CSVLogger",
    ),
)


def _sample(data: bytes) -> str:
    """The beginning, the middle and the end: some print their own source code first."""
    if len(data) <= 3 * _PIECE:
        return plain(text_of(data))
    mark = data[:2] if data[:2] in UTF16 else b""
    middle, end = len(data) // 4 * 2, (len(data) - _PIECE) // 2 * 2
    pieces = (data[len(mark) : _PIECE], data[middle : middle + _PIECE], data[end:])
    return plain("\n".join(text_of(mark + piece) for piece in pieces))


def _writer(sample: str) -> Writer | None:
    """The program that most lines of a sample are of."""
    best = max((*WRITERS, trainer.TRAINER), key=lambda writer: _fits(writer, sample))
    if _fits(best, sample):
        return best
    return ANY if ANY.fits(sample) >= _FEWEST else None


def _fits(writer: Writer, sample: str) -> int:
    return trainer.fits(sample) if writer is trainer.TRAINER else writer.fits(sample)


def _claims(source: Source) -> bool:
    wide = source.data[:2] in UTF16  # as a shell of Windows writes what a program prints
    if source.is_directory or (b"\0" in source.data[:_PIECE] and not wide):
        return False
    if _is_json(source.data) or _is_table(source.data):
        return False
    sample = _sample(source.data)
    return _writer(sample) is not None or _unread(sample) is not None


def _unread(sample: str) -> tuple[str, str] | None:
    """What is known of a text that is not read, and what to read in its place."""
    for line in sample.split("\n"):
        if 0 < len(line) <= _LONGEST_BAR:
            for each, what, mend in _UNREAD:
                if each.search(line):
                    return what, mend
    return None


def _is_table(data: bytes) -> bool:
    """Whether the first line is a header with a column that counts steps."""
    lines = text_of(data[:_PIECE]).split("\n")
    header = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    cells = [cell.strip().strip('"') for cell in re.split(r"[,;\t]", header)]
    return len(cells) > 1 and step_column(cells) is not None


def _is_json(data: bytes) -> bool:
    """Whether the first line is a JSON object, or the file a JSON list."""
    first = data.lstrip()[:_PIECE].split(b"\n", 1)[0].strip()
    if first[:1] not in (b"{", b"["):
        return False
    if first in (b"{", b"["):
        return True
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return first.startswith((b'{"', b'[{"'))
    return True


def _read(source: Source) -> Table:
    sample = _sample(source.data)
    writer = _writer(sample)
    if writer is trainer.TRAINER:
        return trainer.read(source)
    if writer is not None:
        return read(source, writer)
    what, mend = _unread(sample) or ("an unknown program", "Read a CSV or JSON log")
    raise DataError(f"{source.given}: console text of {what}, which is not read. {mend}.")


FORMAT = Format("console", _claims, _read, (".log", ".txt", ".out"))
