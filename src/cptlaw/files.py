"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cptlaw.errors import DataError


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
            raise DataError(f"{target}: is no ordinary file; name one that may be written over.")
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
