"""Texts -> token shards: training and validation tokens with checksums, cached."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cptlaw.errors import DataError
from cptlaw.files import checksum, write_atomic
from cptlaw.lab import making, shards
from cptlaw.lab import text as texts
from cptlaw.lab import tokenizer as tokenizers
from cptlaw.lab.duplicates import Overlap, Sought
from cptlaw.lab.encoding import Encoder
from cptlaw.lab.progress import Making
from cptlaw.lab.records import read_json
from cptlaw.lab.text import Document
from cptlaw.lab.tokenizer import Say, key_of, source

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment

_PIECE_CHARACTERS = 32_768
_VALIDATION_ONE_IN = 20
_BEGUN = ".begun"  # behind the name of a folder whose tokens are being made
_REMEMBERED = 1 << 28  # characters of the first look at a text, kept for the second


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


def prepare(experiment: Experiment, folder: Path, say: Say, workers: int | None = None) -> Corpus:
    """Tokenizer and tokens of every text of an experiment, from the cache where they are there.

    Args:
        experiment: names the texts.
        folder: the cache; a folder for each text and tokenizer in it, named by what defines it.
        say: told what is being made.
        workers: processes that make tokens, None for one a core; the tokens are the same.

    Raises:
        DataError: a text that cannot be read, is too short, or a cached file that was changed.
    """
    with _one_at_a_time(folder):
        tokenizer_folder = tokenizers.prepare(experiment, folder, say)
        tokenizer = tokenizers.load(str(tokenizer_folder), Path())
        encoder = Encoder.of(tokenizer, str(tokenizer_folder))
        found: dict[str, Tokens] = {}
        for name in experiment.texts:
            found[name] = _tokens(experiment, name, encoder, folder, say, workers)
    return Corpus(tokenizer_folder, len(tokenizer), found)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process after another in, so that the first makes what the others find."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tokens(
    experiment: Experiment,
    name: str,
    encoder: Encoder,
    folder: Path,
    say: Say,
    workers: int | None,
) -> Tokens:
    definition = [
        source(experiment, name),
        experiment.validation.model_dump(),
        Path(encoder.folder).name,
    ]
    target = folder / f"{name}-{key_of(definition)}"
    if (target / "tokens.json").is_file():
        return _read(target)
    begun = folder / f"{target.name}{_BEGUN}"
    again = ", from where it was left" if begun.exists() else ""
    say(f"{name}: reading and tokenising{again} ...")
    made = _make(experiment, name, encoder, begun, workers)
    shape = asdict(made)
    shape |= {"train": [p.name for p in made.train], "validation": made.validation.name}
    shape["stamps"] = {name: _touched(begun / name) for name in made.sizes}
    write_atomic(begun / "tokens.json", json.dumps(shape, indent=1))
    (begun / shards.JOURNAL).unlink()
    shutil.rmtree(target, ignore_errors=True)  # what an earlier version left half done
    begun.rename(target)
    say(f"{name}: {_told(made)}")
    return _read(target)


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


def _make(
    experiment: Experiment, name: str, encoder: Encoder, folder: Path, workers: int | None
) -> Tokens:
    text, wanted = experiment.texts[name], experiment.validation.tokens
    look = _TwoLooks(lambda notes: _pieces(texts.documents(text, experiment.folder, notes)))
    held = _held_out(look.first(), encoder, wanted)
    names, sought = {document.name for document in held}, Sought(held)
    progress = Making(name, text.tokens)
    try:
        made = making.make(
            (p for p in look.second() if p.name not in names),
            encoder,
            sought,
            folder,
            most=None if text.tokens is None else int(text.tokens),
            notes=look.notes,
            workers=workers,
            tell=progress,
        )
    finally:
        progress.clear()
    near, notes = sought.overlaps(made.seen), list(made.notes)
    drop = experiment.validation.near_duplicates == "drop"
    left_out = {overlap.document for overlap in near} if drop else set[str]()
    kept = [document for document in held if document.name not in left_out]
    validation = _joined(kept, encoder, wanted)
    if validation.size < min(wanted, 1024):
        raise DataError(
            f"[text.{name}]: only {validation.size} validation tokens were found (of {wanted} "
            "wanted): the text is too short, or repeats itself. Give more text."
        )
    if validation.size < wanted:
        notes.append(f"only {validation.size:,} of {wanted:,} validation tokens were found")
    path = _saved(folder / "validation.npy", validation.astype(encoder.kind))
    if text.tokens is not None and sum(made.sizes.values()) < text.tokens:
        notes.append(f"it holds fewer than the {text.tokens:,.0f} tokens asked for")
    train = tuple(folder / name for name in made.sizes)
    return Tokens(
        name,
        train,
        path,
        made.sizes | {path.name: int(validation.size)},
        {p.name: checksum(p) for p in (*train, path)},
        near_duplicates=near,
        dropped=drop,
        notes=tuple(notes),
    )


def _saved(path: Path, ids: NDArray[Any]) -> Path:
    waiting = path.with_suffix(".tmp.npy")
    np.save(waiting, ids)
    return waiting.replace(path)


class _TwoLooks:
    """A text that is looked at twice, and read twice only where it is too long to keep.

    Args:
        read: gives the documents, and notes what there is to tell in the list.
    """

    def __init__(self, read: Callable[[list[str]], Iterator[Document]]) -> None:
        self.read, self.notes = read, list[str]()
        self.documents = read(self.notes)
        self.kept: list[Document] = []
        self.left = _REMEMBERED

    def first(self) -> Iterator[Document]:
        """The documents, as far as they are taken."""
        for document in self.documents:
            self.left -= len(document.text)
            if self.left >= 0:
                self.kept.append(document)
            else:
                self.kept.clear()
            yield document

    def second(self) -> Iterator[Document]:
        """All documents from the first on."""
        if self.left >= 0:
            return chain(self.kept, self.documents)
        self.notes.clear()
        return self.read(self.notes)


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


def _held_out(pieces: Iterable[Document], encoder: Encoder, wanted: int) -> list[Document]:
    """One piece in twenty, picked by the hash of its name, until there is half more than wanted."""
    held: list[Document] = []
    most, found = max(wanted // 16, 64), 0
    for piece in pieces:
        name = piece.name.encode("utf-8", "surrogatepass")  # a file may have any name
        digest = hashlib.blake2b(name, digest_size=8).digest()
        if int.from_bytes(digest, "big") % _VALIDATION_ONE_IN:
            continue
        held.append(piece)
        found += min(len(encoder.encode([piece])[0]), most)
        if found >= 1.5 * wanted:
            break
    return held


def _joined(documents: Sequence[Document], encoder: Encoder, wanted: int) -> NDArray[np.int64]:
    """The documents' tokens, at most a sixteenth of the whole from one of them."""
    most = max(wanted // 16, 64)
    ids = [i for one in encoder.encode(documents) for i in one[:most]] if documents else []
    return np.array(ids[:wanted], dtype=np.int64)
