"""A run that is followed, as text, JSON, a table and a figure."""

import json

import pytest

from cptlaw import DataError, Followed
from cptlaw.output.json.live import followed_json, outlook_json
from cptlaw.output.text.live import outlook_line
from following import followed


@pytest.fixture(scope="module")
def run():
    return followed(480, rules=("stop: pt > 3.0 at 90 %",)).followed


def test_one_evaluation_is_one_line(run):
    line = outlook_line(run.outlooks[24])
    assert line.startswith("step 480 of 800: pt 3.1")
    assert line.endswith("; stop")
    assert "\n" not in line


@pytest.mark.parametrize("which", ["run", "outlook"])
def test_it_tells_draws_and_tabulates_itself(run, which, tmp_path):
    result = run if which == "run" else run.outlooks[-1]
    text = result.summary()
    assert max(map(len, text.splitlines())) <= 110
    assert "This rests on 6 earlier runs and 25 evaluations of this run." in text
    result.plot(tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes()[:4] == b"\x89PNG"
    table = result.to_pandas()
    assert len(table) == (50 if which == "run" else 2)
    assert {"run", "step", "domain", "final", "final_low", "final_high"} <= set(table.columns)
    assert repr(result).startswith("<")
    assert len(repr(result)) < 400


def test_json_has_the_curve_ahead_where_it_is_asked_for(run):
    told = json.loads(json.dumps(followed_json(run), allow_nan=False))["outlooks"]
    assert "ahead" not in told[0]["domains"]["pt"]
    ahead = told[-1]["domains"]["pt"]["ahead"]
    assert ahead["step"][0] == 480
    assert ahead["step"][-1] == 800
    assert told[-1]["stop"]
    assert told[-1]["alarms"][0]["domain"] == "pt"


def test_a_loss_that_is_no_number_is_null_in_json():
    made = followed(40)
    outlook = made.update(60, {"pt": float("nan"), "cpt": 2.9})
    told = json.loads(json.dumps(outlook_json(outlook), allow_nan=False))
    assert told["domains"]["pt"]["loss"] is None
    assert told["alarms"][0]["kind"] == "not finite"


def test_a_run_without_a_forecast_is_not_drawn():
    with pytest.raises(DataError, match="nothing is foreseen"):
        Followed(()).plot()
    assert Followed(()).summary() == "nothing measured yet."
