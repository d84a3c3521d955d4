"""Reading texts, and writing files whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

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
        return Path(path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise DataError(f"there is no such file. {missing}") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}. {missing}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 text, at byte {error.start + 1}.") from None


def check_folder(folder: str | Path, files: Iterable[str] = ()) -> Path:
    """Whether a folder can be written to, before the work begins.

    Args:
        folder: where to; it need not be there.
        files: names of what must not be written over.

    Raises:
        DataError: it is a file, or holds one of them already.
    """
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise DataError(f"{target}: is a file; name a folder.")
    for name in files:
        if (target / name).exists():
            raise DataError(f"{target / name}: is there already. Name another folder.")
    return target


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
        if target.is_dir():
            raise DataError(f"{target}: is a directory; name a file in it.")
        if target.exists() and not target.is_file():
            raise DataError(f"{target}: is not an ordinary file; name one to write over.")
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(target)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise DataError(f"{target}: cannot be written: {error.strerror}.") from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target
