"""Speed without the first steps, in which models are compiled."""

from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from cptlaw.lab import pace as paces
from cptlaw.lab.pace import Pace
from cptlaw.lab.progress import Progress
from labs import record

NODE = SimpleNamespace(name="base", steps=100, batch_tokens=1000)
QUIET = SimpleNamespace(should_evaluate=False, should_save=False)


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = SimpleNamespace(value=0.0)
    monkeypatch.setattr(paces.time, "monotonic", lambda: now.value)
    return now


def ran(clock, *, first_evaluation=9.0, compiles=20.0, steps=10, evaluation=2.0):
    """An evaluation, steps of half a second, an evaluation and a checkpoint after each five."""
    made = Pace()
    made.on_train_begin(None, None, None)
    clock.value += first_evaluation
    made.evaluated()
    for step in range(1, steps + 1):
        clock.value += compiles if step == 1 else 0.5
        made.on_step_end(None, None, QUIET)
        if step % 5 == 0:
            clock.value += evaluation
            made.evaluated()
            clock.value += 3.0
            made.on_save(None, None, None)
    return made


def test_compiling_is_told_by_itself(clock):
    made = ran(clock)
    assert made.step_seconds == 0.5
    assert made.evaluation_seconds == 2.0
    assert made.start_seconds == pytest.approx(19.5 + 7)
    assert made.record(1000) == {
        "tokens_per_second": 2000.0,
        "start_seconds": pytest.approx(26.5),
        "evaluation_seconds": 2.0,
    }


def test_nothing_is_said_of_a_speed_before_it_is_known(clock):
    made = ran(clock, steps=2)
    assert made.record(1000) == dict.fromkeys(
        ("tokens_per_second", "start_seconds", "evaluation_seconds")
    )


def test_progress_tells_the_speed_without_the_start(clock, capsys):
    made = Pace()
    show = Progress(NODE, pace=made)
    made.on_train_begin(None, None, None)
    show(SimpleNamespace(global_step=0), {})
    for step in range(1, 13):
        clock.value += 30.0 if step == 1 else 0.5
        made.on_step_end(None, None, QUIET)
    show(SimpleNamespace(global_step=12), {"loss": 3.0})
    line = capsys.readouterr().err.splitlines()[-1]
    assert "step 12 of 100  44 s left  2,000 tokens/s  30 s to start  train 3.0000" in line


def test_record_has_the_speed(lab):
    lab.finished()
    found = record(lab.out() / "base")["speed"]
    assert found["tokens_per_second"] > 0 and found["start_seconds"] >= 0
    assert (found["compile"], found["micro_batch"]) == (False, 4)
