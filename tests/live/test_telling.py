"""What callbacks log, and what they take for losses."""

import pytest

from cptlaw.live.telling import losses_of, new_alarms, role_of, scalars
from cptlaw.studies.logs.names import is_never_loss
from following import followed


@pytest.mark.parametrize(
    ("metric", "role"),
    [
        ("eval_loss", "loss"),
        ("eval_pt_loss", "pt"),
        ("val_cpt_loss", "cpt"),
        ("eval/code_loss", "ood.code"),
        ("eval_python_code_loss", "ood.python_code"),
        ("eval_runtime", None),
        ("train_loss", None),
        ("loss", None),
    ],
)
def test_metrics_name_their_domain(metric, role):
    assert role_of(metric) == role


def test_forecasts_have_names_that_no_reader_takes_for_losses():
    values = scalars(followed(100).now)
    assert set(values) == {
        f"cptlaw/{name}/{role}"
        for name in ("final", "final_low", "final_high")
        for role in ("pt", "cpt")
    }
    for name in (*values, "cptlaw/final/loss", "train/cptlaw/final/loss"):
        assert is_never_loss(name)


def test_metrics_that_are_named_are_taken():
    metrics = {"eval_a_loss": 3.0, "eval_b_loss": 2.0, "eval_runtime": 1.0}
    assert losses_of(None, metrics, None, {"pt": "eval_b_loss"}) == {"pt": 2.0}
    assert losses_of(None, metrics, None, None) == {"ood.a": 3.0, "ood.b": 2.0}


def test_an_alarm_is_told_once_until_it_is_gone():
    made, known = followed(change=lambda step, loss: loss * (1.2 if step > 400 else 1)), set()
    told = [bool(new_alarms(outlook, known)) for outlook in made.followed.outlooks]
    assert sum(told) == 1


def test_an_outlook_of_a_run_that_has_ended_shows_no_empty_columns():
    ended = followed()
    text = ended.now.summary()
    assert "measured" in text and "forecast for it" in text
    assert "at the end" not in text and "of such runs" not in text
    assert repr(ended.now).endswith("of 800: ended>")
