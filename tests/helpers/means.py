"""The two means by which recurrences are worked out: compiled, or in NumPy alone."""

import pytest

from cptlaw.laws import compiled

needs_compiled = pytest.mark.skipif(
    compiled.recurrences() is None, reason=f"no compiled recurrences: {compiled.in_words()}"
)


def both_ways(function, *args):
    """What a function gives by compiled recurrences, and what by NumPy."""
    with compiled.in_numpy():
        plain = function(*args)
    return function(*args), plain
