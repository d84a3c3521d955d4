"""The line of a terminal that is written anew."""

import io
import sys

import pytest

from cptlaw.bar import UNKNOWN, bar, clock, rewrite


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (42.4, "42 s"),
        (59.7, "1 min 0 s"),
        (185, "3 min 5 s"),
        (3599.9, "1 h 0 min"),
        (7800, "2 h 10 min"),
        (388_800, "4.5 days"),
    ],
)
def test_times_are_told_as_people_say_them(seconds, told):
    assert clock(seconds) == told


def test_what_is_done():
    assert (bar(0.0), bar(0.5), bar(1.0)) == (
        "[--------------------]",
        "[##########----------]",
        "[####################]",
    )


def test_a_line_fits_and_steers_no_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())
    rewrite("run \x1b[2J" + "x" * 200)
    assert shown.getvalue() == "\r\x1b[K" + ("run \\x1b[2J" + "x" * 200)[:UNKNOWN]
