"""What a run reads after what its bases have read: nothing twice before all has come once."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasets")

import datasets

from cptlaw.errors import DataError
from cptlaw.lab import mixing, records
from cptlaw.lab.reading import Stretch, reading
from labs import BASE, CPT, record

SIZES = {"a": [8 * 60 + 3, 8 * 40 + 5], "b": [8 * 50 + 7]}
PT = Stretch({"a": 0.7, "b": 0.3}, 8, 3, 0, 60)
BOTH = {"pt": PT, "only a": replace(PT, shares={"a": 1.0})}


def own(shares=None, **changes):
    values = {"length": 8, "seed": 3, "skip": 0, "count": 40} | changes
    return Stretch(shares or {"b": 1.0}, **values)


def blocks(found, text):
    return found.block[found.text == found.texts.index(text)].tolist()


def tokens_of(found, text, length, sizes=SIZES):
    """The places in a text of all tokens that are read of it."""
    counts = [size // length for size in sizes[text]]
    starts = np.concatenate(
        [
            offset + np.arange(count) * length
            for count, offset in zip(
                counts, np.cumsum([0, *sizes[text]])[: len(counts)], strict=True
            )
        ]
    )
    return {
        t for block in blocks(found, text) for t in range(starts[block], starts[block] + length)
    }


@pytest.mark.parametrize("shares", [PT.shares, {"a": 0.2, "b": 0.8}, {"b": 1.0}])
@pytest.mark.parametrize("skip, count", [(0, 1), (0, 1300), (700, 900), (2001, 10)])
def test_a_stream_is_the_one_that_runs_of_earlier_versions_read(shares, skip, count):
    """Their mixtures were interleaved by datasets, each text's blocks shuffled anew every time."""
    stretch = Stretch(shares, 8, 5, skip, count)
    before = [replace(stretch, skip=0, count=skip)] if skip else []
    found = reading(SIZES, stretch, before)
    names, total = sorted(shares), skip + count
    parts = []
    for i, name in enumerate(names):
        share = shares[name]
        enough = math.ceil(total * share + 8 * math.sqrt(total * share * (1 - share)) + 8)
        held = sum(size // 8 for size in SIZES[name])
        salt = int.from_bytes(name.encode(), "big") % (1 << 62)
        order = [
            np.random.default_rng([5, salt, k]).permutation(held)
            for k in range(math.ceil(enough / held))
        ]
        block = np.concatenate(order)[:enough]
        parts.append(datasets.Dataset.from_dict({"text": np.full(enough, i), "block": block}))
    mixed = parts[0]
    if len(parts) > 1:
        mixed = datasets.interleave_datasets(parts, [shares[name] for name in names], 5)
    wanted = mixed.select(range(skip, total))
    assert found.text.tolist() == wanted["text"][:]
    assert found.block.tolist() == wanted["block"][:]


@pytest.mark.parametrize("base", BOTH)
@pytest.mark.parametrize("seed", [3, 4])
def test_text_of_the_base_comes_last(base, seed):
    """Whatever the seeds, all that the base has not read comes before what it has."""
    before = BOTH[base]
    seen = set(blocks(reading(SIZES, before, []), "a"))
    assert seen
    found = reading(SIZES, own({"a": 1.0}, seed=seed, count=230), [before])
    order = blocks(found, "a")
    fresh = 100 - len(seen)
    assert set(order[:fresh]) == set(range(100)) - seen
    assert set(order[fresh : fresh + 100]) == set(range(100))
    told = found.told["a"]
    assert (told.blocks, told.known, told.taken, told.again_from) == (100, len(seen), 230, fresh)
    assert found.again_from_step(7) == {"a": fresh // 7 + 1}
    assert found.record(8, 7) == {
        "a": {
            "tokens": 230 * 8,
            "of": 800,
            "skipped": len(seen) * 8,
            "read_again_from_step": fresh // 7 + 1,
        }
    }


def test_of_one_seed_the_continuation_goes_on_where_the_base_ended():
    """Its order is the rest of the base's own, so that both together are one long reading."""
    base = own({"b": 1.0}, count=20)
    long = blocks(reading(SIZES, own({"b": 1.0}, count=120), []), "b")
    mixed = own({"a": 0.5, "b": 0.5}, count=150)
    order = blocks(reading(SIZES, mixed, [base]), "b")
    assert order == long[20 : 20 + len(order)]


def test_a_whole_chain_of_bases_counts():
    first, second = own(count=15), own({"a": 0.5, "b": 0.5}, count=30, seed=9)
    seen = blocks(reading(SIZES, first, []), "b")
    seen += blocks(reading(SIZES, second, [first]), "b")
    assert len(set(seen)) == len(seen)
    found = reading(SIZES, own(count=50 - len(seen), seed=11), [first, second])
    assert set(blocks(found, "b")) == set(range(50)) - set(seen)
    assert found.again_from_step(1) == {}


def test_text_that_the_base_used_up_is_read_again_from_the_first_step():
    found = reading(SIZES, own(count=60), [own({"a": 0.5, "b": 0.5}, count=170)])
    assert found.told["b"].known == 50
    assert found.again_from_step(4) == {"b": 1}
    often = np.bincount(blocks(reading(SIZES, own({"a": 0.5, "b": 0.5}, count=170), []), "b"))
    rare = {int(b) for b in np.flatnonzero(often == often.min())}
    assert set(blocks(found, "b")[: len(rare)]) == rare


@pytest.mark.parametrize("one, other", [(8, 16), (16, 8), (8, 12), (12, 8), (20, 7)])
def test_tokens_come_once_when_the_sequences_are_of_another_length(one, other):
    base = Stretch({"a": 1.0}, one, 3, 0, 15)
    seen = tokens_of(reading(SIZES, base, []), "a", one)
    held = sum(size // other for size in SIZES["a"])
    known = reading(SIZES, Stretch({"a": 1.0}, other, 3, 0, 1), [base]).told["a"].known
    assert 15 * one // other <= known < held
    found = reading(SIZES, Stretch({"a": 1.0}, other, 3, 0, held - known), [base])
    assert not seen & tokens_of(found, "a", other)
    assert found.told["a"].again_from is None
    assert len(set(found.block.tolist())) == held - known


# --- in an experiment -------------------------------------------------------------------------

REPEAT = {"[training]": '[training]\nseen_text = "repeat"'}


def test_continuation_begins_with_text_that_its_base_has_not_seen(lab):
    lab.sweep()
    loaded = lab.load()
    base, cpt = (loaded.node(name) for name in ("base", "cpt"))
    assert cpt.read_before() == {"code": base.stretch.taken["code"]}
    corpus = lab.corpus(loaded)
    seen, new = (mixing.read(corpus.tokens, n.stretch, n.before) for n in (base, cpt))
    assert not set(blocks(seen, "code")) & set(blocks(new, "code"))
    told = record(lab.out() / "cpt")["reading"]["code"]
    assert told["tokens"] == 8 * 4 * 16
    assert told["skipped"] == base.stretch.taken["code"] * 16
    assert told["read_again_from_step"] is None
    assert record(lab.out() / "base")["reading"]["docs"]["skipped"] == 0
    assert not [said for said in lab.said if "once more" in said]


def test_reading_a_text_once_more_is_told(lab):
    """Of the 31 sequences of code, the base has read some twelve; the continuation takes 32."""
    few = {'code.jsonl"': 'code.jsonl"\ntokens = 500'}
    lab.sweep(BASE, CPT, changes=few)
    told = record(lab.out() / "cpt")["reading"]["code"]
    step = told["read_again_from_step"]
    assert 3 <= step <= 7
    assert f"cpt: text 'code' is read once more from step {step} on" in lab.said


def test_seen_text_can_be_repeated_as_earlier_versions_did(lab):
    cpt = lab.load(changes=REPEAT).node("cpt")
    assert (cpt.before, cpt.read_before()) == ((), {})
    assert "read_before" not in lab.load(changes=REPEAT).identity("cpt")
    assert lab.load().identity("cpt")["read_before"] == cpt_read(lab)


def cpt_read(lab):
    return {"code": lab.load().node("base").stretch.taken["code"]}


def test_runs_that_share_no_text_are_as_earlier_versions_made_them(lab):
    apart = {"pt = { docs = 0.75, code = 0.25 }": 'pt = "docs"'}
    assert "read_before" not in lab.load(changes=apart).identity("cpt")


def test_record_of_an_earlier_version_is_refused_with_a_word_on_what_to_do(lab):
    """Made where seen text was repeated; the base, which goes on from nothing, is used."""
    lab.sweep(changes=REPEAT)
    before = record(lab.out() / "base")
    with pytest.raises(
        DataError,
        match=r"run 'cpt': .*read_before: null, now \{.code.: \d+\}.*seen_text = .repeat.*-o",
    ):
        lab.sweep()
    assert record(lab.out() / "base") == before
    assert lab.sweep(changes=REPEAT).done == ("base", "cpt")
    assert records.status(lab.out() / "cpt") == "done"


def test_records_of_an_earlier_version_are_used_where_nothing_else_was_read(lab):
    """They say nothing of what was read, nor how fast."""
    apart = {"pt = { docs = 0.75, code = 0.25 }": 'pt = "docs"'}
    lab.sweep(changes=apart)
    for name in ("base", "cpt"):
        path = lab.out() / name / "run.json"
        older = {k: v for k, v in record(path.parent).items() if k not in ("reading", "speed")}
        path.write_text(json.dumps(older))
    assert lab.sweep(changes=apart).done == ("base", "cpt")
    assert "2 of 2 runs are done already" in lab.said
