"""Damaged logs of each format: `make fuzz` reads far more of them, each in a process of its own."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

import console_texts
from cptlaw import logs
from cptlaw.errors import DataError
from cptlaw.studies.logs.console.engine import plain
from cptlaw.studies.logs.console.writers import ANY, WRITERS
from log_files import points, told
from log_mutations import cut, mutated
from log_seeds import Seed, seeds

LINES = [
    plain(line)
    for name, text in vars(console_texts).items()
    if name.isupper()
    for line in text.splitlines()
]
EACH = pytest.mark.parametrize("seed", seeds(), ids=lambda seed: f"{seed.format}-{seed.target}")


@EACH
def test_a_damaged_log_is_read_or_refused_in_words(tmp_path: Path, seed: Seed) -> None:
    rng = Random(seed.format)
    assert logs.read(seed.put(tmp_path / "whole", seed.files[seed.target])).curves
    for _ in range(12):
        _, data = mutated(rng, seed.files[seed.target])
        if len(data) > 1 << 20:
            continue
        path = seed.put(tmp_path / "damaged", data)
        try:
            logs.read(path)
        except DataError as error:
            assert path.name in str(error)


@EACH
def test_a_log_that_ends_early_has_no_other_values(tmp_path: Path, seed: Seed) -> None:
    rng, original = Random(seed.format), seed.files[seed.target]
    whole = logs.read(seed.put(tmp_path / "whole", original))
    for _ in range(12):
        path = seed.put(tmp_path / "cut", cut(rng, original))
        try:
            run = logs.read(path)
        except DataError:
            continue
        for name in run.curves.keys() & whole.curves.keys():
            known = points(whole, name)
            for step, value in points(run, name).items():
                honest = told(run, "no line end") or told(run, "a mixture")
                assert known.get(step) == value or honest


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("log.csv", "step,loss\n" + "1,2.125\n" * 12 + "13,2.1", "last row, line 14, is cut short"),
        ("log.csv", "step,loss\n1,2.125\n2,2.25\n3,2.1", "'2.1' may lack digits"),
        ("log.csv", 'step,loss\n"1","2.125"\n"2","2.25"\n"3","2.5', "line 4, is cut short"),
        ("log.csv", "step,loss,val\n1,2.125,2\n2,2.25,", "its last cell is lost"),
        ("log.csv", "step,loss\n1,2.125\n2,2.", "line 3, is cut short"),
        ("log.jsonl", '{"step":1,"loss":2}\n{"step":2,"lo', "line 2, is cut short"),
        ("a.log", console_texts.MLX[:-230], "no line end, as of a text that was cut"),
        ("a.log", console_texts.OLD_MEGATRON[:-40], "no line end, as of a text that was cut"),
    ],
)
def test_a_cut_tail_is_told(log, name, text, words) -> None:
    assert told(logs.read(log(text, name)), words)


def test_a_number_cut_in_its_digits_is_left_out(log) -> None:
    text = "".join(f"{s} val {3 - s / 1000:.4f}\n{s} train 2.8000\n" for s in (100, 200, 300))
    for end in ("400 val 2", "400 val 2.60", "40"):
        assert points(logs.read(log(text + end)), "val loss") == {100: 2.9, 200: 2.8, 300: 2.7}
    assert points(logs.read(log(text + "400 val 2.6000")), "val loss")[400] == 2.6


@pytest.mark.parametrize("line", ["\n", "0", "iter 1: x\n"])
def test_a_packed_console_text_of_very_many_lines(tmp_path: Path, line: str, monkeypatch) -> None:
    monkeypatch.setattr("cptlaw.studies.logs.console.engine._MOST_LINES", 100_000)
    path = tmp_path / "train.log"
    text = console_texts.NANOGPT + line * (1 << 22) + "\n" + console_texts.NANOGPT
    path.write_bytes(gzip.compress(text.encode(), 1))
    if "x" in line:
        with pytest.raises(DataError, match=r"train\.log: more than 100000 lines, the most"):
            logs.read(path)
    else:
        assert len(logs.read(path).curves["loss"]) == 3


@pytest.mark.parametrize("fill", [",", "\n", "0", " "])
@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "loss", "levanter.log"])
def test_a_packed_text_that_goes_on_without_end(tmp_path: Path, name: str, fill: str) -> None:
    seed = next(seed for seed in seeds() if seed.target == name)
    path = tmp_path / name
    path.write_bytes(gzip.compress(seed.files[name][:100] + fill.encode() * (1 << 24), 1))
    try:
        logs.read(path)
    except DataError as error:
        assert name in str(error)


@pytest.mark.filterwarnings("error")
def test_groups_of_learning_rates_with_text_or_without_a_number(log) -> None:
    lines = [f"steps: {s} loss: 2.5 iter time (s): 1\n" for s in (1, 2, 3)]
    rates = [f"step={s}, skipped=0, lr=[%s, 2e-05], mom=[0]\n" for s in (1, 2, 3)]
    text = "".join(a + b for a, b in zip(lines, rates, strict=True))
    assert logs.read(log(text.replace("%s", "nan"), "train.log")).curves
    with pytest.raises(DataError, match=r"train\.log, line 2: column 'lr.*'x'"):
        logs.read(log(text.replace("%s, 2e-05", "x"), "train.log"))


def test_a_chart_of_wandb_without_a_series(log) -> None:
    text = '"Step","a - loss__MIN","a - loss__MAX"\n"1","2","2"\n'
    with pytest.raises(DataError, match=r"log\.csv: a W&B chart without a column"):
        logs.read(log(text))


@pytest.mark.filterwarnings("error")
def test_ranks_of_which_one_logs_nan(log) -> None:
    text = console_texts.DEEPSPEED.replace("steps: 100 loss: 2.9000", "steps: 100 loss: nan")
    run = logs.read(log(text, "train.log"))
    assert points(run, "loss") == {200: 2.8, 300: 2.7}
    assert not told(run, "2 ranks")


@pytest.mark.filterwarnings("error")
def test_a_long_table_with_a_step_beyond_all(log) -> None:
    rows = [f"loss,{step},{3 - step / 100}\n" for step in (10, 20, 12345678901234567890)]
    with pytest.raises(DataError, match=r"line 4: column 'step' holds 1\.23457e\+19"):
        logs.read(log("metric,step,value\n" + "".join(rows)))


def test_a_loss_beyond_all_names_the_log_and_its_column(log) -> None:
    rows = "".join(f"{step},{1e60 if step == 30 else 2.5}\n" for step in range(10, 100, 10))
    with pytest.raises(DataError, match=r"log\.csv: column \"eval_loss\": loss 1e60 at step 30"):
        logs.read(log(f"step,eval_loss\n{rows}"))


def test_a_loss_that_is_no_number_is_named(log) -> None:
    rows = "".join(f"{step},{'nan' if step == 30 else 2.5}\n" for step in range(10, 100, 10))
    notes = logs.read(log(f"step,loss\n{rows}")).notes
    assert any("the first is nan at step 30" in note for note in notes)


@pytest.mark.parametrize("odd", ["iter inf step 100", "iter NaN step 200", "iter 9 step NaN"])
def test_a_console_text_whose_steps_are_no_numbers(log, odd: str) -> None:
    lines = [
        f"Epoch 1 | {at} | loss train: 2.5, val: n/a | iter time: 210.11 ms (step)"
        for at in (odd, "iter 800 step 100", "iter 1600 step 200")
    ]
    text = "\n".join([*lines, "iter inf: val loss 2.9, val time: 1.0 ms", "iter 800: val loss 2.8"])
    try:
        assert logs.read(log(text, "train.log")).curves
    except DataError as error:
        assert "train.log" in str(error)


def test_a_console_text_whose_losses_are_infinite_one_after_the_other(log) -> None:
    rows = [
        f"{s} val inf\n{s} hella 0.25\n{s} train {3 - s / 1000}\n" for s in range(100, 900, 100)
    ]
    run = logs.read(log("".join(rows), "train.log"))
    assert list(run.curves) == ["train loss"]
    assert any("no finite number" in note for note in run.notes)


def _blown(line: str) -> Iterator[str]:
    """The line with thousands of each of its words, spaces or digits, and of all its numbers."""
    parts = re.findall(r"\d+|[A-Za-z_]+|\s+|.", line)
    for i, part in enumerate(parts):
        yield "".join([*parts[:i], part * (8000 // len(part)), *parts[i + 1 :], "!"])
    yield re.sub(r"\d+", "1" * 2000, line) + "!"


def _seconds(patterns: list[re.Pattern[str]], line: str) -> float:
    began = time.process_time()
    for pattern in patterns:
        list(pattern.finditer(line))
    return time.process_time() - began


@pytest.mark.parametrize("program", [*WRITERS, ANY], ids=lambda program: program.name)
def test_a_line_with_thousands_of_anything_is_soon_looked_through(program) -> None:
    patterns = [line.found for line in program.lines]
    mine = {re.sub(r"\d", "1", line) for line in LINES}
    mine = {line for line in mine if any(pattern.search(line) for pattern in patterns)}
    assert mine
    patterns += [line.each for line in program.lines if line.pairs]
    for long in (each for line in sorted(mine, key=len)[:2] for each in _blown(line)):
        assert any(_seconds(patterns, long) < 0.3 for _ in range(3)), long[:100]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("steps", ["9" * 30, "9" * 400, "9" * 5000, "999999999999999"])
@pytest.mark.parametrize("epochs", ["3", "9" * 400, "0", "1e-300", "1e300", "inf", "nan"])
def test_the_text_of_a_trainer_with_numbers_beyond_all(log, steps: str, epochs: str) -> None:
    dicts = "".join(f"{{'loss': {3 - s / 100}, 'epoch': {s / 4}}}\n" for s in (1, 2, 3))
    bar = f" 10%|#   | 1/{steps} [00:01<01:00]\n"
    end = f"{{'train_runtime': 9.0, 'train_loss': 2.9, 'epoch': {epochs}}}\n"
    named = f"  Num Epochs = {epochs}\n" if epochs.isdigit() else ""
    text = f"{named}  Total optimization steps = {steps}\n{bar}{dicts}{end}"
    with suppress(DataError):
        assert set(points(logs.read(log(text, "train.log")), "loss").values()) == {2.99, 2.98, 2.97}
