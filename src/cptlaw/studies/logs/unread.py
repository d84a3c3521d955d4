"""Files and folders that are known and not read: what each is, and what to read in its place."""

from __future__ import annotations

from typing import NoReturn

from cptlaw.errors import DataError
from cptlaw.studies.logs import sqlite
from cptlaw.studies.logs.source import Format, Source

_KINDS = (
    (b"PK\x03\x04", "a zip archive (a checkpoint, .npz or .xlsx)", "Unpack it and name the log"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "Write its columns as CSV or Parquet"),
    (b"ARROW1", "an Arrow or Feather file", "Write it as Parquet: pyarrow.parquet.write_table"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "Unpack it: unzstd FILE"),
    (b"BZh", "packed with bzip2", "Unpack it: bunzip2 FILE"),
    (b"\xfd7zXZ\0", "packed with xz", "Unpack it: unxz FILE"),
    (b"\x80\x02", "a Python pickle, and those can run code", "Write it as CSV or JSON Lines"),
    (b"\x80\x03", "a Python pickle, and those can run code", "Write it as CSV or JSON Lines"),
    (b"\x80\x04", "a Python pickle, and those can run code", "Write it as CSV or JSON Lines"),
    (b"\x80\x05", "a Python pickle, and those can run code", "Write it as CSV or JSON Lines"),
)
"""How a file starts, what it is, and what to do."""
_AIM = (
    "an Aim repository, which is not read. Export the run with Aim's own code: for metric in "
    "Repo('.').get_run(HASH).metrics(): metric.dataframe().to_csv(...)"
)


def _kind(source: Source) -> str:
    """What a source is, and what to do; "" if it is nothing that is known."""
    if source.is_directory:
        is_aim = (source.path / ".aim").is_dir() or source.path.name == ".aim"
        return _AIM if is_aim else ""
    if sqlite.is_database(source):
        return "a SQLite database of neither MLflow nor Trackio. Export the run as CSV"
    return next(
        (f"{what}. {do}" for start, what, do in _KINDS if source.data.startswith(start)), ""
    )


def _read(source: Source) -> NoReturn:
    raise DataError(f"{source.given}: {_kind(source)}.")


FORMAT = Format("unread", lambda source: bool(_kind(source)), _read, several=True)
