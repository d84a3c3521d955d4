"""Which columns of a log are steps, learning rates and losses."""

from __future__ import annotations

import pytest

from cptlaw import logs
from cptlaw.errors import DataError
from log_files import listed, points, rates, told


@pytest.mark.parametrize(
    "name", ["STEP", "steps", "global_step", "trainer/global_step", "current_steps", "Iteration"]
)
def test_step_columns(log, name) -> None:
    run = logs.read(log(f"{name},loss\n1,2\n"))
    assert points(run, "loss") == {1: 2.0}
    assert told(run, f"'{name}'") == (name != "STEP")


def test_step_is_preferred_to_iter(log) -> None:
    run = logs.read(log("iter,step,loss\n8,1,3\n16,2,2\n"))
    assert points(run, "loss") == {1: 3.0, 2: 2.0}
    assert told(run, "Ignored columns", "'iter'")


@pytest.mark.parametrize(
    "name",
    listed(
        """
        LR, learning_rate, train/learning_rate, learning-rate, optim/LR (group 0),
        lr-AdamW, lr/Adam, optim/learning_rate_group0, learning rate
        """
    ),
)
def test_learning_rate_columns(log, name) -> None:
    run = logs.read(log(f"step,{name},loss\n1,1e-3,2\n"))
    assert rates(run) == {1: 1e-3}
    assert list(run.curves) == ["loss"]


def test_the_learning_rate_is_no_setting_and_the_first_is_told(log) -> None:
    run = logs.read(log("step,peak_lr,lr-A,lr-B,lr_scale,loss\n1,9,1e-3,2e-3,1,2\n"))
    assert rates(run) == {1: 1e-3}
    assert told(run, "'lr-A'", "'lr-B'")
    assert told(run, "'peak_lr'")
    assert list(run.curves) == ["loss"]


@pytest.mark.parametrize("content", ["step,loss\n1,2\n", "step,lr,loss\n1,,2\n"])
def test_no_learning_rate_is_told(log, content) -> None:
    run = logs.read(log(content))
    assert run.logged_lr is None
    assert told(run, "needs schedule or lrs")


@pytest.mark.parametrize(
    "name",
    listed(
        """
        epoch, train/epoch, grad_norm, grad norm, eval_runtime, tokens, num_tokens,
        eval_samples_per_second, tokens_per_sec, iter/s, total_flos, time, Wall time,
        throughput, memory_gib, eval_accuracy, mean_token_accuracy, val_ppl, mfu,
        eval_mmlu_acc, loss_scale, loss scale, total_steps, _step, Unnamed: 0, seed,
        num_input_tokens_seen, warmup_steps, entropy, global batch size
        """
    ),
)
def test_columns_that_are_no_losses_by_name(log, name) -> None:
    run = logs.read(log(f"step,lr,{name},loss\n1,1e-3,7,2\n"))
    assert list(run.curves) == ["loss"]
    assert told(run, "Ignored columns", name)


@pytest.mark.parametrize(
    "name",
    listed(
        """
        pt, docs, gcide, man, py, c4_en, m2d2_s2orc, wikitext_103, eval_law_loss,
        loss_per_token, eval/c4/CrossEntropyLoss, cross_entropy, lm loss val,
        legal, eval_general, time_series_loss, eval_base, target
        """
    ),
)
def test_any_other_column_of_positive_numbers_is_a_curve(log, name) -> None:
    run = logs.read(log(f"step,lr,{name}\n1,1e-3,2\n"))
    assert points(run, name) == {1: 2.0}
    assert run.curves[name].source == "validation"


@pytest.mark.parametrize("name", ["loss", "train_loss", "train/loss", "lm loss", "training loss"])
def test_training_losses(log, name) -> None:
    run = logs.read(log(f"step,lr,{name}\n1,1e-3,2\n"))
    assert run.curves[name].source == "training"
    assert run.curves[name].window == 1
    assert told(run, name, "window")


def test_asked_columns(log) -> None:
    path = log("step,lr,loss,perplexity,note\n1,1e-3,2,7.4,abc\n2,1e-3,1,2.7,1\n")
    assert list(logs.read(path, ["perplexity"]).curves) == ["perplexity"]
    assert list(logs.read(path, "loss").curves) == ["loss"]
    with pytest.raises(DataError, match=r"no loss column 'los'.*Did you mean 'loss'"):
        logs.read(path, ["los"])


def test_columns_without_numbers_are_left_out_and_told(log) -> None:
    run = logs.read(log("step,lr,loss,host,void,delta\n1,1e-3,2,a,,-1\n2,1e-3,2,b,,-2\n"))
    assert list(run.curves) == ["loss"]
    assert told(run, "'host'", "text, such as 'a'")
    assert told(run, "'void'", "empty")
    assert told(run, "'delta'", "not above 0")


@pytest.mark.parametrize("missing", ["", "NaN", "nan", "None", "null", "NA", " "])
def test_missing_cells(log, missing) -> None:
    run = logs.read(log(f"step,lr,loss\n1,1e-3,2\n2,1e-3,{missing}\n3,{missing},1\n"))
    assert points(run, "loss") == {1: 2.0, 3: 1.0}
    assert rates(run) == {1: 1e-3, 2: 1e-3}
    assert told(run, "'loss'", "1 row dropped", "step 2") == (missing.lower() == "nan")


@pytest.mark.parametrize("value", ["inf", "-inf", "0", "-1.5", "Infinity", "nan"])
def test_impossible_losses_are_dropped_and_told(log, value) -> None:
    run = logs.read(
        log(f"step,lr,a,b\n30,1e-3,{value},2\n20,1e-3,{value},2\n10,1e-3,3,2\n5,1,4,1\n")
    )
    assert points(run, "a") == {10: 3.0, 5: 4.0}
    assert points(run, "b") == {30: 2.0, 20: 2.0, 10: 2.0, 5: 1.0}
    assert told(run, "'a': 2 rows dropped", "at step 20")
