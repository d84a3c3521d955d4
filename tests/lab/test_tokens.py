"""Texts to tokens: what is held out, what is cached, and what is told."""

import json
import random
import shutil

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasets")
pytest.importorskip("tokenizers")

import tokenizers

from cptlaw.errors import DataError
from cptlaw.lab import shards
from cptlaw.lab import tokens as lab_tokens
from cptlaw.lab.document import Document
from labs import BASE, Lab, write_rows, write_texts


@pytest.fixture
def own(tmp_path):
    """The tiny experiment with texts of its own, that may be changed."""
    return Lab(tmp_path, write_texts(tmp_path / "texts"), None)


def prepared(lab, changes=None):
    return lab.corpus(lab.load(BASE, changes=changes))


def tokenizer_of(corpus):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(corpus.tokenizer)


def decoded(corpus, path):
    """The documents in a file of tokens."""
    return tokenizer_of(corpus).decode(np.load(path)).split("<|end|>")


def texts_of(folder, name):
    lines = (folder / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line)["text"] for line in lines]


def files(corpus):
    return {
        name: [np.load(path) for path in (*made.train, made.validation)]
        for name, made in corpus.tokens.items()
    }


def test_tokens_are_made_of_the_documents(lab):
    corpus = prepared(lab)
    assert corpus.vocabulary == 300
    for name, made in corpus.tokens.items():
        given = texts_of(lab.texts, name)
        training = decoded(corpus, made.train[0])
        assert training.pop() == ""
        assert training == [text for text in given if text in set(training)]
        assert len(training) > 270
        assert np.load(made.train[0]).dtype == np.uint16
        assert made.train_tokens == np.load(made.train[0]).size
        assert made.validation_tokens == np.load(made.validation).size == 512


def test_validation_and_training_have_no_document_in_common(lab):
    corpus = prepared(lab)
    for name, made in corpus.tokens.items():
        training = set(decoded(corpus, made.train[0]))
        held = [text for text in texts_of(lab.texts, name) if text not in training]
        # A document gives the validation 64 tokens here, so that eight are needed at least.
        assert len(held) >= 8
        starts = tokenizer_of(corpus)([*held])["input_ids"]
        found = np.load(made.validation).reshape(8, 64)
        assert {tuple(row) for row in found} <= {tuple(ids[:64]) for ids in starts}
        assert not {tuple(row) for row in found} & {
            tuple(ids[:64]) for ids in tokenizer_of(corpus)(sorted(training))["input_ids"]
        }


def test_second_time_comes_from_the_cache(own):
    first = prepared(own)
    told = list(own.said)
    assert any(line.startswith("training a tokenizer of 300") for line in told)
    assert any(line.startswith("docs: reading and tokenising") for line in told)
    before = {p: p.stat().st_mtime_ns for p in (own.out() / "data").rglob("*.npy")}
    own.said.clear()
    assert prepared(own) == first
    assert own.said == []
    assert before == {p: p.stat().st_mtime_ns for p in (own.out() / "data").rglob("*.npy")}


def test_made_again_the_tokens_are_the_same(own):
    first = prepared(own)
    arrays = files(first)
    shutil.rmtree(own.out())
    second = prepared(own)
    assert second == first
    for name, found in files(second).items():
        for one, other in zip(found, arrays[name], strict=True):
            assert (one == other).all()


@pytest.mark.parametrize("file", ["train-00000.npy", "validation.npy"])
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_changed_cache_is_told(lab, file, how):
    made = prepared(lab).tokens["code"]
    path = made.validation.parent / file
    if how == "removed":
        path.unlink()
    else:
        array = np.load(path)
        array[7] += 1
        np.save(path, array)
    with pytest.raises(DataError) as raised:
        prepared(lab)
    assert str(raised.value).startswith(f"{path}: is missing or was changed since it was made")
    assert f"Remove the folder {path.parent}" in str(raised.value)
    shutil.rmtree(path.parent)
    assert prepared(lab).tokens["code"] == made


def test_interrupted_cache_is_made_again(lab):
    made = prepared(lab).tokens["code"]
    (made.validation.parent / "tokens.json").unlink()
    made.train[0].write_bytes(b"half")
    assert prepared(lab).tokens["code"] == made


def test_changed_source_is_noticed(own):
    first = prepared(own)
    texts = texts_of(own.texts, "docs")
    write_rows(own.texts / "docs.jsonl", [*texts, "one more document of the docs " * 5])
    second = prepared(own)
    assert second.tokens["docs"].checksums != first.tokens["docs"].checksums
    assert own.sweep(BASE).done == ("base",)
    write_rows(own.texts / "docs.jsonl", texts[5:])
    with pytest.raises(DataError, match=r"run 'base'.*tokens: "):
        own.sweep(BASE)


def test_near_duplicates_are_dropped_or_kept(own):
    """Documents that training text repeats are counted either way."""
    given = texts_of(own.texts, "code")
    held = {json.dumps(d) for d in held_out(own)}
    assert held
    repeated = [text for text in given if json.dumps(text) in held][:3]
    rows = [*given, *repeated]
    write_rows(own.texts / "code.jsonl", rows)
    dropped = prepared(own)
    kept = prepared(own, {"[validation]": '[validation]\nnear_duplicates = "keep"'})
    for corpus, drop in ((dropped, True), (kept, False)):
        made = corpus.tokens["code"]
        assert made.dropped is drop
        assert len(made.near_duplicates) >= 3
        assert all(overlap.share == 1 for overlap in made.near_duplicates[:3])
        starts = [tokenizer_of(corpus)(text)["input_ids"][:64] for text in repeated]
        found = np.load(made.validation).tolist()
        inside = [any(found[i : i + 64] == s for i in range(len(found))) for s in starts]
        assert not any(inside) if drop else any(inside)
    told = [line for line in own.said if line.startswith("code: ") and "near-dup" in line]
    assert "validation documents, left out" in told[-2] and "documents, kept" in told[-1]


def held_out(lab):
    """The texts that stand in no training file of `code`."""
    corpus = prepared(lab)
    training = set(decoded(corpus, corpus.tokens["code"].train[0]))
    return [text for text in texts_of(lab.texts, "code") if text not in training]


def test_text_that_is_too_short(own):
    write_rows(own.texts / "code.jsonl", texts_of(own.texts, "code")[:60])
    with pytest.raises(
        DataError, match=r"\[text.code\]: only \d+ validation tokens .*of 512 wanted"
    ):
        prepared(own)


def test_text_that_repeats_itself(own):
    one, other = texts_of(own.texts, "code")[:2]
    write_rows(own.texts / "code.jsonl", [one, other] * 150)
    with pytest.raises(DataError, match=r"\[text.code\]: only 0 .*or repeats itself"):
        prepared(own)


def test_fewer_validation_tokens_than_wanted_are_told(own):
    corpus = prepared(own, {"tokens = 512": "tokens = 1_000_000"})
    for made in corpus.tokens.values():
        assert 1024 <= made.validation_tokens < 1_000_000
        assert any("of 1,000,000 validation tokens were found" in note for note in made.notes)
    assert any("validation tokens were found" in line for line in own.said)


def test_training_tokens_are_no_more_than_asked_for(own):
    whole = prepared(own).tokens["code"]
    path = 'code.jsonl"\ntokens = 5000'
    made = prepared(own, {'code.jsonl"': path}).tokens["code"]
    assert made.train_tokens == 5000
    assert made.notes == ()
    assert (np.load(made.train[0]) == np.load(whole.train[0])[:5000]).all()


def test_text_with_fewer_tokens_than_asked_for_is_told(own):
    made = prepared(own, {'code.jsonl"': 'code.jsonl"\ntokens = 1e9'}).tokens["code"]
    assert made.notes == ("it holds fewer than the 1,000,000,000 tokens asked for",)


def test_long_documents_are_cut_at_line_ends():
    draw = random.Random(1)
    lines = ["".join(draw.choices("abc ", k=draw.randint(5, 90))) for _ in range(3000)]
    text = "\n".join(lines)
    pieces = list(lab_tokens._pieces([Document("long", text), Document("short", "x")]))
    assert "".join(piece.text for piece in pieces[:-1]) == text
    assert len(pieces) > 3
    assert all(len(piece.text) <= 32_768 for piece in pieces)
    assert all(piece.text.endswith("\n") for piece in pieces[:-2])
    assert [piece.name for piece in pieces[:2]] == ["long part 1", "long part 2"]
    assert pieces[-1] == Document("short", "x")


def test_long_line_is_cut_anywhere():
    text = "x" * 70_000
    pieces = list(lab_tokens._pieces([Document("long", text)]))
    assert [len(piece.text) for piece in pieces] == [32_768, 32_768, 4464]


def test_many_tokens_are_written_in_shards(own, monkeypatch):
    whole = np.load(prepared(own).tokens["docs"].train[0])
    shutil.rmtree(own.out())
    monkeypatch.setattr(shards, "_SHARD_TOKENS", 10_000)
    made = prepared(own).tokens["docs"]
    assert len(made.train) > 3
    assert [path.name for path in made.train[:2]] == ["train-00000.npy", "train-00001.npy"]
    joined = np.concatenate([np.load(path) for path in made.train])
    assert (joined == whole).all()
    assert set(made.checksums) == {path.name for path in (*made.train, made.validation)}


def word_tokenizer(folder, texts, size):
    """A tokenizer of whole words, without an end mark, as AutoTokenizer loads it."""
    from transformers import PreTrainedTokenizerFast

    words = sorted({word for text in texts for word in text.split()})
    fillers = [f"filler{i}" for i in range(size - len(words) - 1)]
    vocabulary = {word: i for i, word in enumerate(["?", *fillers, *words])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=made, unk_token="?").save_pretrained(folder)


@pytest.mark.parametrize("size, kind", [(1 << 16, np.uint16), ((1 << 16) + 1, np.uint32)])
def test_large_vocabularies_have_wider_numbers(own, size, kind):
    """The tokenizer is one beside the experiment file, wherever the command is run."""
    given = [text for name in ("docs", "code") for text in texts_of(own.texts, name)]
    word_tokenizer(own.folder / "words", given, size)
    corpus = prepared(own, {"vocabulary = 300": 'name = "words"', "tokens = 512": "tokens = 256"})
    assert corpus.vocabulary == size
    for path in (corpus.tokens["code"].train[0], corpus.tokens["code"].validation):
        assert np.load(path).dtype == kind
        assert np.load(path).max() == size - 1
    assert corpus.tokens["code"].train_tokens % 60 == 0


def test_tokenizer_that_is_not_there(own):
    with pytest.raises(DataError, match=r"\[tokenizer\]: name = './words' cannot be loaded: "):
        prepared(own, {"vocabulary = 300": 'name = "./words"'})


def test_tokens_of_other_vocabularies_stand_beside_each_other(own):
    first = prepared(own)
    second = prepared(own, {"vocabulary = 300": "vocabulary = 320"})
    assert second.vocabulary == 320
    assert second.tokens["docs"].train != first.tokens["docs"].train
    assert prepared(own) == first
