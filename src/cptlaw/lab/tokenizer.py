"""The tokenizer of an experiment, made once; and what cached files must agree with."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw import temporary
from cptlaw.errors import DataError, first_line
from cptlaw.lab import builtin
from cptlaw.lab import text as texts
from cptlaw.lab.tables import located

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment

Say = Callable[[str], None]
_CHARACTERS = 2_000_000
_CHARACTERS_A_TOKEN = 1000
_END = "<|end|>"


def prepare(experiment: Experiment, folder: Path, say: Say) -> Path:
    """The folder of the tokenizer, trained or fetched where it is not there yet.

    Args:
        experiment: names it.
        folder: the cache.
        say: told what is being made.

    Raises:
        DataError: it cannot be loaded, or a text is empty.
    """
    sources = {name: source(experiment, name) for name in experiment.texts}
    table = experiment.tokenizer.model_dump()
    name = experiment.tokenizer.name
    key = key_of([table, sources if name is None else _files_of(experiment, name)])
    target = folder / f"tokenizer-{key}"
    if (target / "tokenizer.json").is_file() and (target / "tokenizer_config.json").is_file():
        return target
    if name is not None:
        say(f"fetching the tokenizer {name} ...")
        made = load(name, experiment.folder)
    else:
        say(f"training a tokenizer of {experiment.tokenizer.vocabulary} tokens ...")
        made = _trained(_samples(experiment), experiment.tokenizer.vocabulary)
    with temporary.folder("tokenizer-", folder) as waiting:
        made.save_pretrained(f"{waiting}/tokenizer")
        shutil.rmtree(target, ignore_errors=True)
        (waiting / "tokenizer").rename(target)
    return target


def _files_of(experiment: Experiment, tokenizer: str) -> list[Any] | None:
    """What stands behind a tokenizer's name if it is a folder; None for one of the hub."""
    place = Path(located(tokenizer, experiment.folder))
    return [_stamp(path) for path in sorted(place.iterdir())] if place.is_dir() else None


def load(name: str, folder: Path) -> Any:
    """A tokenizer from a folder or the hub.

    Args:
        name: as the experiment file has it.
        folder: of that file, where relative paths start.

    Raises:
        DataError: it cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(located(name, folder), trust_remote_code=False)
    except Exception as error:  # of many types, from several packages
        raise DataError(
            f"[tokenizer]: name = '{name}' cannot be loaded: {first_line(error)} Name a folder "
            "that holds a tokenizer, or one of the hub that this machine can reach."
        ) from None


def _samples(experiment: Experiment) -> Iterator[str]:
    """The beginning of every text: two million characters of each, more for large vocabularies."""
    most = max(_CHARACTERS, _CHARACTERS_A_TOKEN * experiment.tokenizer.vocabulary)
    for name, text in experiment.texts.items():
        left = most
        for document in texts.documents(text, experiment.folder):
            yield document.text[:left]
            left -= len(document.text)
            if left <= 0:
                break
        if left == most:
            raise DataError(f"[text.{name}]: it holds no text.")


def _trained(samples: Iterator[str], vocabulary: int) -> Any:
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


# --- keys of the cache ------------------------------------------------------------------------


def source(experiment: Experiment, name: str) -> list[Any]:
    """What a cached text must agree with: its table, and what stands behind it on this machine."""
    text = experiment.texts[name]
    table = text.model_dump(mode="json", exclude_none=True)
    if text.builtin is not None:
        return [table, builtin.card(text.builtin)]
    return [table, [_stamp(path) for path in texts.files(text, experiment.folder)]]


def _stamp(path: Path) -> list[Any]:
    state = path.stat()
    return [str(path.absolute()), state.st_size, state.st_mtime_ns]


def key_of(value: Any) -> str:
    """Sixteen hexadecimal digits of a value that JSON can write."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
