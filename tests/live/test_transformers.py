"""A real small run of transformers' Trainer that is followed."""

import logging

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import torch
import transformers

from cptlaw import DataError, Planned, Watching
from cptlaw.live.transformers import ForecastCallback, follow
from cptlaw.studies import logs

VOCABULARY, LENGTH, STEPS = 32, 16, 120
ANY_TIME = Watching(share=None)


def sequences(count, seed):
    """Sequences in which most tokens follow from the one before."""
    random = torch.Generator().manual_seed(seed)
    ids = torch.randint(VOCABULARY, (count, LENGTH), generator=random)
    for i in range(1, LENGTH):
        free = torch.rand(count, generator=random) < 0.3
        ids[:, i] = torch.where(free, ids[:, i], (3 * ids[:, i - 1] + 5) % VOCABULARY)
    return [{"input_ids": row, "labels": row} for row in ids]


def trainer(folder, **arguments):
    """A Trainer of a tiny model, evaluated on two sets every five steps."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
    )
    given = {
        "max_steps": STEPS,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-2,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 10,
        "eval_strategy": "steps",
        "eval_steps": 5,
        "logging_steps": 5,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
    }
    return transformers.Trainer(
        model=transformers.LlamaForCausalLM(config),
        args=transformers.TrainingArguments(str(folder), **{**given, **arguments}),
        train_dataset=sequences(8 * STEPS, 1),
        eval_dataset={"pt": sequences(64, 2), "code": sequences(64, 3)},
    )


def logged(made, prefix="cptlaw/"):
    return [row for row in made.state.log_history if any(k.startswith(prefix) for k in row)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that was followed to its end, and its callback."""
    made = trainer(tmp_path_factory.mktemp("run"))
    callback = follow(made, metrics={"loss": "eval_pt_loss"}, watching=ANY_TIME)
    made.train()
    return made, callback


def test_its_end_is_foreseen_within_the_interval(trained):
    made, callback = trained
    measured = [row["eval_pt_loss"] for row in made.state.log_history if "eval_pt_loss" in row]
    half = [o for o in callback.monitor.followed.outlooks if STEPS / 2 <= o.step < STEPS]
    assert len(half) == STEPS / 2 / 5
    for outlook in half:
        ahead = outlook.domains["loss"].ahead
        assert ahead.low[-1] <= measured[-1] <= ahead.high[-1]


def test_forecasts_are_logged_where_the_trainer_logs(trained):
    made, callback = trained
    rows = logged(made)
    foreseen = [o for o in callback.monitor.followed.outlooks if o.foresees]
    assert [row["step"] for row in rows] == [o.step for o in foreseen]
    assert rows[-1]["cptlaw/final/loss"] == foreseen[-1].domains["loss"].ahead.final
    assert rows[-1]["cptlaw/final_low/loss"] < rows[-1]["cptlaw/final_high/loss"]


def test_the_trainer_logs_all_that_it_logged_before(trained):
    made, _ = trained
    for name in ("loss", "eval_pt_loss", "eval_code_loss"):
        assert [r["step"] for r in made.state.log_history if name in r] == list(
            range(5, STEPS + 1, 5)
        )


def test_the_learning_rates_are_the_trainers(trained):
    _, callback = trained
    rates = callback.monitor._placed.run.schedule.lr()
    assert rates.size == STEPS
    assert rates.max() == pytest.approx(1e-2)
    assert not any(o.alarms for o in callback.monitor.followed.outlooks)


def test_what_is_logged_of_forecasts_is_no_loss_to_readers(trained, tmp_path):
    made, _ = trained
    made.state.save_to_json(str(tmp_path / "trainer_state.json"))
    run = logs.read(tmp_path / "trainer_state.json")
    assert sorted(run.curves) == ["eval_code_loss", "eval_pt_loss", "loss"]


def test_a_rule_stops_the_run_and_says_why(tmp_path, caplog):
    made = trainer(tmp_path)
    rules = ("stop: loss > 0.01 at 60 %",)
    callback = follow(
        made, metrics={"loss": "eval_pt_loss"}, watching=Watching(rules=rules, share=None)
    )
    with caplog.at_level(logging.WARNING, "cptlaw.live"):
        made.train()
    first = next(o for o in callback.monitor.followed.outlooks if o.foresees)
    assert made.state.global_step == first.step < STEPS
    assert "loss will end above 0.01" in caplog.text
    assert "The run is stopped." in caplog.text


def test_a_resumed_run_has_its_evaluations_again(tmp_path):
    options = {"metrics": {"loss": "eval_pt_loss"}, "watching": ANY_TIME}
    saved = {"save_strategy": "steps", "save_steps": 60}
    made = trainer(tmp_path, **saved)
    whole = follow(made, **options)
    made.train()
    again = trainer(tmp_path, **saved)
    resumed = follow(again, **options)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-60"))
    before, after = (
        [(o.step, o.domains["loss"].loss) for o in c.monitor.followed.outlooks if o.step <= 60]
        for c in (whole, resumed)
    )
    assert before == after
    assert resumed.monitor.now.step == STEPS


def test_a_bug_in_forecasting_ends_no_training(tmp_path, caplog, monkeypatch):
    made = trainer(tmp_path, max_steps=10)
    callback = ForecastCallback(watching=ANY_TIME)
    made.add_callback(callback)

    def broken(*_):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("cptlaw.live.monitor.Monitor.update", broken)
    made.train()
    assert made.state.global_step == 10
    assert "no forecast at step 5: oh" in caplog.text


def test_learning_rates_that_hang_on_losses_are_asked_for(tmp_path):
    given = {"lr_scheduler_type": "reduce_lr_on_plateau", "max_steps": 10}
    given["metric_for_best_model"] = "eval_pt_loss"
    made = trainer(tmp_path, **given)
    follow(made)
    with pytest.raises(DataError, match=r"Planned\(schedule="):
        made.train()
    told = trainer(tmp_path, **given)
    callback = follow(told, planned=Planned("constant 10 to 1e-2"))
    told.train()
    assert set(callback.monitor.now.domains) == {"pt", "ood.code"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"metrics": {"pt": "eval_py_loss"}},
            "no forecast can be made, nothing is measured: pt ('eval_py_loss'). "
            "The evaluation has: eval_code_loss, eval_pt_loss.",
        ),
        ({"watching": Watching(rules=("cpt > 3",), share=None)}, "not measured: cpt."),
        ({}, ""),
    ],
)
def test_what_is_not_measured_is_told_once(tmp_path, caplog, options, told):
    made = trainer(tmp_path, max_steps=10)
    follow(made, **{"watching": ANY_TIME, **options})
    with caplog.at_level(logging.WARNING, "cptlaw.live"):
        made.train()
    heard = [r.getMessage() for r in caplog.records if r.name == "cptlaw.live"]
    assert len(heard) == bool(told)
    assert told in caplog.text


def test_followed_again_it_is_followed_once(tmp_path, caplog):
    """Two callbacks would log every forecast twice; one of the user's own is left alone."""
    made = trainer(tmp_path, max_steps=10)
    own = ForecastCallback(metrics={"loss": "eval_code_loss"})
    made.add_callback(own)
    first = follow(made, metrics={"loss": "eval_pt_loss"})
    with caplog.at_level(logging.INFO, "cptlaw.live"):
        second = follow(made, metrics={"loss": "eval_pt_loss"})
    found = [c for c in made.callback_handler.callbacks if isinstance(c, ForecastCallback)]
    assert found == [own, second]
    assert first not in found
    assert "this following replaces that one" in caplog.text
