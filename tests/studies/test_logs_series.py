"""What the values of a series are, and the step that a logged learning rate is of."""

from __future__ import annotations

import json

import pytest

import console_texts
from command import run as command
from cptlaw.errors import DataError
from cptlaw.studies import logs
from cptlaw.studies.study_file import load
from cptlaw.studies.study_file.draft import draft
from log_files import rates, state, told

STEPS = range(10, 101, 10)


def trainer(lr, **more):
    """A trainer_state.json with that learning rate at each tenth step."""
    rows = [
        {"step": s, "loss": 4 - s / 100, "learning_rate": lr(s), "epoch": s / 100, **more}
        for s in STEPS
    ]
    return state(*rows)


def of_step(t, warmup=50, total=100):
    """A straight warm-up and decay of transformers: 0 before the first step and after the last."""
    return 1e-3 * min(t / warmup, (total - t) / (total - warmup))


# --- the learning rate ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lr", "offset"),
    [
        (lambda s: of_step(s), 1),
        (lambda s: of_step(s - 1), 0),
        (lambda s: of_step(s, 1, 100), 1),
        (lambda s: of_step(s - 1, 1, 100), 0),
        (lambda s: of_step(s, 50, 500), 1),
        (lambda s: 1e-3 * (1 - s / 100) ** 2, 1),
    ],
)
def test_transformers_logs_the_next_lr_or_its_own_as_its_zeros_tell(log, lr, offset):
    run = logs.read(log(trainer(lr), "trainer_state.json"))
    assert run.logged_lr.offset == offset
    assert told(run, "next step" if offset else "own step", "schedules are 0")


@pytest.mark.parametrize(
    ("version", "offset"),
    [("4.46.3", 1), ("4.50.0", 1), ("4.51.0", 0), ("4.52.1", 0), ("5.0.0", 0)],
)
def test_else_by_the_version_beside_the_log(log, version, offset):
    log(json.dumps({"transformers_version": version}), "config.json")
    run = logs.read(log(trainer(lambda s: 1e-3 - s * 1e-6), "trainer_state.json"))
    assert run.logged_lr.offset == offset
    assert told(run, f"as transformers {version} logs it") == (version != "4.51.0")


def test_else_it_is_taken_for_its_own(log):
    run = logs.read(log(trainer(lambda s: 1e-3 - s * 1e-6), "trainer_state.json"))
    assert run.logged_lr.offset == 0
    assert told(run, "up to 4.50", "lr_offset = 1")


@pytest.mark.parametrize("name", ["MEGATRON", "DEEPSPEED", "COMPOSER", "TORCHTUNE"])
def test_programs_that_log_the_next_lr(log, name):
    run = logs.read(log(getattr(console_texts, name), "train.log"))
    assert run.logged_lr.offset == 1


@pytest.mark.parametrize("name", ["BUILD_NANOGPT_CONSOLE", "LLM_C", "OLMO", "OLMO_CORE"])
def test_programs_that_log_their_own_lr(log, name):
    run = logs.read(log(getattr(console_texts, name), "train.log"))
    assert run.logged_lr.offset == 0


def test_mlx_lm_logs_means_and_its_own_lr(log):
    run = logs.read(log(console_texts.MLX, "train.log"))
    assert (run.curves["train loss"].window, run.curves["val loss"].window) == (100, 1)
    assert run.logged_lr.offset == 0


def study(folder, key="", log="log.csv"):
    text = f'[domains]\nloss = "loss"\n[[run]]\nname = "a"\nlog = "{log}"\n{key}\n'
    path = folder / "study.toml"
    path.write_text(text)
    return load(path).runs[0]


@pytest.mark.parametrize(("key", "last"), [("", 0.5e-3), ("lr_offset = 0", 0.4e-3)])
def test_the_lr_of_the_next_step_counts_for_that(log, tmp_path, key, last):
    """A drop logged at step 50 is that of step 51."""
    rows = [
        {"iteration": s, "lm loss": 3 - s / 100, "learning-rate": 1e-3 if s < 50 else 4e-4}
        for s in range(1, 101)
    ]
    log("\n".join(map(json.dumps, rows)), "log.jsonl")
    path = tmp_path / "study.toml"
    path.write_text(f'[domains]\nloss = "lm loss"\n[[run]]\nname = "a"\nlog = "log.jsonl"\n{key}\n')
    lr = load(path).runs[0].schedule.lr()
    assert lr[48] == pytest.approx(1e-3)
    assert lr[49] == pytest.approx(4e-4 if key else 1e-3)


# --- groups of parameters -------------------------------------------------------------------------


GROUPS = {
    "lists.csv": "step,loss,lr\n" + "".join(f'{s},3.5,"[1e-3, {s}e-6]"\n' for s in STEPS),
    "lists.jsonl": "\n".join(
        json.dumps({"step": s, "loss": 3 - s / 100, "lr": [1e-3, s * 1e-6]}) for s in STEPS
    ),
    "columns.csv": "step,loss,lr_0,lr_1\n"
    + "".join(f"{s},{3 - s / 100},1e-3,{s}e-6\n" for s in STEPS),
    "groups.csv": "step,loss,lr/group0,lr/group1\n"
    + "".join(f"{s},{3 - s / 100},1e-3,{s}e-6\n" for s in STEPS),
    "deepspeed.log": "".join(
        f"[INFO] [logging.py:96:log_dist] [Rank 0] step={s}, skipped=0, lr=[0.001, {s}e-6], "
        f"mom=[[0.9, 0.95]]\nsteps: {s} loss: {3 - s / 100:.4f} iter time (s): 0.5\n"
        for s in STEPS
    ),
}
GROUPS["lists.csv"] = "step,loss,lr\n" + "".join(
    f'{s},{3 - s / 100},"[1e-3, {s}e-6]"\n' for s in STEPS
)
SECOND = {"columns.csv": "lr_1", "groups.csv": "lr/group1"}
groups = pytest.mark.parametrize("name", GROUPS)


@groups
def test_groups_that_differ_are_refused_until_one_is_named(log, tmp_path, name):
    run = logs.read(log(GROUPS[name], name))
    assert run.logged_lr is None
    assert told(run, "different learning rates", "lr_column = ")
    text = draft([run], [name]).text
    assert f'lr_column = "{run.lr_groups[0]}"' in text and "ASK: which is the run's?" in text
    assert text.count("different learning rates") == 1
    with pytest.raises(DataError, match=r"different learning rates, of .*lr_column"):
        study(tmp_path, log=name)


@groups
def test_a_group_is_chosen_by_its_name(log, tmp_path, name):
    log(GROUPS[name], name)
    column = SECOND.get(name, "lr[1]")
    run = study(tmp_path, f'lr_column = "{column}"', name)
    assert rates(run) == pytest.approx({s: s * 1e-6 for s in STEPS})
    with pytest.raises(DataError, match=r"no learning rate in a column 'lr_9'"):
        study(tmp_path, 'lr_column = "lr_9"', name)


@pytest.mark.parametrize("name", ["lr_0,lr_1", "lr-AdamW/pg1,lr-AdamW/pg2"])
def test_groups_alike_are_one(log, name):
    text = f"step,loss,{name}\n" + "".join(f"{s},{3 - s / 100},1e-3,1e-3\n" for s in STEPS)
    run = logs.read(log(text))
    assert set(rates(run).values()) == {1e-3}
    assert told(run, "All groups of parameters have one learning rate")


# --- means ----------------------------------------------------------------------------------------


def test_nanochat_logs_a_moving_average(log):
    curve = logs.read(log(console_texts.NANOCHAT, "train.log")).curves["train/loss"]
    assert (curve.window, curve.ema) == (1, 0.9)
    text = "step,train/loss,train/lrm\n" + "".join(f"{s},{3 - s / 100},1.0\n" for s in STEPS)
    assert logs.read(log(text)).curves["train/loss"].ema == 0.9


def test_means_in_a_long_table_are_told_by_its_metrics(log):
    rows = [
        f"{s},{metric},{value}\n"
        for s in STEPS
        for metric, value in (
            ("train/loss", 3 - s / 100), ("train/learning_rate", 1e-3), ("train/epoch", s / 100)
        )
    ]  # fmt: skip
    run = logs.read(log("step,metric,value\n" + "".join(rows)))
    assert run.curves["train/loss"].window == 10


LOSSES = "step,lr,loss,eval_loss\n" + "".join(f"{s},1e-3,{3 - s / 100},2.5\n" for s in STEPS)


@pytest.mark.parametrize(
    ("key", "loss", "eval_loss"),
    [
        ("", (1, 0), (1, 0)),
        ("window = 10", (10, 0), (1, 0)),
        ("ema = 0.9", (1, 0.9), (1, 0)),
        ("window = { loss = 10 }", (10, 0), (1, 0)),
        ("window = { eval_loss = 5 }\nema = { loss = 0.5 }", (1, 0.5), (5, 0)),
    ],
)
def test_a_study_says_what_a_series_is(log, tmp_path, key, loss, eval_loss):
    log(LOSSES.replace(",2.5\n", ",{}\n").format(*(2 + s / 1000 for s in STEPS)))
    curves = study(tmp_path, key).curves
    assert (curves["loss"].window, curves["loss"].ema) == loss
    assert (curves["eval_loss"].window, curves["eval_loss"].ema) == eval_loss


def test_a_study_overrules_the_habit_of_a_format(log, tmp_path):
    log(trainer(lambda s: 1e-3), "trainer_state.json")
    assert study(tmp_path, log="trainer_state.json").curves["loss"].window == 10
    assert study(tmp_path, "window = 1", "trainer_state.json").curves["loss"].window == 1
    curve = study(tmp_path, "ema = 0.8", "trainer_state.json").curves["loss"]
    assert (curve.window, curve.ema) == (1, 0.8)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("window = 0", r"window = 0; expected a whole number of steps"),
        ("window = { loss = 0 }", r"window = .*; expected a whole number of steps"),
        ("ema = 1.0", r"ema = 1.0; expected a factor above 0 and below 1"),
        ("ema = 0.0", r"ema = 0.0; expected a factor"),
        ("window = { los = 10 }", r"no loss column 'los'.*loss"),
        ("window = 10\nema = 0.9", r"'loss' has both window and ema"),
    ],
)
def test_what_a_study_cannot_say(log, tmp_path, key, words):
    log(LOSSES)
    with pytest.raises(DataError, match=words):
        study(tmp_path, key)


def test_a_moving_average_over_micro_batches_is_one_over_steps(log, tmp_path):
    log(LOSSES)
    run = logs.read(tmp_path / "log.csv")
    curve = run.curves["loss"]
    smoothed = {"loss": type(curve)(curve.steps, curve.loss, "training", ema=0.9)}
    found = type(run)("a", smoothed).in_steps(2).curves["loss"]
    assert found.ema == pytest.approx(0.81)


def test_the_version_counts_more_than_zeros(log):
    """A schedule of one's own may be 0 at its last step."""
    log(json.dumps({"transformers_version": "5.1.0"}), "config.json")
    run = logs.read(log(trainer(lambda s: of_step(s)), "trainer_state.json"))
    assert run.logged_lr.offset == 0


def test_a_tidy_table_has_each_lr_at_its_own_step(log, tmp_path, monkeypatch):
    log(trainer(lambda s: of_step(s)), "trainer_state.json")
    monkeypatch.chdir(tmp_path)
    done = command("read", "trainer_state.json", "-o", "tidy.csv")
    assert "a study of it needs window = { loss = 10 }" in done.stderr + done.stdout
    assert list(rates(logs.read("tidy.csv"))) == [s + 1 for s in STEPS]
    assert study(tmp_path, "window = { loss = 10 }", "tidy.csv").curves["loss"].window == 10
