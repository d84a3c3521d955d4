"""Losses are told by their values as well as by their names."""

from __future__ import annotations

import math

import pytest

from cptlaw import logs
from cptlaw.errors import DataError
from cptlaw.studies.study_file.draft import draft
from log_files import listed, told

STEPS = range(10, 110, 10)


def _csv(**columns) -> str:
    names = ["step", "lr", *columns]
    rows = [
        ",".join(map(str, (step, 1e-4, *(values[i] for values in columns.values()))))
        for i, step in enumerate(STEPS)
    ]
    return "\n".join([",".join(name.replace("__", "/") for name in names), *rows]) + "\n"


STUDY = """[domains]
cpt = "{}"
[[run]]
name = "a"
after = "unknown:m"
log = "log.csv"
"""
FALLING = [3 - i / 10 for i in range(10)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([22_696_448 + i for i in range(10)], "above 15 nats"),
        ([140.5 + i for i in range(10)], "above 15 nats"),
        ([1.01] * 10, "in every row"),
        ([2, 3, 4, 4, 5, 6, 7, 7, 8, 9], "a count"),
        ([math.exp(loss) for loss in FALLING], "perplexity of 'eval_loss'"),
    ],
)
def test_values_that_no_loss_has(log, values, words) -> None:
    run = logs.read(log(_csv(eval_loss=FALLING, thing=values)))
    assert list(run.curves) == ["eval_loss"]
    assert told(run, "'thing'", "left out", words)


def test_a_single_value_beside_many_is_left_out(log) -> None:
    one = ["", *[""] * 8, 2.0]
    run = logs.read(log(_csv(eval_loss=FALLING, summary__final_eval_loss=one)))
    assert list(run.curves) == ["eval_loss"]
    assert told(run, "summary/final_eval_loss", "one value only")


def test_a_first_evaluation_is_kept(log) -> None:
    run = logs.read(log(_csv(loss=FALLING, eval_loss=["", *[""] * 8, 2.0])))
    assert list(run.curves) == ["loss", "eval_loss"]


@pytest.mark.parametrize(
    "name",
    listed(
        """
        eval_gen_len, lengths, eval_rouge-1, load_balancing_loss, train/Z loss, z_loss, num-zeros,
        world-size, loss_metrics/global_max_loss, optim/clipping_rate, eval/downstream/piqa,
        eval/downstream/mmlu_stem_var, mmlu_stem_var, core_metric, model/total_parameters,
        train/entropy, eval_entropy, lm loss validation ppl, router_aux_loss, rewards/accuracies,
        optim/blocks.0.exp_avg.rms, params/wte.std, response/mean, trainer/device,
        metrics/eval/LanguagePerplexity, eval/max_loss, train/dt, run - train/loss__MAX
        """
    ),
)
def test_names_of_no_losses(log, name) -> None:
    run = logs.read(
        log(
            _csv(eval_loss=FALLING, **{name.replace("/", "__"): FALLING}).replace(
                "run - train/loss/MAX", "run - train/loss__MAX"
            )
        )
    )
    assert list(run.curves) == ["eval_loss"]


@pytest.mark.parametrize(
    "name",
    listed(
        """
        loss_metrics/global_avg_loss, loss_avg, lm_loss, avg_loss, train/running_loss,
        reduced_train_loss, train/CE loss, loss/train/total, train/CrossEntropyLoss
        """
    ),
)
def test_training_losses_of_frameworks(log, name) -> None:
    run = logs.read(log(_csv(**{name.replace("/", "__"): FALLING})))
    assert run.curves[name].source == "training"


def test_a_training_loss_of_a_named_run(log) -> None:
    run = logs.read(log(_csv(x=FALLING).replace("x", "cool-run - train/loss")))
    assert run.curves["cool-run - train/loss"].source == "training"


@pytest.mark.parametrize("name", ["lm loss validation", "lm loss val", "eval/loss", "test_loss"])
def test_validation_losses_of_frameworks(log, name) -> None:
    run = logs.read(log(_csv(**{name.replace("/", "__"): FALLING})))
    assert run.curves[name].source == "validation"


def test_the_initial_draft_shows_and_asks(log) -> None:
    doubtful = [0.5 - i / 100 for i in range(10)]
    path = log(_csv(eval__loss=FALLING, eval__quality=doubtful))
    run = logs.read(path)
    assert run.doubts == {"eval/quality": "between 0 and 1: an accuracy or a share?"}
    text = draft([run], ["log.csv"], unknown="m").text
    assert "# 'eval/loss': validation loss, 2.1 to 3 nats, 10 points." in text
    assert "# ASK: is 'eval/quality' a loss?" in text
    assert '# ood.quality = "eval/quality"' in text
    assert '\ncpt = "eval/loss"' in text and "\npt =" not in text
    sure = logs.read(path, surely=["eval/quality"])
    given = draft([sure], ["log.csv"], "m", None, "eval/quality")
    assert '\ncpt = "eval/quality"' in given.text


def test_no_pt_where_nothing_rises(log) -> None:
    run = logs.read(log(_csv(eval_a_loss=FALLING, eval_b_loss=[v - 0.5 for v in FALLING])))
    assert "\npt =" not in draft([run], ["log.csv"], unknown="m").text


def test_bits_per_byte_are_named_and_turned_into_nats_where_bytes_are_given(log, tmp_path) -> None:
    bits = [1 - i / 100 for i in range(10)]
    path = log(_csv(loss=FALLING, val__bpb=bits))
    run = logs.read(path)
    assert list(run.curves) == ["loss"]
    assert told(run, "'val/bpb'", "bits per byte")
    assert "bits per byte" in draft([run], ["log.csv"], unknown="m").text
    study = STUDY.format("val/bpb")
    plain = _study(tmp_path, study)
    assert plain.curves["val/bpb"].loss[0] == 1
    assert told(plain, "'val/bpb' is in bits per byte")
    turned = _study(tmp_path, study + "bytes_per_token = 4.5\n")
    assert turned.curves["val/bpb"].loss[0] == pytest.approx(4.5 * math.log(2))


def test_micro_batches_of_a_study_are_turned_into_steps(log, tmp_path) -> None:
    lines = ["step,iter,loss,learning_rate,val_loss"]
    for i in range(10, 250, 10):
        val = "2.5" if i % 80 == 0 else ""
        lines.append(f"{i - 1},{i},{3 - i / 1000},1e-4,{val}")
    path = log("\n".join(lines))
    run = logs.read(path)
    assert told(run, "micro-batches", "LitGPT")
    assert run.curves["val_loss"].steps.tolist() == [80, 160, 240]
    text = draft([run], ["log.csv"], unknown="m").text
    assert "# ASK: the log counts micro-batches" in text
    study = STUDY.format("val_loss")
    turned = _study(tmp_path, study + "micro_batches = 8\n")
    assert turned.curves["val_loss"].steps.tolist() == [10, 20, 30]
    assert turned.steps == 30


def _study(folder, text):
    from cptlaw.studies.study_file.loading import load

    (folder / "study.toml").write_text(text)
    return load(folder / "study.toml").run("a")


def test_a_study_names_its_columns(log, tmp_path) -> None:
    log(_csv(loss=FALLING, eval_accuracy=FALLING))
    study = STUDY.format("eval_accuracy")
    assert "eval_accuracy" in _study(tmp_path, study).curves


def test_no_column_left_says_why(log) -> None:
    with pytest.raises(DataError, match=r"no column holds a loss.*'thing' left out: values of 140"):
        logs.read(log(_csv(thing=[140.5 + i for i in range(10)])))


def test_a_training_loss_that_rises_is_no_pt(log) -> None:
    run = logs.read(log(_csv(loss=FALLING[::-1])))
    text = draft([run], ["log.csv"], unknown="m").text
    assert '\ncpt = "loss"  # the loss of what is trained on' in text and "\npt =" not in text


def test_one_evaluation_beside_a_training_loss_is_no_domain(log) -> None:
    run = logs.read(log(_csv(loss=FALLING, eval_loss=[""] * 9 + [2.0])))
    assert '\ncpt = "loss"' in draft([run], ["log.csv"], unknown="m").text


def test_many_doubtful_columns_are_asked_of_in_part(log) -> None:
    many = {f"quality_{i}": [0.5 - i / 100] * 2 + FALLING[2:] for i in range(20)}
    text = draft([logs.read(log(_csv(eval_loss=FALLING, **many)))], ["log.csv"], "m").text
    assert text.count("# ASK:") == 12
    assert "8 more columns may be losses" in text
