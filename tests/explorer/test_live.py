"""A run that trains while one looks at the page."""

import pytest

from cptlaw import datasets
from cptlaw.explorer import replies
from cptlaw.explorer.live import Watched
from cptlaw.explorer.state import State
from cptlaw.live.following import Follower
from cptlaw.live.monitor import Monitor
from cptlaw.live.planned import Planned

RUN = "half-wsd"


@pytest.fixture
def grown(fit, tmp_path):
    """A run whose log is there up to a row, and what lets it grow."""
    study = datasets.load("tiny-grid")
    lines = (datasets.path("tiny-grid") / f"{RUN}.csv").read_text().splitlines(keepends=True)
    run, log = study.run(RUN), tmp_path / "log.csv"
    monitor = Monitor(fit, Planned(run.schedule, name=RUN, after=run.after))
    watched = Watched(monitor, Follower(log, monitor.columns, length=run.steps))

    def grow(rows):
        log.write_text("".join(lines[: rows + 1]))
        watched._looked = float("-inf")
        return watched.look()

    return grow, len(lines) - 1


def test_the_forecast_narrows_as_the_log_grows(grown, entry):
    grow, rows = grown
    first, later = grow(rows // 6), grow(rows * 2 // 3)
    assert first.now.step < later.now.step < later.steps
    told = replies.live(entry, State(), later, "")
    assert {row["role"] for row in told["rows"]} == {"pt", "cpt"}
    cpt = next(row for row in told["rows"] if row["role"] == "cpt")
    assert cpt["reach"] < cpt["first"]
    assert cpt["measured"] == later.followed.measured("cpt")[1][-1]
    assert {trace["yaxis"] for trace in told["traces"]} == {"y2", "y3"}
    assert told["verdict"] == later.now.verdict


def test_it_follows_to_the_end(grown, entry):
    grow, rows = grown
    told = replies.live(entry, State(), grow(rows), "dark")
    assert told["step"] == told["steps"]


def test_a_log_that_cannot_be_read_is_told(grown):
    grow, rows = grown
    step = grow(rows // 2).now.step
    under = grow(0)
    assert under.trouble
    assert under.now.step == step
