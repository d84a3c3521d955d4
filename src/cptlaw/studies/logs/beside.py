"""What the files beside a log say of its optimizer: configurations as JSON or plain YAML.

Only names in `FILES` are looked at, in the log's folder (for a checkpoint's, in the one above
too). They are parsed as text; nothing is unpickled or run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from cptlaw.errors import DataError
from cptlaw.studies.optimization import Optimization, optimizer_name
from cptlaw.studies.runs import Run

Keys: TypeAlias = tuple[str, ...]  # those that lead to a value
FILES = (
    "training_args.json",
    "trainer_config.json",
    "wandb-metadata.json",
    "config.yaml",
    "config.yml",
    "training_args.yaml",
    "axolotl_config.yaml",
    "axolotl_config.yml",
    "llamafactory.yaml",
    "hparams.yaml",
    "args.json",
    "hparams.json",
    "ds_config.json",
    "config.json",
)
"""The files that are read, the most telling first."""
_FOLDERS = (".", "files", "wandb/latest-run/files")
LARGEST = 1_000_000  # bytes of a configuration

_OPTIMIZER = frozenset({"optim", "optimizer", "optimizer_name", "optimizer_type", "opt"})
_OF_OPTIMIZER = frozenset({"type", "name", "_target_", "class"})  # within a table "optimizer"
_DECAY = frozenset({"weight_decay", "wd"})
_INIT = frozenset({"initializer_range", "init_std", "init_method_std", "initializer_std"})


def with_what_lies_beside(
    run: Run, path: Path, settings: Mapping[str, Any] = MappingProxyType({})
) -> Run:
    """The run with what its log and files beside it say, and a note on which of them said what.

    Args:
        run: as read from its log.
        path: the log, a file or a folder.
        settings: what the log itself says of the run's configuration.
    """
    found, notes = Optimization(), list(run.notes)
    inside = "The configuration in the log"
    sources = [(inside, _judged(list(_leaves(settings, ())), inside, notes))]
    for file in _files(path):
        sources.append((f"{file.name} beside the log", _said(file, notes)))
    for where, said in sources:
        new = replace(said, **{k: None for k, v in vars(found).items() if v is not None})
        if new.words:
            notes.append(f"{where} says: {new.words}.")
        found = found.completed(said)
    return replace(
        run,
        optimizer=found.optimizer,
        weight_decay=found.weight_decay,
        init_std=found.init_std,
        notes=tuple(notes),
    )


def named(path: Path, settings: Mapping[str, Any], key: str) -> str | float | None:
    """What a log, or the most telling file beside it, has under a key at any depth.

    Args:
        path: the log, a file or a folder.
        settings: what the log itself says of the run's configuration.
        key: such as "transformers_version".
    """
    sources: list[Callable[[], Iterator[tuple[Keys, Any]]]] = [lambda: _leaves(settings, ())]
    sources += [partial(_values, file) for file in _files(path)]
    for values in sources:
        with suppress(OSError, ValueError, RecursionError):
            for keys, value in values():
                if keys[-1] == key and isinstance(value, str | int | float):
                    return value
    return None


def settings_in(file: Path) -> dict[str, str]:
    """The last key of each single value of a configuration, and the value as text; {} if unread."""
    with suppress(OSError, ValueError, RecursionError):
        return {keys[-1]: str(value) for keys, value in _values(file)}
    return {}


def _files(path: Path) -> Iterator[Path]:
    """The configurations beside a log, each once, the most telling first."""
    folder = path if path.is_dir() else path.parent
    folders = [folder / name for name in _FOLDERS]
    if re.fullmatch(r"checkpoint-\d+", folder.name):
        folders.append(folder.parent)
    for name in FILES:
        for place in folders:
            file = place / name
            if file != path and file.is_file():
                yield file
                break


def _said(file: Path, notes: list[str]) -> Optimization:
    """What one file says; a note where it cannot be read or contradicts itself."""
    try:
        values = list(_values(file))
    except (OSError, ValueError, RecursionError) as error:
        notes.append(f"{file.name} beside the log was not used: {error}.")
        return Optimization()
    return _judged(values, f"{file.name} beside the log", notes)


def _values(file: Path) -> Iterator[tuple[Keys, Any]]:
    """Every single value of a configuration with the keys that lead to it.

    Raises:
        OSError, ValueError, RecursionError: it cannot be read.
    """
    if file.stat().st_size > LARGEST:
        raise ValueError("it is larger than a configuration")
    text = file.read_text(encoding="utf-8-sig")
    return _json(text) if file.suffix == ".json" else _yaml(text)


def _judged(values: list[tuple[Keys, Any]], where: str, notes: list[str]) -> Optimization:
    """What settings say of the optimizer.

    Args:
        values: each with the keys that lead to it.
        where: they stand, for the notes.
        notes: gets one where they contradict each other.
    """
    return Optimization(
        _one(values, _is_optimizer, _name, where, notes),
        _one(values, lambda path: path[-1] in _DECAY, _number, where, notes),
        _one(values, lambda path: path[-1] in _INIT, _positive, where, notes),
    )


def _one(
    values: list[tuple[Keys, Any]],
    asked: Callable[[Keys], bool],
    read: Callable[[Any], Any],
    where: str,
    notes: list[str],
) -> Any:
    """The one value of a kind that a configuration has, None for none or several that differ."""
    fitting = {".".join(path): read(value) for path, value in values if asked(path)}
    fitting = {name: value for name, value in fitting.items() if value is not None}
    if len(set(fitting.values())) > 1:
        told = ", ".join(f"{name} = {value}" for name, value in fitting.items())
        notes.append(f"{where} was not used for these: {told}.")
        return None
    return next(iter(fitting.values()), None)


def _is_optimizer(path: Keys) -> bool:
    if path[-1] in _OPTIMIZER:
        return True
    return path[-1] in _OF_OPTIMIZER and path[-2:-1] == ("optimizer",)


def _name(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    with suppress(DataError):
        return optimizer_name(value.rsplit(".", 1)[-1])
    return None


def _number(value: Any) -> float | None:
    with suppress(TypeError, ValueError, OverflowError):
        number = float(value)
        return number if 0 <= number < float("inf") and not isinstance(value, bool) else None
    return None


def _positive(value: Any) -> float | None:
    return _number(value) or None


# --- JSON --------------------------------------------------------------------------------------


def _json(text: str) -> Iterator[tuple[Keys, Any]]:
    """Every single value of a JSON object with the keys that lead to it."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    yield from _leaves(document, ())
    arguments = document.get("args")  # a command line, as W&B keeps it
    if isinstance(arguments, list):
        yield from _of_command_line([str(each) for each in arguments])


def _leaves(table: Mapping[str, Any], path: Keys) -> Iterator[tuple[Keys, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        elif not isinstance(value, list):
            yield ((*path, key) if key != "value" or not path else path), value


def _of_command_line(words: list[str]) -> Iterator[tuple[Keys, Any]]:
    for i, word in enumerate(words):
        if not word.startswith("-"):
            continue
        name, equals, value = word.lstrip("-").partition("=")
        value = value if equals else words[i + 1] if i + 1 < len(words) else ""
        if not value.startswith("--"):
            yield (name.replace("-", "_"),), value


# --- YAML --------------------------------------------------------------------------------------

_LINE = re.compile(r"""^( *)(?:"([^"]+)"|'([^']+)'|([\w./-]+)) *:(?: +(.*))?$""")


def _yaml(text: str) -> Iterator[tuple[Keys, Any]]:
    """Every `key: value` of a YAML file with the keys that it is indented under.

    A small part of YAML: tables by indentation, and values of one line. Lists, anchors, tags and
    texts of several lines are passed over.
    """
    above: list[tuple[int, str]] = []
    for line in text.expandtabs(2).splitlines():
        match = _LINE.match(line.rstrip())
        if match is None:
            continue
        indent, key = len(match[1]), match[2] or match[3] or match[4]
        while above and above[-1][0] >= indent:
            above.pop()
        above.append((indent, key))
        value = _scalar(match[5] or "")
        if value is not None:
            path = tuple(name for _, name in above)
            # W&B writes each setting as a table with its value in it.
            yield (path[:-1] if key == "value" and len(path) > 1 else path), value


def _scalar(text: str) -> str | None:
    """A text or number of one line without quotes and comment; None for anything else."""
    quoted = re.match(r"""(["'])(.*?)\1 *(?:#.*)?$""", text)
    if quoted:
        return quoted[2]
    plain = re.sub(r"(?:^| )#.*$", "", text).strip()
    if not plain or plain[0] in "[{&*!|>%@`\"'" or plain in ("null", "~"):
        return None
    return plain
