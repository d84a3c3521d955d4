"""A bar on a terminal, a line now and then elsewhere."""

import io
import sys

import pytest

from cptlaw import datasets, fit
from cptlaw.cli import progress
from cptlaw.cli.progress import Progress


class Terminal(io.StringIO):
    """A standard error that is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds, which go by as the test says."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_sees_what_is_done_and_what_is_left(monkeypatch, clock):
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    bar = Progress()
    for number in (1, 2, 3):
        bar(f"fitting eq4 ({number} of 4) ...")
        clock[0] += 10.0
    lines = shown.getvalue().split("\r\x1b[K")[1:]
    assert lines[0] == "[--------------------] 1 of 4: fitting eq4 ..."
    assert lines[2] == "[##########----------] 3 of 4, about 20 s left: fitting eq4 ..."
    assert "\n" not in shown.getvalue()
    bar.clear()
    assert shown.getvalue().endswith("\r\x1b[K")


def test_elsewhere_a_line_is_left_out_that_comes_soon(monkeypatch, clock):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    bar = Progress()
    for number in range(1, 8):
        bar(f"fitting eq4 ({number} of 7) ...")
        clock[0] += 1.0
    assert shown.getvalue() == "fitting eq4 (1 of 7) ...\nfitting eq4 (6 of 7) ...\n"


def test_a_count_that_begins_anew_has_a_time_of_its_own(monkeypatch, clock):
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    bar = Progress()
    for number in (1, 2, 3, 1, 2):
        bar(f"{number} of 3: a law")
        clock[0] += 5.0
    assert "left" not in shown.getvalue().split("\r\x1b[K")[-1]


def test_a_fit_tells_of_every_domain():
    said: list[str] = []
    fit(datasets.load("grid-20m-far"), progress=said.append)
    assert said[0].startswith("fitting effective to pt (1 of ")
    assert len(said) == len(datasets.load("grid-20m-far").domains)
