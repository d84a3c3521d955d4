"""What following a run of the Trainer costs, measured on a model of no size."""

import json

import pytest

from command import run

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_callbacks_part_of_a_real_run(monkeypatch):
    from cptlaw_evidence import live_cost

    for name, small in (("_VOCABULARY", 64), ("_WIDTH", 16), ("_LAYERS", 1), ("_HEADS", 2)):
        monkeypatch.setattr(live_cost, name, small)
    ended = run("bench", "live", "--cost", "40", "--format", "json")
    assert ended.status == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["steps"], found["evaluations"]) == (40, 20)
    spent = found["start_seconds"] + found["evaluations"] * found["evaluation_seconds"]
    assert found["share"] == pytest.approx(spent / found["seconds"])
    assert found["step_seconds"] == pytest.approx((found["seconds"] - spent) / 40)
    assert 0 < found["start_seconds"] < found["seconds"]
    assert "40 steps of" in live_cost.to_text(found)
