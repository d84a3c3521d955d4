"""Console text: what training programs print is read off line by line."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest

import console_texts
from cptlaw import logs
from cptlaw.errors import DataError
from log_files import points, rates, told

TRAIN = {100: 2.9, 200: 2.8, 300: 2.7}
LATER = {100: 3.0, 200: 2.9, 300: 2.8}
LONGER = {step: 3 - step / 1000 for step in range(100, 800, 100)}
LESS = {100: 2.8, 200: 2.7, 300: 2.6}


@pytest.mark.parametrize(
    ("text", "kind", "column", "losses", "validation"),
    [
        ("MEGATRON", "Megatron-LM", "lm loss", TRAIN, {"lm loss validation-wiki": {300: 2.8125}}),
        ("OLD_MEGATRON", "Megatron-LM", "lm loss", TRAIN, {}),
        ("NEOX", "Megatron-LM", "lm_loss", TRAIN, {"lm_loss validation": {300: 2.8125}}),
        ("DEEPSPEED", "DeepSpeed", "loss", TRAIN, {}),
        ("TORCHTITAN", "torchtitan", "loss", TRAIN, {"validation loss": {300: 2.8125}}),
        ("NANOGPT", "nanoGPT", "train loss", LESS, {"val loss": TRAIN}),
        ("BUILD_NANOGPT", "build-nanogpt", "train loss", LESS, {"val loss": TRAIN}),
        ("BUILD_NANOGPT_CONSOLE", "build-nanogpt", "train loss", LESS, {"val loss": TRAIN}),
        ("NANOCHAT", "nanochat", "train/loss", TRAIN, {}),
        ("LLM_C", "llm.c", "train loss", LESS, {"val loss": TRAIN}),
        (
            "OLMO",
            "OLMo",
            "train/CrossEntropyLoss",
            TRAIN,
            {"eval/c4_en-validation/CrossEntropyLoss": LATER},
        ),
        ("OLMO_CORE", "OLMo", "train/CE loss", TRAIN, {}),
        (
            "COMPOSER",
            "Composer",
            "loss/train/total",
            TRAIN,
            {"metrics/eval/LanguageCrossEntropy": LATER},
        ),
        (
            "COMPOSER_TOKENS",
            "Composer",
            "loss/train/total",
            TRAIN,
            {"metrics/eval/LanguageCrossEntropy": LATER},
        ),
        ("TORCHTUNE", "torchtune", "loss", TRAIN, {}),
        ("MLX", "mlx-lm", "train loss", TRAIN, {"val loss": {99: 3.0, 199: 2.9, 299: 2.8}}),
        ("MLX_0_32", "mlx-lm", "train loss", TRAIN, {"val loss": {99: 3.0, 199: 2.9, 299: 2.8}}),
        ("LITGPT", "LitGPT", "train loss", TRAIN, {"val loss": LATER}),
        ("NEMO", "NeMo", "reduced_train_loss", LONGER, {"val_loss": {200: 3.1, 500: 2.9}}),
        ("ANY", "an unknown program", "train_loss", TRAIN, {}),
    ],
)
def test_programs(log, text, kind, column, losses, validation) -> None:
    run = logs.read(log(getattr(console_texts, text), "train.log"))
    assert run.format == kind
    assert points(run, column) == pytest.approx(losses)
    assert run.curves[column].source == "training"
    assert told(run, "Console text", kind)
    for name, expected in validation.items():
        assert points(run, name) == pytest.approx(expected)
        assert run.curves[name].source == "validation"


@pytest.mark.parametrize(
    ("text", "lr"),
    [
        ("OLD_MEGATRON", 1.5e-4),
        ("NEOX", 1.5e-4),
        ("DEEPSPEED", 2e-5),
        ("BUILD_NANOGPT_CONSOLE", 6e-4),
        ("LLM_C", 6e-4),
        ("OLMO", 3e-4),
        ("OLMO_CORE", 3e-4),
        ("COMPOSER", 3e-4),
        ("COMPOSER_TOKENS", 3e-4),
        ("TORCHTUNE", 2e-5),
        ("MLX", 1e-5),
        ("NEMO", 2.999e-6),
        ("ANY", 1e-4),
    ],
)
def test_learning_rates(log, text, lr) -> None:
    run = logs.read(log(getattr(console_texts, text), "train.log"))
    assert set(rates(run).values()) == {lr}


def test_validation_only(log) -> None:
    run = logs.read(log(console_texts.MODDED_NANOGPT, "train.log"))
    assert {name: points(run, name) for name in run.curves} == {
        "val_loss": pytest.approx({100: 2.9, 200: 2.8, 300: 2.7})
    }


def test_a_mean_over_the_interval_keeps_its_window(log) -> None:
    run = logs.read(log(console_texts.MEGATRON, "train.log"))
    assert run.curves["lm loss"].window == 100


def test_values_that_nemo_mixes_are_left_out(log) -> None:
    run = logs.read(log(console_texts.NEMO, "train.log"))
    assert run.curves["reduced_train_loss"].window == 100
    assert told(run, "printed only once, left out: 2", "mixture")
    once = "".join(console_texts.NEMO.splitlines(keepends=True)[1::2])
    run = logs.read(log(once, "train.log"))
    assert points(run, "val_loss") == {200: 3.1, 400: 2.9}
    assert told(run, "may be a mixture of two evaluations")


def test_litgpt_prints_between_its_steps(log) -> None:
    lines = [
        f"Epoch 1 | iter {i} step {i // 8} | loss train: {3 - i / 1000:.3f}, val: n/a | iter time: "
        f"210.11 ms{' (step)' * (i % 8 == 0)} remaining time: 0:12:12\n"
        for i in range(4, 200, 4)
    ]
    run = logs.read(log("".join(lines) + "iter 160: val loss 2.9, val time: 22.1 ms\n", "a.log"))
    assert points(run, "val loss") == {20: 2.9}
    assert told(run, "8 of them are one optimiser step")


def test_the_bar_of_torchtune_and_its_validation(log) -> None:
    bars = "".join(
        f"\r1|{s}|Loss: {3 - s / 1000:.4f}:  10%|█         | {s}/3000 [00:10<01:30, 1.10it/s]"
        for s in (100, 200, 300)
    )
    assert points(logs.read(log(bars + "\n", "train.log")), "loss") == pytest.approx(TRAIN)
    run = logs.read(log(console_texts.TORCHTUNE + "Step 300 | val_loss:2.75 \n", "train.log"))
    assert points(run, "val_loss") == {300: 2.75}


def test_the_lr_of_deepspeed_without_brackets(log) -> None:
    text = console_texts.DEEPSPEED.replace("[2e-05, 2e-05]", "2e-05")
    assert set(rates(logs.read(log(text, "train.log"))).values()) == {2e-5}


def test_the_source_code_that_a_program_prints_first_hides_nothing(log) -> None:
    code = "".join(f"x{i} = {i}  # and so on, and on\n" for i in range(20_000))
    run = logs.read(log(code + console_texts.MODDED_NANOGPT * 3, "train.log"))
    assert run.format == "modded-nanogpt"


def test_bytes_that_are_no_text_and_a_cut_line_hide_nothing(log) -> None:
    text = "\ufffd".join(["Starting ", console_texts.DEEPSPEED]) + "steps: 400 loss: 2."
    run = logs.read(log(text.replace("\ufffd", "\u2588"), "train.log"))
    assert points(run, "loss") == pytest.approx(TRAIN)


def test_batches_that_count_anew_in_each_epoch(log) -> None:
    text = "".join(
        f"[epoch={epoch}][batch={batch}/50]:\n\t Train loss/train/total: {3 - epoch / 10:.2f}\n"
        for epoch in (1, 2)
        for batch in (25, 50)
    )
    run = logs.read(log(text, "train.log"))
    assert points(run, "loss/train/total") == {25: 2.9, 50: 2.9, 75: 2.8, 100: 2.8}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "Epoch 0:  50%|#####     | 50/100 [00:01<00:01, 40it/s, v_num=0, loss=2.1]\n",
            "CSVLogger",
        ),
        ("Training:  5%|#   | 10/200 [00:01<00:10, 1.2it/s, loss=2.49]\n", "progress bar"),
        ("100/500 [=====>....] - ETA: 3s - loss: 2.3100\n", "Keras"),
    ],
)
def test_known_text_that_is_not_read_is_named(log, line, words) -> None:
    with pytest.raises(DataError, match=words):
        logs.read(log(line * 5, "train.log"))


def test_levanter(log) -> None:
    text = "".join(
        '2025-02-03T10:00:00 - 0 - levanter.json_logger - INFO :: {"tracker": "json_logger", '
        f'"event": "log", "step": {step}, "metrics": {{"train/loss": {3 - step / 1000}, '
        '"optim": {"learning_rate": 0.0003}}}\n'
        for step in (100, 200, 300)
    )
    run = logs.read(log(text + text[: len(text) // 6], "train.log"))
    assert run.format == "levanter"
    assert points(run, "train/loss") == pytest.approx(TRAIN)
    assert set(rates(run).values()) == {3e-4}
    assert told(run, "cut or damaged, left out: 1")


@pytest.mark.parametrize(
    "text",
    [
        "[batch={s}/1000]:   Train loss/train/total: {x}    Train metrics/train/Perplexity: 6.7\n",
        "0: [batch={s}/1000]:\n0:       Train loss/train/total: {x}\n0:       Train time/val: 0\n",
    ],
)
def test_composer_on_one_line_or_behind_a_rank(log, text) -> None:
    full = "".join(text.format(s=s, x=x) for s, x in TRAIN.items())
    assert points(logs.read(log(full, "train.log")), "loss/train/total") == TRAIN


TEXTS = [text for name, text in vars(console_texts).items() if name.isupper() and name != "BAR"]
PIECES = [b"nan", b"1e400", b"9" * 30, b"\n", b"|", b": ", b",", b"\x1b[31m", b"\r", b"\xff", b"-"]


@pytest.mark.parametrize("seed", range(40))
def test_damaged_text_is_read_or_refused_in_words(log, seed) -> None:
    random = Random(seed)
    text = bytearray("".join(random.sample(TEXTS, 2)).encode())
    for _ in range(random.choice((1, 5, 30))):
        at = random.randrange(len(text))
        end = at + random.randrange(40)
        match random.randrange(4):
            case 0:
                text[at:end] = random.choice(PIECES)
            case 1:
                text[at:at] = text[at:end] * random.randrange(9)
            case 2:
                text[at:end] = text[at:end][::-1]
            case _:
                text[at:end] = b""
    with suppress(DataError):
        logs.read(log(bytes(text), "train.log"))


def test_text_of_two_bytes_a_character(log) -> None:
    run = logs.read(log(console_texts.NANOGPT.encode("utf-16"), "train.log"))
    assert run.format == "nanoGPT"
