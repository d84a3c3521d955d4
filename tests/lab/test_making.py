"""Making tokens by several processes, and after a kill at any moment."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from queue import SimpleQueue

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

from cptlaw.errors import DataError
from cptlaw.lab import encoding, making, shards, tokens
from cptlaw.lab.document import Document
from cptlaw.lab.duplicates import Sought, overlaps
from cptlaw.lab.encoding import Encoder
from cptlaw.lab.progress import Making
from labs import BASE, Lab, write_texts


class Killed(BaseException):
    """In place of a kill: nothing catches it."""


@pytest.fixture(scope="module")
def tokenizer(lab_data):
    from transformers import AutoTokenizer

    (folder,) = lab_data.glob("tokenizer-*")
    return AutoTokenizer.from_pretrained(folder), str(folder)


@pytest.fixture
def small(monkeypatch):
    """Chunks of a few documents, files of a few chunks."""
    monkeypatch.setattr(making, "_CHARACTERS", 1500)
    monkeypatch.setattr(encoding, "_ALONE", 1)
    monkeypatch.setattr(shards, "_SHARD_TOKENS", 3000)


def documents(count=60, seed=0):
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghij", k=draw.randint(2, 7))) for _ in range(90)]
    return [Document(f"d{i}", " ".join(draw.choices(words, k=60))) for i in range(count)]


HELD = [
    documents()[7],
    documents()[41],
    Document("other", "words that stand in none of them"),
]


def made(folder, tokenizer, given=None, *, most=None, workers=1, tell=lambda _: None, notes=None):
    encoder = Encoder.of(*tokenizer)
    return making.make(
        documents() if given is None else given,
        encoder,
        Sought(HELD),
        folder,
        most=most,
        notes=[] if notes is None else notes,
        workers=workers,
        tell=tell,
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("train-*.npy"))}


def test_tokens_are_those_of_transformers(tmp_path, tokenizer, small):
    found = made(tmp_path, tokenizer)
    wanted = tokenizer[0]([d.text for d in documents()], add_special_tokens=False)["input_ids"]
    end = tokenizer[0].eos_token_id
    joined = np.concatenate([np.load(tmp_path / name) for name in found.sizes])
    assert joined.tolist() == [i for ids in wanted for i in (*ids, end)]
    assert len(found.sizes) > 2
    assert {name: np.load(tmp_path / name).size for name in found.sizes} == found.sizes
    assert Sought(HELD).overlaps(found.seen) == overlaps(HELD, documents())


def test_files_are_as_numpy_writes_them(tmp_path, tokenizer, small):
    for name in made(tmp_path, tokenizer).sizes:
        np.save(tmp_path / "other.npy", np.load(tmp_path / name))
        assert (tmp_path / "other.npy").read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("most", [None, 5000])
def test_tokens_are_the_same_for_every_number_of_processes(tmp_path, tokenizer, small, most):
    """Also what is noted of the text, and found in it, when some is read in vain."""

    def noting(notes):
        for number, document in enumerate(documents()):
            notes[:] = [f"{number} read"]
            yield document

    found = {}
    for workers in (1, 2):
        notes = []
        folder = tmp_path / str(workers)
        one = made(folder, tokenizer, noting(notes), most=most, workers=workers, notes=notes)
        found[workers] = contents(folder), one.sizes, one.seen.tolist(), one.notes
    assert found[1] == found[2]
    if most is not None:
        assert sum(found[1][1].values()) == most


@pytest.mark.parametrize("cut", [1, 2000, 2999, 3000, 3001, 5000])
def test_the_most_is_kept_and_no_text_behind_it_counts(tmp_path, tokenizer, small, cut):
    whole = made(tmp_path / "whole", tokenizer)
    joined = np.concatenate([np.load(tmp_path / "whole" / name) for name in whole.sizes])
    found = made(tmp_path / "cut", tokenizer, most=cut)
    assert np.concatenate([np.load(tmp_path / "cut" / n) for n in found.sizes]).tolist() == (
        joined[:cut].tolist()
    )
    ends = np.cumsum([len(ids) for ids in Encoder.of(*tokenizer).encode(documents())])
    used = documents()[: int(np.searchsorted(ends, cut)) + 1]
    assert Sought(HELD).overlaps(found.seen) == overlaps(HELD, used)


# --- kills --------------------------------------------------------------------------------------


def killed_after(count):
    """Tells until so many chunks are there."""
    calls = iter(range(count + 1))

    def tell(_):
        if next(calls, None) is None:
            raise Killed

    return tell


@pytest.mark.parametrize("most", [None, 5000])
@pytest.mark.parametrize("count", [0, 1, 4])
def test_goes_on_after_a_kill_without_encoding_anything_twice(
    tmp_path, tokenizer, small, monkeypatch, count, most
):
    whole = made(tmp_path / "whole", tokenizer, most=most)
    with pytest.raises(Killed):
        made(tmp_path / "cut", tokenizer, most=most, tell=killed_after(count))
    asked = []
    encode = Encoder.encode
    monkeypatch.setattr(
        Encoder, "encode", lambda self, given: asked.extend(given) or encode(self, given)
    )
    found = made(tmp_path / "cut", tokenizer, most=most)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert (found.sizes, found.seen.tolist()) == (whole.sizes, whole.seen.tolist())
    assert found.notes == whole.notes
    lines = (tmp_path / "whole" / shards.JOURNAL).read_text().splitlines()
    assert len(asked) < 60 - 3 * count
    assert (tmp_path / "cut" / shards.JOURNAL).read_text().splitlines() == lines


@pytest.mark.parametrize("damage", ["tail", "half line", "byte", "short", "gone", "extra", "head"])
def test_nothing_half_done_or_damaged_is_used(tmp_path, tokenizer, small, damage):
    made(tmp_path / "whole", tokenizer)
    folder = tmp_path / "cut"
    with pytest.raises(Killed):
        made(folder, tokenizer, tell=killed_after(9))
    first, journal = folder / "train-00000.npy", folder / shards.JOURNAL
    content = first.read_bytes()
    if damage == "tail":
        last = sorted(folder.glob("train-*.npy"))[-1]
        last.write_bytes(last.read_bytes() + b"half a chunk")
    elif damage == "half line":
        journal.write_text(journal.read_text() + '{"source": "12')
    elif damage == "byte":
        first.write_bytes(content[:900] + bytes([content[900] ^ 1]) + content[901:])
    elif damage == "short":
        first.write_bytes(content[:700])
    elif damage == "gone":
        first.unlink()
    elif damage == "extra":
        (folder / "train-00007.npy").write_bytes(b"of another try")
    else:
        first.write_bytes(b"\0" * 128 + content[128:])
    made(folder, tokenizer)
    assert contents(folder) == contents(tmp_path / "whole")


def test_what_was_made_of_other_text_is_made_again(tmp_path, tokenizer, small):
    """A data set of the hub may change between two tries."""
    given = [*documents()[:20], *documents(40, seed=5)]
    made(tmp_path / "whole", tokenizer, given)
    with pytest.raises(Killed):
        made(tmp_path / "cut", tokenizer, tell=killed_after(10))
    made(tmp_path / "cut", tokenizer, given)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


KILL = """
import os, signal, sys
sys.path[:0] = sys.argv[4:]
from cptlaw.lab import encoding, experiment, making, shards, tokens
making._CHARACTERS, encoding._ALONE = 1500, 1
add, left = shards.Shards.add, [int(sys.argv[3])]
def counted(self, *args, **keywords):
    left[0] -= 1
    if not left[0]:
        self._append(b"half of a chunk")
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, *args, **keywords)
shards.Shards.add = counted
if __name__ == "__main__":
    from pathlib import Path
    tokens.prepare(experiment.load(sys.argv[1]), Path(sys.argv[2]), print, 2)
"""


def test_killed_for_good_it_goes_on_with_two_processes(tmp_path):
    """A whole text, killed three times; the processes that made tokens end too."""
    own = Lab(tmp_path, write_texts(tmp_path / "texts"), None)
    file = own.write(BASE)
    script = tmp_path / "kill.py"
    script.write_text(KILL)
    data = tmp_path / "data"
    for number in (3, 9):
        words = [sys.executable, str(script), str(file), str(data), str(number), *sys.path]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not list(data.glob("docs-*/tokens.json"))
    said = []
    from cptlaw.lab import tokens

    loaded = own.load(BASE)
    found = tokens.prepare(loaded, data, said.append)
    assert any("from where it was left" in line for line in said)
    whole = tokens.prepare(loaded, tmp_path / "whole", said.append)
    assert {n: t.checksums for n, t in found.tokens.items()} == {
        n: t.checksums for n, t in whole.tokens.items()
    }
    assert not list(data.glob("*.begun"))


# --- faults -------------------------------------------------------------------------------------


def failing(count):
    yield from documents()[:count]
    raise DataError("row 21 is malformed")


@pytest.mark.parametrize("workers", [1, 2])
def test_fault_of_the_text_counts_only_where_it_is_reached(tmp_path, tokenizer, small, workers):
    whole = made(tmp_path / "whole", tokenizer, most=2000)
    found = made(tmp_path / "some", tokenizer, failing(20), most=2000, workers=workers)
    assert found.sizes == whole.sizes
    with pytest.raises(DataError, match="row 21 is malformed"):
        made(tmp_path / "all", tokenizer, failing(20), workers=workers)


def test_killed_process_is_told(tmp_path, tokenizer, small):
    def kill(_):
        for process in multiprocessing.active_children():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(DataError, match=r"was killed.*--workers"):
        made(tmp_path, tokenizer, documents(600), workers=2, tell=kill)
    made(tmp_path, tokenizer, documents(600))
    made(tmp_path / "whole", tokenizer, documents(600))
    assert contents(tmp_path) == contents(tmp_path / "whole")


def test_progress_tells_what_is_left(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 4.0, 20.0, 21.0])
    monkeypatch.setattr("cptlaw.lab.progress.time.monotonic", lambda: next(clock))
    tell = Making("law", 1e6)
    for count in (100_000, 200_000, 500_000, 600_000):
        tell(count)
    assert capsys.readouterr().err == (
        "law: 500,000 of 1,000,000 tokens made, 20,000 tokens/s, 25 s left\n"
    )


def test_files_may_have_any_name():
    """A name that is no UTF-8 comes with surrogates."""

    class Letters:
        def encode(self, some):
            return [[1] * len(d.text) for d in some]

    names = [f"\udcff{number}.txt" for number in range(200)]
    held = tokens._held_out([Document(name, "x" * 8) for name in names], Letters(), 64)
    assert 0 < len(held) < len(names)


def test_an_error_in_a_process_is_raised_where_it_was_asked(monkeypatch):
    """The loop of such a process, here in the test's own; it goes on after an error."""

    class Odd:
        kind = np.uint16

        def encode(self, some):
            if some[0].name == "bad":
                raise DataError("no tokens for 'bad'")
            return [[1, 2] for _ in some]

    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    before = signal.getsignal(signal.SIGINT)
    ours, theirs = multiprocessing.Pipe()
    idle = SimpleQueue()
    idle.put(ours)
    found = []

    def ask():
        try:
            with pytest.raises(DataError, match="no tokens for 'bad'"):
                encoding._asked(idle, encoding.Chunk((Document("bad", "x"),), ()))
            found.append(encoding._asked(idle, encoding.Chunk((Document("good", "x"),), ())))
        finally:
            ours.close()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        encoding._work(theirs, Odd(), Sought([]))
    finally:
        signal.signal(signal.SIGINT, before)
    asking.join()
    assert found[0].ids.tolist() == [1, 2]
