"""The lab's training against a bare PyTorch loop."""

import json
from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("datasets")

from cptlaw_evidence import lab_speed


@pytest.fixture
def trial(tmp_path):
    made = lab_speed.make_trial(tmp_path, 16, 12)
    return replace(made, node=replace(made.node, batch_sequences=4, sequence_length=32))


def test_both_reach_the_same_losses(trial, tmp_path):
    lab, bare = lab_speed.by_lab(trial, tmp_path / "run"), lab_speed.by_hand(trial)
    assert list(lab.train) == list(bare.train) == [10, 12]
    assert set(lab.validation) == {"docs", "code"}
    assert lab_speed.largest_difference(lab, bare) < 1e-5
    assert lab.train[12] < lab.train[10]


def test_another_schedule_gives_other_losses(trial):
    other = replace(trial, node=replace(trial.node, schedule=trial.node.schedule.scale(0.5)))
    one, two = lab_speed.by_hand(trial), lab_speed.by_hand(other)
    assert lab_speed.largest_difference(one, two) > 1e-4


def test_tells_medians_and_ratios(monkeypatch):
    seconds = iter([9, 9, 2, 2, 2, 4] * 2)  # a warm-up, then (bare, lab) and (lab, bare)

    def timed(*_):
        taken = float(next(seconds))
        return lab_speed.Timed(taken, taken, {10: 1.0}, {})

    monkeypatch.setattr(lab_speed, "by_lab", timed)
    monkeypatch.setattr(lab_speed, "by_hand", timed)
    result = lab_speed.lab_speed(rounds=2, steps=3)
    assert [row["model"] for row in result["models"]] == ["tiny", "four times"]
    row = result["models"][0]
    assert row["ratios"] == [1.0, 2.0]
    assert row["ratio"] == row["cpu_ratio"] == 1.5
    assert row["lab_tokens_per_second"] == 2 * row["batch_tokens"] / 2
    assert result["models"][1]["parameters"] == pytest.approx(4 * row["parameters"], rel=0.01)
    json.dumps(result, allow_nan=False)
    assert "four times" in lab_speed.lab_speed_text(result)
