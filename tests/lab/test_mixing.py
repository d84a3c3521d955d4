"""The order of training sequences: shares, passes, prefixes, seeds."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("datasets")
pytest.importorskip("transformers")

import torch

from cptlaw.errors import DataError
from cptlaw.lab import mixing
from cptlaw.lab.reading import Stretch
from cptlaw.lab.tokens import Tokens

SHARES = {"a": 0.6, "b": 0.3, "c": 0.1}


def made(folder, name, sizes, first, validation=40):
    """Tokens of a text; each is a number of its own, counted from `first`."""
    folder.mkdir(exist_ok=True)
    paths, at = [], first
    for i, size in enumerate(sizes):
        paths.append(folder / f"{name}-{i}.npy")
        np.save(paths[-1], np.arange(at, at + size, dtype=np.uint32))
        at += size
    held = folder / f"{name}-validation.npy"
    np.save(held, np.arange(validation, dtype=np.uint16))
    counts = {p.name: size for p, size in zip(paths, sizes, strict=True)}
    return Tokens(name, tuple(paths), held, counts | {held.name: validation}, {}, (), False, ())


@pytest.fixture
def tokens(tmp_path):
    return texts(tmp_path)


def texts(folder):
    """a: 100 blocks of 8 in two files, b: 50, c: 7; a few tokens are left over in each file."""
    return {
        "a": made(folder, "a", (8 * 60 + 3, 8 * 40 + 5), 0),
        "b": made(folder, "b", (8 * 50 + 7,), 10_000),
        "c": made(folder, "c", (8 * 7,), 20_000),
    }


def before(own):
    """What a base read that left the stream where this stretch begins."""
    return [replace(own, skip=0, count=own.skip)] if own.skip else []


def rows(tokens, shares=SHARES, count=300, length=8, seed=0, skip=0):
    own = Stretch(shares, length, seed, skip, count)
    data = mixing.sequences(tokens, mixing.read(tokens, own, before(own)), length)
    return torch.stack(data[:]["input_ids"]).numpy() if count else np.empty((0, length))


def test_every_sequence_is_a_whole_block_of_one_text(tokens):
    found = rows(tokens)
    assert found.shape == (300, 8)
    assert (np.diff(found, axis=1) == 1).all()
    starts = {"a": (0, 483), "b": (10_000,), "c": (20_000,)}
    for row in found:
        text = "abc"[row[0] // 10_000]
        at = max(start for start in starts[text] if start <= row[0])
        assert (row[0] - at) % 8 == 0


def test_labels_are_the_tokens(tokens):
    chosen = mixing.read(tokens, Stretch({"b": 1.0}, 8, 0, 0, 3))
    data = mixing.sequences(tokens, chosen, 8)
    for row in data:
        assert row["input_ids"].dtype == torch.int64
        assert torch.equal(row["input_ids"], row["labels"])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shares", [SHARES, {"a": 0.5, "b": 0.5}, {"a": 0.99, "c": 0.01}])
def test_shares_are_those_asked_for(tokens, shares, seed):
    """Within four and a half standard deviations of the binomial."""
    count = 4000
    drawn = Counter(rows(tokens, shares, count, seed=seed)[:, 0] // 10_000)
    for name, share in shares.items():
        bound = 4.5 * np.sqrt(count * share * (1 - share))
        assert abs(drawn["abc".index(name)] - count * share) < bound
    assert sum(drawn.values()) == count


def test_text_without_a_share_is_not_drawn(tokens):
    assert (rows(tokens, {"a": 0.5, "b": 0.5, "c": 0.0})[:, 0] < 20_000).all()


@pytest.mark.parametrize("shares", [SHARES, {"b": 1.0}])
@pytest.mark.parametrize("count", [1, 17, 1001, 2500])
def test_first_sequences_are_the_same_for_every_count(tokens, shares, count):
    assert (rows(tokens, shares, count) == rows(tokens, shares, 3000)[:count]).all()


@pytest.mark.parametrize("shares", [SHARES, {"b": 1.0}])
@pytest.mark.parametrize("skip", [1, 100, 1500])
def test_skip_leaves_out_the_first(tokens, shares, skip):
    whole = rows(tokens, shares, skip + 50)
    assert (rows(tokens, shares, 50, skip=skip) == whole[skip:]).all()


def test_every_block_comes_once_before_any_comes_again(tokens):
    found = rows(tokens, {"a": 1.0}, 250)[:, 0]
    first, second, third = found[:100], found[100:200], found[200:]
    assert len(set(first)) == len(set(second)) == 100
    assert set(first) == set(second)
    assert len(set(third)) == 50
    assert list(first) != list(second)


def test_every_block_of_a_mixture_comes_once_a_pass(tokens):
    found = rows(tokens, SHARES, 1000)[:, 0]
    for text, blocks in enumerate((100, 50, 7)):
        own = found[found // 10_000 == text]
        for k in range(0, len(own) - blocks + 1, blocks):
            assert len(set(own[k : k + blocks])) == blocks


def test_order_is_shuffled_and_another_seeds_is_another(tokens):
    one, two = (rows(tokens, {"a": 1.0}, 100, seed=seed)[:, 0] for seed in (0, 1))
    assert list(one) != sorted(one)
    assert list(one) != list(two)
    mixed, other = (rows(tokens, SHARES, 100, seed=seed)[:, 0] // 10_000 for seed in (0, 1))
    assert list(mixed) != list(other)


def test_two_lengths_cover_the_same_tokens(tokens):
    short = rows(tokens, {"b": 1.0}, 50, length=8)
    long = rows(tokens, {"b": 1.0}, 25, length=16)
    assert long.shape == (25, 16)
    assert set(short.ravel()) == set(long.ravel())
    assert len(rows(tokens, {"c": 1.0}, 4, length=56)) == 4


def test_order_is_the_same_in_another_process(tokens, tmp_path):
    code = "import test_mixing as t, sys, pathlib\nprint(t.first(pathlib.Path(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parent,
        env={"PYTHONHASHSEED": "77", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(first(tmp_path)), done.stderr


def first(folder):
    """The first token of the first sequences."""
    return rows(texts(folder), SHARES, 200)[:, 0].tolist()


def test_order_of_small_changes_of_code_stays(tokens):
    """Runs that were begun go on with the data they began with; this order must not change."""
    assert rows(tokens, SHARES, 10, seed=3)[:, 0].tolist() == ORDER


ORDER = [280, 104, 10376, 88, 587, 312, 667, 747, 10184, 80]


def test_text_shorter_than_a_sequence_is_told(tokens):
    with pytest.raises(DataError, match=r"\[text.c\]: 56 training tokens are less than one seq"):
        rows(tokens, SHARES, length=57)


def test_validation_is_cut_in_order(tokens):
    found = torch.stack(mixing.validation(tokens["a"], 16)[:]["input_ids"]).numpy()
    assert (found == np.arange(32).reshape(2, 16)).all()
    with pytest.raises(DataError, match=r"\[text.a\]: 40 validation tokens are less than one"):
        mixing.validation(tokens["a"], 41)
