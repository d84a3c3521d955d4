"""Files and folders that are there for a while: taken away however the process ends.

Each is locked while it is in use. The lock goes with the process, even where that is killed, so
whoever makes the next one beside it finds what a killed process left, and takes it away.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from cptlaw import ending

_OURS = re.compile(r"[0-9a-f]{10}\.part")  # how a name ends
_LONGEST = 100  # bytes of a target's name in that of its temporary file
_BLOCK = 4096  # bytes

_open: dict[Path, int | None] = {}  # of this process, with the handle that is locked


def write(target: Path, content: bytes) -> None:
    """Write a file by way of a temporary one beside it.

    Args:
        target: written over if it is there.
        content: of the file.

    Raises:
        OSError: it cannot be written.
    """
    with _file_beside(target) as (path, handle):
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        path.chmod(0o666 & ~umask)
        if os.name == "nt":  # where an open file cannot be renamed
            os.close(handle)
            _open[path] = None
        path.replace(target)


def try_out(target: Path) -> None:
    """Whether a file can be written: a small one is, beside it, and taken away again.

    Raises:
        OSError: it cannot be made there, or the disk is full.
    """
    with suppress(FileNotFoundError):
        target.lstat()  # a name that is too long
    with _file_beside(target) as (_, handle):
        os.write(handle, bytes(_BLOCK))


@contextmanager
def _file_beside(target: Path) -> Generator[tuple[Path, int]]:
    """A temporary file in the folder of another, with a handle to write to."""
    name = target.name.encode(errors="surrogateescape")[:_LONGEST].decode(errors="ignore")
    with _kept(f".{name}.", target.parent, is_folder=False) as (path, handle):
        yield path, handle


@contextmanager
def folder(prefix: str = "cptlaw-", parent: str | Path | None = None) -> Generator[Path]:
    """A temporary folder.

    Args:
        prefix: what its name begins with.
        parent: where it lies; left out, where the system keeps such folders.

    Raises:
        OSError: it cannot be made there.
    """
    place = Path(tempfile.gettempdir() if parent is None else parent)
    with _kept(prefix, place, is_folder=True) as (path, _):
        yield path


@contextmanager
def _kept(prefix: str, parent: Path, *, is_folder: bool) -> Generator[tuple[Path, int]]:
    parent = parent.absolute()
    _sweep(prefix, parent)
    path, handle = _make(prefix, parent, is_folder)
    try:
        yield path, handle
    finally:
        _take_away(path)


def _make(prefix: str, parent: Path, is_folder: bool) -> tuple[Path, int]:
    """A new file or folder, and a handle of it that is locked."""
    while True:
        path = parent / f"{prefix}{secrets.token_hex(5)}.part"
        _open[path] = None  # before it is there: a signal may come at any moment
        try:
            handle = _open[path] = _made(path, is_folder)
        except OSError:
            del _open[path]
            raise
        _lock(handle, waits=True)  # for one that has just taken it for a leftover
        if path.exists():
            return path, handle
        _take_away(path)


def _made(path: Path, is_folder: bool) -> int:
    if is_folder:
        path.mkdir(0o700)
        return os.open(path if os.name != "nt" else os.devnull, os.O_RDONLY)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)


def _sweep(prefix: str, parent: Path) -> None:
    """Take away what a process that was killed has left there."""
    with suppress(OSError):
        for entry in os.scandir(parent):
            path = parent / entry.name
            begins, rest = entry.name.startswith(prefix), entry.name.removeprefix(prefix)
            if begins and _OURS.fullmatch(rest) and path not in _open:
                with suppress(OSError):
                    _sweep_one(path)


def _sweep_one(path: Path) -> None:
    about = path.lstat()
    is_ours = os.name != "nt" and about.st_uid == os.getuid()
    if not is_ours or not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):
        return
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if _lock(handle):
            _remove(path)
    finally:
        os.close(handle)


def _lock(handle: int, *, waits: bool = False) -> bool:
    """Lock an open file or folder; whether it is locked now, and so in no other use."""
    try:
        import fcntl
    except ImportError:  # Windows: what a killed process left stays
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _take_away(path: Path) -> None:
    handle = _open[path]
    if handle is not None:  # first: Windows removes no open file
        _open[path] = None
        with suppress(OSError):
            os.close(handle)
    with suppress(OSError):
        _remove(path)
    del _open[path]


def _take_all_away() -> None:
    for path in list(_open):
        with suppress(OSError):
            _remove(path)


ending.at_end.append(_take_all_away)
