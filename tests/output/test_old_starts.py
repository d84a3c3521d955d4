"""Starts of version 0.1.0, which were stored as words."""

import json

import pytest

from cptlaw import DataError, forecast, published
from cptlaw.fitting.start import Start
from cptlaw.forecasting.forecast import Forecast
from cptlaw.output import store
from cptlaw.schedules.text import short

BASE = "warmup 500 to 2e-4 | constant 9500"
PLACES = [
    ("scratch", "scratch", "scratch", None, None),
    ("a base of 900 steps", "base schedule", "a base of 900 steps", None, 900),
    ("the end of 'it's'", "checkpoint", "it's", "it's", None),
    ("'a@5' at step 70", "checkpoint", "a@5@70", "a@5", 70),
    ("unknown:llama", "open model", "unknown:llama", "unknown:llama", None),
]


def plain(value):
    return json.loads(store.to_json(value))


def as_of_0_1_0(document, value):
    return json.dumps({**document, "version": 1, "value": value})


@pytest.fixture(scope="module")
def made():
    return forecast(published.load("fineweb-kp-106m"), "linear 3000 to 0", base_schedule=BASE)


@pytest.mark.parametrize(("words", "kind", "text", "run", "step"), PLACES)
def test_the_start_of_an_old_forecast(made, words, kind, text, run, step):
    document = plain(made)
    old = as_of_0_1_0(document, {**document["value"], "start": words})
    start = store.from_json(old, Forecast).start
    assert (start.kind, start.text, start.run, start.step) == (kind, text, run, step)
    assert start.words == words
    assert start.history.steps == 0
    assert (start.history.unknown_base == "llama") == (kind == "open model")


@pytest.mark.parametrize(("words", "kind", "text", "run", "step"), PLACES)
@pytest.mark.parametrize("annealed", [False, True])
def test_the_start_of_an_old_plan(made, words, kind, text, run, step, annealed):
    document = plain(made)
    then = document["value"]["schedule"] if annealed else None
    old = {
        "type": "Start",
        "text": "as typed",
        "words": f"{words}, then {short(made.schedule.text)}" if annealed else words,
        "history": document["value"]["start"]["history"],
        "after": run,
        "after_step": step if run else None,
        "annealed": then,
    }
    start = store.from_json(json.dumps({"cptlaw": "Start", "version": 1, "value": old}), Start)
    assert (start.kind, start.text, start.run, start.step) == (kind, "as typed", run, step)
    assert start.words == old["words"]
    assert start.history == made.start.history
    assert start.annealed == (made.schedule if annealed else None)


def test_words_that_are_no_start(made):
    document = plain(made)
    with pytest.raises(DataError, match="'nowhere' is not a start"):
        store.from_json(as_of_0_1_0(document, {**document["value"], "start": "nowhere"}))
