"""What counts the steps: batch indices, log calls, several ranks, long tables."""

from __future__ import annotations

import json

import pytest

from cptlaw import logs
from cptlaw.errors import DataError
from log_files import points, rates, told


def _epochs(val: bool) -> str:
    lines = ["epoch,step,train_loss,val_loss,lr"]
    for epoch in range(3):
        lines += [f"{epoch},{i},{3 - epoch / 10 - i / 1000},,1e-4" for i in range(0, 100, 20)]
        lines += [f"{epoch},{epoch * 100 + 99},,2.5,"] if val else []
    return "\n".join(lines)


@pytest.mark.parametrize("val", [True, False])
def test_a_batch_index_is_counted_through(log, val) -> None:
    run = logs.read(log(_epochs(val)))
    assert list(points(run, "train_loss")) == list(range(0, 300, 20))
    assert list(rates(run)) == list(range(0, 300, 20))
    if val:
        assert list(points(run, "val_loss")) == [99, 199, 299]
    assert told(run, "batch index, not a restart", "as 'val_loss' counts" if val else "a guess")


def test_a_restart_in_an_earlier_epoch_is_a_restart(log) -> None:
    rows = [(0, 10), (0, 20), (1, 30), (1, 40), (0, 20), (1, 30), (1, 40), (2, 50)]
    text = "epoch,step,loss,lr\n" + "".join(
        f"{epoch},{step},{3 - i / 100},1e-4\n" for i, (epoch, step) in enumerate(rows)
    )
    run = logs.read(log(text))
    assert list(points(run, "loss")) == [10, 20, 30, 40, 50]
    assert told(run, "as after a restart")


def _ranks(*ranks: int, named: bool = True) -> str:
    rows = []
    for step in range(10, 60, 10):
        for rank in ranks:
            row = {"step": step, "loss": 2.0 + rank / 10 - step / 1000, "lr": 1e-4}
            rows.append(json.dumps(row | ({"rank": rank} if named else {})))
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("named", [True, False])
def test_ranks_are_averaged(log, named) -> None:
    run = logs.read(log(_ranks(0, 1, 2, 3, named=named), "log.jsonl"))
    assert points(run, "loss") == pytest.approx({s: 2.15 - s / 1000 for s in range(10, 60, 10)})
    assert told(run, "mean") and told(run, "4 ranks" if named else "4 times")


def test_ranks_in_console_text_are_averaged(log) -> None:
    text = "".join(
        f"[rank{rank}]:[titan] 2025-02-03 - root - INFO - step: {step}  loss: {2 + rank / 10}  "
        "grad_norm: 0.91  memory: 40.1GiB(50.7%)  tps: 7,012\n"
        for step in (1, 2, 3)
        for rank in (0, 1)
    )
    run = logs.read(log(text, "train.log"))
    assert points(run, "loss") == pytest.approx({1: 2.05, 2: 2.05, 3: 2.05})


def test_train_and_evaluation_rows_of_one_step_are_no_ranks(log) -> None:
    text = "step,lr,loss,eval_loss\n" + "".join(
        f"{s},1e-4,{3 - s / 100},\n{s},1e-4,,{2.9 - s / 100}\n" for s in range(10, 60, 10)
    )
    run = logs.read(log(text))
    assert points(run, "loss")[20] == pytest.approx(2.8)
    assert points(run, "eval_loss")[20] == pytest.approx(2.7)
    assert not told(run, "mean of them")


def test_log_calls_are_told(log) -> None:
    run = logs.read(log("_step,lr,loss\n0,1e-4,3\n1,1e-4,2.9\n2,1e-4,2.8\n"))
    assert points(run, "loss") == {0: 3.0, 1: 2.9, 2: 2.8}
    assert told(run, "'_step'", "log calls")


def test_a_global_step_that_differs_from_step_is_preferred(log) -> None:
    run = logs.read(log("Step,train/global_step,lr,loss\n1,10,1e-4,3\n2,20,1e-4,2.9\n"))
    assert points(run, "loss") == {10: 3.0, 20: 2.9}
    assert told(run, "'Step' and 'train/global_step' differ")


def test_counters_that_do_not_go_with_the_steps_are_told(log) -> None:
    text = "step,lr,loss,tokens_seen\n" + "".join(
        f"{s},1e-4,{3 - s / 100},{s * 1000 if s < 50 else s * 4000 - 150_000}\n"
        for s in range(10, 100, 10)
    )
    assert told(logs.read(log(text)), "Steps do not go with 'tokens_seen'")
    assert not told(logs.read(log(text.replace("4000", "1000"))), "not go with 'loss'")


@pytest.mark.parametrize("name", ["metric", "tag", "key"])
def test_long_tables(log, name) -> None:
    text = f"{name},step,value,wall_time\n" + "".join(
        f"train/loss,{s},{3 - s / 100},1\nlr,{s},1e-4,1\n"
        + (f"eval/loss,{s},{2.9 - s / 100},1\n" if s % 20 == 0 else "")
        for s in range(10, 60, 10)
    )
    run = logs.read(log(text))
    assert points(run, "train/loss") == pytest.approx({s: 3 - s / 100 for s in range(10, 60, 10)})
    assert points(run, "eval/loss") == pytest.approx({20: 2.7, 40: 2.5})
    assert set(rates(run).values()) == {1e-4}
    assert told(run, "A long table", "3 metrics")


def test_long_json_lines(log) -> None:
    text = "".join(
        json.dumps({"step": s, "metric": m, "value": v}) + "\n"
        for s in (10, 20, 30)
        for m, v in (("loss", 3 - s / 100), ("lr", 1e-4))
    )
    assert points(logs.read(log(text, "a.jsonl")), "loss") == pytest.approx(
        {10: 2.9, 20: 2.8, 30: 2.7}
    )


def test_a_long_table_of_several_runs_is_refused_by_name(log) -> None:
    text = "run,metric,step,value\n" + "".join(
        f"{run},loss,{s},2.5\n" for run in ("a", "b") for s in (10, 20)
    )
    with pytest.raises(DataError, match=r"several runs in one file.*'run'.*'a', 'b'"):
        logs.read(log(text))


@pytest.mark.parametrize("cell", ["[2e-5]", "[0.00002, 0.00002]", "(2e-5,)"])
def test_learning_rates_in_lists(log, cell) -> None:
    assert rates(logs.read(log(f'step,lr,loss\n1,"{cell}",2.5\n'))) == {1: 2e-5}


@pytest.mark.parametrize("value", [[2e-5], [2e-5, 2e-5]])
def test_learning_rates_in_json_lists(log, value) -> None:
    run = logs.read(log(json.dumps({"step": 1, "loss": 2.5, "lr": value}) + "\n", "a.jsonl"))
    assert rates(run) == {1: 2e-5}
    assert told(run, "All groups of parameters") == (len(value) > 1)


def test_llama_factory(log) -> None:
    row = {"total_steps": 100, "lr": 1e-5, "percentage": 1.0, "elapsed_time": "0:01:00"}
    text = "".join(
        json.dumps({"current_steps": s, "loss": 3 - s / 100, **row}) + "\n" for s in (10, 20, 30)
    )
    run = logs.read(log(text, "trainer_log.jsonl"))
    assert run.curves["loss"].window == 10
    assert told(run, "prefer trainer_state.json")


@pytest.mark.parametrize("name", ["global_step/max_steps", "iteration"])
def test_ms_swift_tells_the_step_of_all_steps(log, name) -> None:
    more = {"token_acc": 0.6, "grad_norm": 0.5, "learning_rate": 1e-5, "memory(GiB)": 12.1}
    rows = [{"loss": 3 - s / 100, **more, name: f"{s}/150"} for s in range(5, 151, 5)]
    rows.append({"eval_loss": 2.5, "eval_token_acc": 0.6, name: "150/150"})
    rows.append({"train_loss": 2.9, "model_info": "x"})
    text = "".join(json.dumps(row) + "\n" for row in rows)
    run = logs.read(log(text, "logging.jsonl"))
    assert points(run, "loss") == {s: 3 - s / 100 for s in range(5, 151, 5)}
    assert points(run, "eval_loss") == {150: 2.5}
    assert run.curves["loss"].window == 5
    with pytest.raises(DataError, match="no column counts steps") as caught:
        logs.read(log(text.replace(name, "at"), "logging.jsonl"))
    assert "counts tokens" not in str(caught.value)


def test_a_tag_exported_by_tensorboard_names_its_column(log) -> None:
    text = "Wall time,Step,Value\n1700000000.1,10,2.5\n1700000001.1,20,2.4\n"
    run = logs.read(log(text, "run-a-tag-train_loss.csv"))
    assert points(run, "train_loss") == {10: 2.5, 20: 2.4}
    assert run.curves["train_loss"].source == "training"


def test_series_told_apart_by_text_are_refused_by_name(log) -> None:
    text = "step,lr,which,loss\n" + "".join(
        f"{s},1e-4,{which},{i + 2 - s / 1000}\n"
        for s in range(10, 60, 10)
        for i, which in enumerate(("docs", "code"))
    )
    with pytest.raises(DataError, match=r"several series.*'which'.*'docs', 'code'"):
        logs.read(log(text))


@pytest.mark.parametrize(
    "line",
    [
        "Epoch 1/3 Step [{s}/1000], Loss: {x}, LR: 0.0001",
        "2025-02-03 10:00:00,123 - INFO - iter {s} loss={x} lr=1.00e-04 tok/s=1234",
        "[INFO] - loss: {x}, learning_rate: 1e-04, global_step: {s}, epoch: 0.1",
        "completed step: {s}, seconds: 1.2, loss: {x}, lr: 1e-4",
    ],
)
def test_lines_of_unknown_programs(log, line) -> None:
    text = "".join(line.format(s=s, x=3 - s / 1000) + "\n" for s in range(10, 60, 10))
    run = logs.read(log(text, "train.log"))
    (name,) = (name for name in run.curves if "loss" in name.lower())
    assert points(run, name) == pytest.approx({s: 3 - s / 1000 for s in range(10, 60, 10)})
    assert set(rates(run).values()) == {1e-4}
    assert told(run, "taken as each step's own")


@pytest.mark.parametrize("shift", [0, 5])
@pytest.mark.parametrize(
    ("label", "values", "sources"),
    [
        ("split", ("train", "val"), ("training", "validation")),
        ("phase", ("training", "eval"), ("training", "validation")),
        ("dataset", ("docs", "code"), ("validation", "validation")),
    ],
)
def test_splits_become_columns(log, label, values, sources, shift) -> None:
    text = "".join(
        json.dumps({"step": s + i * shift, label: value, "loss": 2 + i - s / 1000, "lr": 1e-4})
        + "\n"
        for s in range(10, 60, 10)
        for i, value in enumerate(values)
    )
    run = logs.read(log(text, "a.jsonl"))
    for i, value in enumerate(values):
        expected = {s + i * shift: 2 + i - s / 1000 for s in range(10, 60, 10)}
        assert points(run, f"{value}/loss") == pytest.approx(expected)
        assert run.curves[f"{value}/loss"].source == sources[i]
    assert told(run, f"'{label}' tells", values[0], values[1])


def test_phases_of_one_training_are_no_splits(log) -> None:
    text = "step,lr,stage,loss\n10,1e-4,warmup,2.5\n20,1e-4,main,2.4\n30,1e-4,main,2.3\n"
    assert points(logs.read(log(text)), "loss") == {10: 2.5, 20: 2.4, 30: 2.3}


@pytest.mark.parametrize(("more", "window"), [("grad_norm", 10), ("iter_time,iter", 1), ("", 1)])
def test_means_are_told_by_the_names_of_a_framework(log, more, window) -> None:
    extra = "".join(",1" for name in more.split(",") if name)
    text = f"step,epoch,loss,learning_rate{',' * bool(more)}{more}\n" + "".join(
        f"{s},0.{s},{3 - s / 100},1e-4{extra}\n" for s in range(10, 60, 10)
    )
    assert logs.read(log(text)).curves["loss"].window == window


def test_a_long_table_without_a_whole_row(log) -> None:
    path = log("step,metric,value\n,loss,2.5\n100,loss,\n")
    with pytest.raises(DataError, match="no row has a step and a value"):
        logs.read(path)
