"""Texts -> token shards: a tokenizer, training and validation tokens, checksums, cached."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cptlaw.errors import DataError
from cptlaw.files import write_atomic
from cptlaw.lab import builtin
from cptlaw.lab import text as texts
from cptlaw.lab.duplicates import Overlap, overlaps
from cptlaw.lab.tables import located
from cptlaw.lab.text import Document

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment

Say = Callable[[str], None]
_SHARD_TOKENS = 1 << 29
_PIECE_CHARACTERS = 32_768
_VALIDATION_ONE_IN = 20
_TOKENIZER_CHARACTERS = 2_000_000
_BATCH_DOCUMENTS = 64
_END = "<|end|>"


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
        tokenizer_folder = _tokenizer(experiment, folder, say)
        tokenizer = _load_tokenizer(str(tokenizer_folder), Path())
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


def _folder(experiment: Experiment) -> Path:
    """What relative paths of texts are relative to."""
    return Path(experiment.file).parent


def _source(experiment: Experiment, name: str) -> list[Any]:
    """What a cached text must agree with: its table, and what stands behind it on this machine."""
    text = experiment.texts[name]
    table = text.model_dump(mode="json", exclude_none=True)
    if text.builtin is not None:
        return [table, builtin.card(text.builtin)]
    return [table, [_stamp(path) for path in texts.files(text, _folder(experiment))]]


def _stamp(path: Path) -> list[Any]:
    state = path.stat()
    return [str(path.absolute()), state.st_size, state.st_mtime_ns]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


# --- the tokenizer ----------------------------------------------------------------------------


def _tokenizer(experiment: Experiment, folder: Path, say: Say) -> Path:
    """The folder of the tokenizer, trained or fetched where it is not there yet."""
    sources = {name: _source(experiment, name) for name in experiment.texts}
    table = experiment.tokenizer.model_dump()
    name = experiment.tokenizer.name
    key = _hash([table, sources if name is None else _files_of(experiment, name)])
    target = folder / f"tokenizer-{key}"
    if (target / "tokenizer.json").is_file() and (target / "tokenizer_config.json").is_file():
        return target
    if name is not None:
        say(f"fetching the tokenizer {name} ...")
        made = _load_tokenizer(name, _folder(experiment))
    else:
        say(f"training a tokenizer of {experiment.tokenizer.vocabulary} tokens ...")
        made = _train_tokenizer(_samples(experiment), experiment.tokenizer.vocabulary)
    with tempfile.TemporaryDirectory(dir=folder) as waiting:
        made.save_pretrained(f"{waiting}/tokenizer")
        shutil.rmtree(target, ignore_errors=True)
        Path(waiting, "tokenizer").rename(target)
    return target


def _files_of(experiment: Experiment, tokenizer: str) -> list[Any] | None:
    """What stands behind a tokenizer's name if it is a folder; None for one of the hub."""
    place = Path(located(tokenizer, _folder(experiment)))
    return [_stamp(path) for path in sorted(place.iterdir())] if place.is_dir() else None


def _load_tokenizer(name: str, folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(located(name, folder))
    except (OSError, ValueError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(
            f"[tokenizer]: name = '{name}' cannot be loaded: {first} Name a folder that holds a "
            "tokenizer, or one of the hub that this machine can reach."
        ) from None


def _samples(experiment: Experiment) -> Iterator[str]:
    """The beginning of every text, up to two million characters of each."""
    for name, text in experiment.texts.items():
        left = _TOKENIZER_CHARACTERS
        for document in texts.documents(text, _folder(experiment)):
            yield document.text[:left]
            left -= len(document.text)
            if left <= 0:
                break
        if left == _TOKENIZER_CHARACTERS:
            raise DataError(f"[text.{name}]: it holds no text.")


def _train_tokenizer(samples: Iterator[str], vocabulary: int) -> Any:
    """A byte-level BPE, as AutoTokenizer loads it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[_END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(samples, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=_END)


# --- the tokens -------------------------------------------------------------------------------


def _tokens(
    experiment: Experiment, name: str, tokenizer: Any, tokenizer_key: str, folder: Path, say: Say
) -> Tokens:
    definition = [
        _source(experiment, name),
        experiment.validation.model_dump(),
        tokenizer_key,
    ]
    target = folder / f"{name}-{_hash(definition)}"
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
    """Cached tokens; files that were touched since they were made must have their checksums."""
    shape = json.loads((target / "tokens.json").read_text())
    stamps = shape.pop("stamps", {})
    for name, wanted in shape["checksums"].items():
        path = target / name
        if path.is_file() and stamps.get(name) == _touched(path):
            continue
        if not path.is_file() or _checksum(path) != wanted:
            raise DataError(
                f"{target / name}: is missing or was changed since it was made. Remove the folder "
                f"{target}; it is made again."
            )
    shape["train"] = tuple(target / name for name in shape["train"])
    shape["validation"] = target / shape["validation"]
    shape["near_duplicates"] = tuple(Overlap(**o) for o in shape["near_duplicates"])
    shape["notes"] = tuple(shape["notes"])
    return Tokens(**shape)


def _touched(path: Path) -> list[int]:
    """Size and time of the last change; to hash terabytes at every start would be too slow."""
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make(experiment: Experiment, name: str, tokenizer: Any, target: Path) -> Tokens:
    text, wanted = experiment.texts[name], experiment.validation.tokens
    notes: list[str] = []

    def pieces() -> Iterator[Document]:
        return _pieces(texts.documents(text, _folder(experiment), notes))

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
    checksums = {p.name: _checksum(p) for p in (*train, path)}
    return Tokens(name, train, path, sizes, checksums, near, drop, tuple(notes))


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
