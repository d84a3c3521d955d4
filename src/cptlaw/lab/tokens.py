"""Texts -> token shards: training and validation tokens with checksums, cached."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cptlaw.errors import DataError
from cptlaw.files import checksum, write_atomic
from cptlaw.lab import text as texts
from cptlaw.lab import tokenizer as tokenizers
from cptlaw.lab.duplicates import Overlap, overlaps
from cptlaw.lab.records import read_json
from cptlaw.lab.text import Document
from cptlaw.lab.tokenizer import Say, key_of, source

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment

_SHARD_TOKENS = 1 << 29
_PIECE_CHARACTERS = 32_768
_VALIDATION_ONE_IN = 20
_BATCH_DOCUMENTS = 64


@dataclass(frozen=True)
class Tokens:
    """The tokens of one text.

    Args:
        name: of the text in the experiment.
        train: files of training tokens, one-dimensional arrays (.npy).
        validation: one such file.
        sizes: tokens in each file, by file name.
        checksums: sha256 of each file, by file name.
        near_duplicates: validation documents that training text repeats.
        dropped: whether these were left out of the validation tokens.
        notes: what the reader of the text had to tell.
    """

    name: str
    train: tuple[Path, ...]
    validation: Path
    sizes: dict[str, int]
    checksums: dict[str, str]
    near_duplicates: tuple[Overlap, ...]
    dropped: bool
    notes: tuple[str, ...]

    @property
    def train_tokens(self) -> int:
        """Training tokens in all shards."""
        return sum(self.sizes[path.name] for path in self.train)

    @property
    def validation_tokens(self) -> int:
        """Validation tokens."""
        return self.sizes[self.validation.name]


@dataclass(frozen=True)
class Corpus:
    """A tokenizer and the tokens of every text of an experiment.

    Args:
        tokenizer: its folder, as AutoTokenizer reads it.
        vocabulary: number of its tokens.
        tokens: by the name of the text.
    """

    tokenizer: Path
    vocabulary: int
    tokens: dict[str, Tokens]

    def checksums(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """The checksums of some texts' files, what runs on them are made of."""
        return {name: dict(self.tokens[name].checksums) for name in sorted(names)}


def prepare(experiment: Experiment, folder: Path, say: Say) -> Corpus:
    """Tokenizer and tokens of every text of an experiment, from the cache where they are there.

    Args:
        experiment: names the texts.
        folder: the cache; a folder for each text and tokenizer in it, named by what defines it.
        say: told what is being made.

    Raises:
        DataError: a text that cannot be read, is too short, or a cached file that was changed.
    """
    with _one_at_a_time(folder):
        tokenizer_folder = tokenizers.prepare(experiment, folder, say)
        tokenizer = tokenizers.load(str(tokenizer_folder), Path())
        found: dict[str, Tokens] = {}
        for name in experiment.texts:
            found[name] = _tokens(experiment, name, tokenizer, tokenizer_folder.name, folder, say)
    return Corpus(tokenizer_folder, len(tokenizer), found)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process after another in, so that the first makes what the others find."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tokens(
    experiment: Experiment, name: str, tokenizer: Any, tokenizer_key: str, folder: Path, say: Say
) -> Tokens:
    definition = [
        source(experiment, name),
        experiment.validation.model_dump(),
        tokenizer_key,
    ]
    target = folder / f"{name}-{key_of(definition)}"
    if (target / "tokens.json").is_file():
        return _read(target)
    say(f"{name}: reading and tokenising ...")
    target.mkdir(parents=True, exist_ok=True)
    made = _make(experiment, name, tokenizer, target)
    shape = asdict(made)
    shape |= {"train": [p.name for p in made.train], "validation": made.validation.name}
    shape["stamps"] = {name: _touched(target / name) for name in made.sizes}
    write_atomic(target / "tokens.json", json.dumps(shape, indent=1))
    say(f"{name}: {_told(made)}")
    return made


def _told(tokens: Tokens) -> str:
    """The sizes, and what was found, in one line."""
    near = len(tokens.near_duplicates)
    what = f"{near} near-duplicate{'s' if near != 1 else ''} of training text among the validation"
    done = "left out" if tokens.dropped else "kept"
    return "; ".join(
        (
            f"{tokens.train_tokens:,} training and {tokens.validation_tokens:,} validation tokens",
            f"{what} documents{f', {done}' if near else ''}",
            *tokens.notes,
        )
    )


def _read(target: Path) -> Tokens:
    """Cached tokens; files that were touched since they were made must have their checksums.

    Raises:
        DataError: a file is missing, was changed, or does not say what it should.
    """
    mend = f"Remove the folder {target}; it is made again."
    shape = read_json(target / "tokens.json", mend)
    try:
        return _as_written(target, shape, mend)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{target / 'tokens.json'}: is damaged ({type(error).__name__}: {error}). {mend}"
        ) from None


def _as_written(target: Path, shape: dict[str, Any], mend: str) -> Tokens:
    stamps = shape.pop("stamps", {})
    for name, wanted in shape["checksums"].items():
        path = target / name
        if path.is_file() and stamps.get(name) == _touched(path):
            continue
        if not path.is_file() or checksum(path) != wanted:
            raise DataError(f"{target / name}: is missing or was changed since it was made. {mend}")
    shape["train"] = tuple(target / name for name in shape["train"])
    shape["validation"] = target / shape["validation"]
    shape["near_duplicates"] = tuple(Overlap(**o) for o in shape["near_duplicates"])
    shape["notes"] = tuple(shape["notes"])
    return Tokens(**shape)


def _touched(path: Path) -> list[int]:
    """Size and time of the last change; to hash terabytes at every start would be too slow."""
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def _make(experiment: Experiment, name: str, tokenizer: Any, target: Path) -> Tokens:
    text, wanted = experiment.texts[name], experiment.validation.tokens
    notes: list[str] = []

    def pieces() -> Iterator[Document]:
        return _pieces(texts.documents(text, experiment.folder, notes))

    held = _held_out(pieces(), tokenizer, wanted)
    del notes[:]
    writer = _Shards(target, len(tokenizer))
    names = {document.name for document in held}
    training = (p for p in pieces() if p.name not in names)
    most = text.tokens
    near = overlaps(held, _written(training, tokenizer, writer, most))
    drop = experiment.validation.near_duplicates == "drop"
    left_out = {overlap.document for overlap in near} if drop else set[str]()
    kept = [document for document in held if document.name not in left_out]
    validation = _joined(kept, tokenizer, wanted)
    if validation.size < min(wanted, 1024):
        raise DataError(
            f"[text.{name}]: only {validation.size} validation tokens were found (of {wanted} "
            "wanted): the text is too short, or repeats itself. Give more text."
        )
    if validation.size < wanted:
        notes.append(f"only {validation.size:,} of {wanted:,} validation tokens were found")
    train = writer.close()
    path = writer.save("validation.npy", validation)
    sizes = writer.sizes
    if text.tokens is not None and sum(sizes[p.name] for p in train) < text.tokens:
        notes.append(f"it holds fewer than the {text.tokens:,.0f} tokens asked for")
    checksums = {p.name: checksum(p) for p in (*train, path)}
    return Tokens(
        name,
        train,
        path,
        sizes,
        checksums,
        near_duplicates=near,
        dropped=drop,
        notes=tuple(notes),
    )


def _pieces(documents: Iterable[Document]) -> Iterator[Document]:
    """Documents, the long ones in pieces that end with a line."""
    for document in documents:
        if len(document.text) <= _PIECE_CHARACTERS:
            yield document
            continue
        start, number = 0, 1
        while start < len(document.text):
            end = document.text.rfind("\n", start, start + _PIECE_CHARACTERS) + 1
            end = end if end > start else start + _PIECE_CHARACTERS
            yield Document(f"{document.name} part {number}", document.text[start:end])
            start, number = end, number + 1


def _held_out(pieces: Iterable[Document], tokenizer: Any, wanted: int) -> list[Document]:
    """One piece in twenty, picked by the hash of its name, until there is half more than wanted."""
    held: list[Document] = []
    most, found = max(wanted // 16, 64), 0
    for piece in pieces:
        digest = hashlib.blake2b(piece.name.encode(), digest_size=8).digest()
        if int.from_bytes(digest, "big") % _VALIDATION_ONE_IN:
            continue
        held.append(piece)
        found += min(len(_encode(tokenizer, [piece])[0]), most)
        if found >= 1.5 * wanted:
            break
    return held


def _encode(tokenizer: Any, documents: Sequence[Document]) -> list[list[int]]:
    """Token numbers of each document, an end mark behind it."""
    encoded = tokenizer([d.text for d in documents], add_special_tokens=False, verbose=False)
    end = tokenizer.eos_token_id
    tail = [] if end is None else [end]
    return [[*ids, *tail] for ids in encoded["input_ids"]]


def _joined(documents: Sequence[Document], tokenizer: Any, wanted: int) -> NDArray[np.int64]:
    """The documents' tokens, at most a sixteenth of the whole from one of them."""
    most = max(wanted // 16, 64)
    ids = [i for one in _encode(tokenizer, documents) for i in one[:most]] if documents else []
    return np.array(ids[:wanted], dtype=np.int64)


def _written(
    documents: Iterator[Document], tokenizer: Any, writer: _Shards, most: float | None
) -> Iterator[Document]:
    """Pass the documents on while their tokens are written, until there are enough."""
    while batch := list(islice(documents, _BATCH_DOCUMENTS)):
        for document, ids in zip(batch, _encode(tokenizer, batch), strict=True):
            room = None if most is None else int(most) - writer.total
            if room is not None and room <= 0:
                return
            writer.add(ids[:room])
            yield document


class _Shards:
    """Writes tokens into files of about 2^29, each whole or not at all."""

    def __init__(self, folder: Path, vocabulary: int) -> None:
        self.folder = folder
        self.kind = np.uint16 if vocabulary <= 1 << 16 else np.uint32
        self.sizes: dict[str, int] = {}
        self.total = 0
        self._open: list[NDArray[Any]] = []
        self._waiting = 0
        self._paths: list[Path] = []

    def add(self, ids: Sequence[int]) -> None:
        self._open.append(np.array(ids, dtype=self.kind))
        self.total += len(ids)
        self._waiting += len(ids)
        if self._waiting >= _SHARD_TOKENS:
            self._flush()

    def close(self) -> tuple[Path, ...]:
        if self._waiting:
            self._flush()
        return tuple(self._paths)

    def save(self, name: str, ids: NDArray[Any]) -> Path:
        path = self.folder / name
        waiting = path.with_suffix(".tmp.npy")
        np.save(waiting, ids.astype(self.kind))
        waiting.replace(path)
        self.sizes[name] = int(ids.size)
        return path

    def _flush(self) -> None:
        name = f"train-{len(self._paths):05d}.npy"
        self._paths.append(self.save(name, np.concatenate(self._open)))
        self._open, self._waiting = [], 0
