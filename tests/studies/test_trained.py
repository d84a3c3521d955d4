"""Logs of models that were trained before, of which nobody says on what."""

import numpy as np
import pytest

from cptlaw import DataError, datasets
from cptlaw.studies import logs, study_file
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study_file.draft import draft
from cptlaw.studies.study_file.trained import seems_trained

STEPS = np.arange(0, 1001, 20)


def log(losses, steps=STEPS, column="loss"):
    return Run("log", {column: Curve(steps, losses)})


def falling(first, last, power=0.3):
    """A loss that falls as a power of the steps, as training from scratch does."""
    return last + (first - last) * (1.0 + STEPS / 20.0) ** -power


@pytest.mark.parametrize(
    ("losses", "trained"),
    [
        (falling(10.8, 3.0), False),
        (falling(4.17, 1.4, 0.6), False),  # characters
        (falling(5.5, 1.2, 0.6), False),  # bytes
        (falling(1.75, 1.3), True),
        (np.linspace(2.4, 2.45, STEPS.size), True),
        (np.linspace(4.5, 4.3, STEPS.size), True),  # a small model, another language
    ],
)
def test_what_a_loss_at_the_first_step_tells(losses, trained):
    assert (seems_trained(log(losses)) is not None) is trained


def test_a_training_loss_that_begins_high_is_from_scratch():
    both = log(falling(10.8, 3.0))
    late = Curve(STEPS[2:], falling(1.5, 1.3)[2:])
    assert seems_trained(Run("a", {**both.curves, "eval": late})) is None
    assert seems_trained(Run("a", {"eval": late})) is not None


def test_a_log_that_begins_late_is_told_of_elsewhere():
    assert seems_trained(log(falling(2.5, 2.0), STEPS + 20_000)) is None


@pytest.mark.parametrize("name", ["tiny-cpt", "grid-20m"])
def test_bundled_runs(name):
    study = datasets.load(name)
    assert seems_trained(study.run("base")) is None
    assert seems_trained(study.run("cpt-const")) is not None


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "one.csv"
    rows = zip(STEPS, falling(1.75, 1.3), strict=True)
    text = "step,loss,learning_rate\n" + "".join(f"{s},{v:.4f},1e-5\n" for s, v in rows)
    found.write_text(text, encoding="utf-8")
    return found


def test_a_draft_asks_and_the_study_is_not_loaded_until_it_is_answered(path, tmp_path):
    made = draft([logs.read(path)], ["one.csv"])
    assert made.asks == ("one",)
    assert "# ASK: what does it go on from? Its loss 'loss' is 1.75 at step 0" in made.text
    assert any("--unknown NAME" in note for note in made.notes)
    file = tmp_path / "study.toml"
    file.write_text(made.text, encoding="utf-8")
    with pytest.raises(DataError, match=r"run 'one': .*init again with --unknown NAME"):
        study_file.load(file)
    file.write_text(made.text.replace('after = "?"\n', ""), encoding="utf-8")
    assert study_file.load(file).run("one").after is None


def test_with_its_open_model_nothing_is_asked(path):
    made = draft([logs.read(path)], ["one.csv"], unknown="llama")
    assert made.asks == ()
    assert 'after = "unknown:llama"' in made.text
