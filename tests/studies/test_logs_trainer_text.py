"""The dicts that transformers' Trainer prints: their steps come from the bars or the epochs."""

from __future__ import annotations

import contextlib
import io
import types

import pytest

from cptlaw import logs
from cptlaw.errors import DataError
from log_files import points, rates, told

TOTAL, EVERY, EPOCHS = 60, 10, 3
EXPECTED = {step: 3 - step / 100 for step in range(EVERY, TOTAL + 1, EVERY)}


def _dict(step: int, digits: int = 2) -> dict[str, float]:
    epoch = round(step / TOTAL * EPOCHS, digits)
    return {"loss": 3 - step / 100, "learning_rate": 1e-4 * (1 - step / TOTAL), "epoch": epoch}


def _bar(at: int, total: int) -> str:
    return f"\r {100 * at // total}%|##        | {at}/{total} [00:10<00:20,  2.00it/s]"


def _printed(bars: bool, told_total: bool, as_text: bool = False) -> str:
    text = "\nMap: 100%|####| 500/500 [00:01<00:00, 400.00 examples/s]\n"
    if told_total:
        text += f"  Num Epochs = {EPOCHS}\n  Total optimization steps = {TOTAL}\n"
    for step in range(1, TOTAL + 1):
        text += _bar(step, TOTAL) if bars else ""
        if step % EVERY == 0:
            entry = {k: str(v) for k, v in _dict(step).items()} if as_text else _dict(step)
            text += "\r          \r" + str(entry) + "\n" + (_bar(step, TOTAL) if bars else "")
        if step % 30 == 0:
            text += _bar(3, 7) if bars else ""
            text += "\r      \r{'eval_loss': 2.5, 'eval_runtime': 1.2, 'epoch': "
            text += f"{step / TOTAL * EPOCHS}}}\n" + (_bar(step, TOTAL) if bars else "")
    return text + "{'train_runtime': 30.1, 'train_loss': 2.65, 'epoch': 3.0}\n"


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(("bars", "told_total"), [(True, False), (False, True), (True, True)])
def test_steps_come_from_bars_or_epochs(log, bars, told_total, as_text) -> None:
    run = logs.read(log(_printed(bars, told_total, as_text), "train.log"))
    assert run.format == "transformers Trainer"
    assert points(run, "loss") == pytest.approx(EXPECTED)
    assert points(run, "eval_loss") == {30: 2.5, 60: 2.5}
    assert rates(run)[30] == pytest.approx(5e-5)
    assert run.curves["loss"].window == EVERY
    assert told(run, "Steps are") == True  # noqa: E712


def test_dicts_written_later_than_the_bars_are_placed_by_their_epochs(log) -> None:
    bars = "".join(_bar(step, TOTAL) for step in range(TOTAL + 1))
    dicts = "".join(f"{_dict(step)}\n" for step in EXPECTED)
    run = logs.read(log(bars + "\n" + dicts + "{'train_runtime': 3.0, 'epoch': 3.0}\n", "a.log"))
    assert points(run, "loss") == pytest.approx(EXPECTED)
    assert told(run, "worked out from the epochs")


def test_a_bar_behind_a_dict_that_does_not_go_with_the_epochs_told_is_not_believed(log) -> None:
    text = f"  Num Epochs = {EPOCHS}\n  Total optimization steps = {TOTAL}\n"
    text += f"{_bar(10, TOTAL)}\n{_dict(10)}\n{_bar(20, TOTAL)}\n"
    text += "{'loss': 2.8, 'learning_rate': 0.0001, 'epo"
    run = logs.read(log(text, "train.log"))
    assert points(run, "loss") == {10: 2.9}
    assert told(run, "worked out from the epochs")
    assert told(run, "no line end, as of a text that was cut")


def test_without_steps_the_better_log_is_named(log) -> None:
    with pytest.raises(DataError, match=r"does not print the step.*trainer_state\.json"):
        logs.read(log(_printed(bars=False, told_total=False)[:400], "train.log"))


def test_the_real_callback(log) -> None:
    callback = pytest.importorskip("transformers.trainer_callback")
    bar, out = callback.ProgressCallback(), io.StringIO()
    state = types.SimpleNamespace(
        is_world_process_zero=True, max_steps=TOTAL, global_step=0, is_local_process_zero=True
    )
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        bar.on_train_begin(None, state, None)
        for step in range(1, TOTAL + 1):
            state.global_step = step
            bar.on_step_end(None, state, None)
            if step % EVERY == 0:
                bar.on_log(None, state, None, logs=_dict(step))
        bar.on_train_end(None, state, None)
    run = logs.read(log(out.getvalue(), "train.log"))
    assert points(run, "loss") == pytest.approx(EXPECTED)


def test_bars_and_dicts_on_one_line(log) -> None:
    text = "Loading checkpoint shards: 100%|####| 2/2 [00:01<00:00,  1.0it/s]\n" + "".join(
        f" {s}%|##   | {s - 1}/{TOTAL} [00:01<00:10,  2.00s/it] {s}%|##   | {s}/{TOTAL} "
        f"[00:01<00:10,  2.00s/it]{_dict(s)}        \n"
        for s in EXPECTED
    )
    assert points(logs.read(log(text, "train.log")), "loss") == pytest.approx(EXPECTED)


def test_bars_that_do_not_go_with_the_epochs_are_not_believed(log) -> None:
    late = {10: 1, 20: 15, 30: 16, 40: 17, 50: 18, 60: 60}
    text = "".join(
        f" 5%|#  | {late[s]}/{TOTAL} [00:01<00:10,  2.00s/it]{_dict(s)}\n" for s in EXPECTED
    )
    with pytest.raises(DataError, match="does not print the step"):
        logs.read(log(text, "train.log"))
    whole = text + "{'train_runtime': 30.1, 'epoch': 3.0}\n"
    assert points(logs.read(log(whole, "train.log")), "loss") == pytest.approx(EXPECTED)


@pytest.mark.parametrize("name", ["global_step/max_steps", "iteration"])
def test_dicts_that_name_their_step(log, name) -> None:
    text = "".join(
        f"Train:   2%|3  | {s}/{TOTAL} [01:08<44:41, 68.75s/it]"
        + str(
            {
                "loss": str(3 - s / 100),
                "learning_rate": "1e-05",
                "token_acc": "0.92",
                name: f"{s}/{TOTAL}",
                "memory(GiB)": "11.15",
            }
        )
        + "\n"
        for s in EXPECTED
    )
    run = logs.read(log(text, "train.log"))
    assert points(run, "loss") == pytest.approx(EXPECTED)
    assert list(run.curves) == ["loss"]


def test_deepspeed_lines_between_the_dicts_do_not_hide_them(log) -> None:
    line = (
        "[2025-02-03 10:00:00,123] [INFO] [logging.py:96:log_dist] [Rank 0] step={s}, skipped=0, "
    )
    text = "".join(
        line.format(s=s)
        + "lr=[1e-05], mom=[(0.9, 0.999)]\n"
        + _bar(s, TOTAL)
        + f"\n{_dict(s)}\n"
        + _bar(s, TOTAL)
        + "\n"
        for s in EXPECTED
    )
    run = logs.read(log(text, "train.log"))
    assert run.format == "transformers Trainer"
    assert points(run, "loss") == pytest.approx(EXPECTED)
