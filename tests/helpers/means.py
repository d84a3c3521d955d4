"""The two means by which recurrences are worked out: compiled, or in NumPy alone."""

from contextlib import contextmanager

import pytest

from cptlaw.laws import compiled

needs_compiled = pytest.mark.skipif(
    compiled.recurrences() is None, reason=f"no compiled recurrences: {compiled.in_words()}"
)


@contextmanager
def numpy_alone():
    """Within it nothing compiled is used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(compiled.VARIABLE, "0")
        compiled.recurrences.cache_clear()
        try:
            yield
        finally:
            compiled.recurrences.cache_clear()
    assert compiled.recurrences.cache_info().currsize == 0


def both_ways(function, *args):
    """What a function gives by compiled recurrences, and what by NumPy."""
    with numpy_alone():
        plain = function(*args)
    return function(*args), plain
