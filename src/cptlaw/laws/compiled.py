"""The compiled recurrences (recurrences.c), where they could be built; NumPy does it elsewhere.

Both ways agree to about 1e-13 (tests/laws/test_compiled.py). `CPTLAW_COMPILED=0` in the environment
leaves the compiled ones alone.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

VARIABLE = "CPTLAW_COMPILED"
SOURCE = Path(__file__).with_name("recurrences.c")


@cache
def recurrences() -> ModuleType | None:
    """The compiled module; None where NumPy is to be used."""
    return _found()[0]


@contextmanager
def in_numpy() -> Generator[None]:
    """Within it NumPy is used, for comparison."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "0"
    recurrences.cache_clear()
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        os.environ |= {} if before is None else {VARIABLE: before}
        recurrences.cache_clear()


def in_words() -> str:
    """Which of the two is in use, and why, for `cptlaw --version`."""
    return _found()[1]


def checksum() -> int:
    """Of the source, by which a build of an older one is told."""
    return zlib.crc32(SOURCE.read_bytes()) & 0x7FFFFFFF


def _found() -> tuple[ModuleType | None, str]:
    if os.environ.get(VARIABLE) == "0":
        return None, f"recurrences in NumPy ({VARIABLE}=0)"
    try:
        from cptlaw.laws import recurrences as built
    except ImportError:
        return None, "recurrences in NumPy (the compiled ones were not built)"
    if SOURCE.exists() and checksum() != built.SOURCE:
        return None, "recurrences in NumPy (the compiled ones are of another version; install anew)"
    return built, "compiled recurrences"
