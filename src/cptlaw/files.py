"""Reading texts, and writing files whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from cptlaw import temporary
from cptlaw.errors import DataError


def read_text(path: str | Path, missing: str) -> str:
    """The text of a file, without a byte order mark, every line ended by a bare line feed.

    Args:
        path: of the file.
        missing: a sentence for those who name a file that is not there: what to give.

    Raises:
        DataError: there is no such file, or it cannot be read; the caller names it.
    """
    try:
        if Path(path).is_char_device():
            raise DataError(f"is a device, which may never end. {missing}")
        return Path(path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise DataError(f"there is no such file. {missing}") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}. {missing}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 text, at byte {error.start + 1}.") from None


def check_folder(folder: str | Path, files: Iterable[str] = ()) -> Path:
    """Whether a folder can be written to, or made, before the work begins.

    Args:
        folder: where to; it need not be there.
        files: names of what must not be written over.

    Raises:
        DataError: it is a file, cannot be made or written to, or holds one of them already.
    """
    target = Path(folder)
    try:
        if target.exists() and not target.is_dir():
            raise DataError(f"{target}: is a file; name a folder.")
        for name in files:
            if (target / name).exists():
                raise DataError(f"{target / name}: is there already. Name another folder.")
        there = next(p for p in (target.absolute(), *target.absolute().parents) if p.exists())
        if not there.is_dir():
            raise DataError(f"{target}: cannot be made: {there} is a file.")
        temporary.try_out(there / "trial")
    except OSError as error:
        what = "written to" if target.is_dir() else "made"
        raise DataError(f"{target}: cannot be {what}: {error.strerror}.") from None
    return target


def check_file(path: str | Path) -> None:
    """Whether a file can be written, before the work begins: a trial is, and taken away.

    Raises:
        DataError: its folder is missing or cannot be written to, the name is that of a folder or
            device, or the disk is full.
    """
    target = Path(path)
    try:
        target = target.resolve() if target.is_symlink() else target
        _check_ordinary(target)
        if not target.absolute().parent.is_dir():
            raise DataError(f"{target}: the folder {target.parent} does not exist. Make it first.")
        temporary.try_out(target)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror}.") from None


def _check_ordinary(target: Path) -> None:
    if target.is_dir():
        raise DataError(f"{target}: is a directory; name a file in it.")
    if target.exists() and not target.is_file():
        raise DataError(f"{target}: is a device or a pipe; name an ordinary file.")


def make_folder(folder: str | Path) -> Path:
    """Make a folder, and those that it lies in, where they are not there.

    Raises:
        DataError: it is a file, or cannot be made.
    """
    target = check_folder(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be made: {error.strerror}.") from None
    return target


def checksum(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: str | Path, content: str | bytes) -> Path:
    """Write a file by way of a temporary one beside it, so that it is never seen half-written.

    Args:
        path: where to.
        content: text (stored as UTF-8) or bytes.

    Raises:
        DataError: the directory is missing, or cannot be written to.
    """
    target = Path(path)
    data = content.encode() if isinstance(content, str) else content
    try:
        target = target.resolve() if target.is_symlink() else target
        _check_ordinary(target)
        temporary.write(target, data)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror}.") from None
    return target
