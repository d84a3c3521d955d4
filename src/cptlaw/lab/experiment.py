"""The experiment file: texts, models and runs to train, experiment.toml -> Experiment."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cptlaw import toml_text
from cptlaw.errors import DataError, at, shown, suggestion
from cptlaw.files import read_text
from cptlaw.lab import presets
from cptlaw.lab.expansion import Node, Setting, expand
from cptlaw.lab.tables import (
    AT_THE_TOP,
    ExperimentFile,
    Model,
    Text,
    Tokenizer,
    Training,
    Validation,
    check_names,
    check_roles,
    portable,
)
from cptlaw.studies.keys import read_table

__all__ = ["Experiment", "Model", "Node", "Text", "Tokenizer", "Training", "Validation", "load"]

_NEEDED = {
    "text": 'a [text.NAME] with builtin, path or hub, such as builtin = "python-docs"',
    "data": '[data] with pt = "TEXT" and cpt = "TEXT", or mixtures { TEXT = 0.85, OTHER = 0.15 }',
    "model": "a [model.NAME] with width, layers and heads",
    "run": "a [[run]] with name and schedule",
}
_LOSSES = ("precision", "weight_decay", "betas", "clip", "evaluate_every", "log_every")


@dataclass(frozen=True)
class Experiment:
    """Everything that an experiment file says.

    Args:
        name: of the experiment.
        file: where it was read from.
        seed: of every run that names no other.
        tokenizer: how texts become tokens.
        texts: by name.
        data: what is trained on: name -> text -> share of the sequences, summing to 1.
        validation: what is set aside of every text.
        training: what all runs have in common.
        nodes: every run, bases before what goes on from them.
    """

    name: str
    file: str
    seed: int
    tokenizer: Tokenizer
    texts: Mapping[str, Text]
    data: Mapping[str, Mapping[str, float]]
    validation: Validation
    training: Training
    nodes: tuple[Node, ...]

    @property
    def folder(self) -> Path:
        """What the relative paths in it start from."""
        return Path(self.file).parent

    def node(self, name: str) -> Node:
        """The run of that name.

        Raises:
            DataError: there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        known = [node.name for node in self.nodes]
        raise DataError(f"{self.file}: no run '{name}'. {suggestion(name, known)}")

    @property
    def evaluations(self) -> Mapping[str, Mapping[str, float]]:
        """What every run is evaluated on: stem of the column eval_STEM_loss -> text -> share.

        Every text by itself, then every mixture of [data].
        """
        alone = {name: {name: 1.0} for name in self.texts}
        return alone | {key: shares for key, shares in self.data.items() if len(shares) > 1}

    def column(self, data: str) -> str:
        """The column of the logs that holds the validation loss on a name of [data].

        Raises:
            DataError: [data] has no such name.
        """
        if data not in self.data:
            raise DataError(f"{self.file}: [data] has no '{data}'. {suggestion(data, self.data)}")
        shares = self.data[data]
        return f"eval_{data if len(shares) > 1 else next(iter(shares))}_loss"

    def identity(self, name: str) -> dict[str, Any]:
        """All that defines the losses of a run, as plain JSON values.

        Names of runs, folders of one machine, and what changes the rounding alone
        (micro_batch, compile) are not in it, nor what stands in the files of a text.

        Args:
            name: of the run.

        Raises:
            DataError: there is no such run.
        """
        node = self.node(name)
        read_before = node.read_before()  # left out where there is none: as older records are
        return ({"read_before": read_before} if read_before else {}) | {
            "texts": {name: _text_identity(text) for name, text in self.texts.items()},
            "tokenizer": _tokenizer_identity(self.tokenizer),
            "validation": self.validation.model_dump(),
            "evaluations": {name: dict(shares) for name, shares in self.evaluations.items()},
            "training": self.training.model_dump(mode="json", include=set(_LOSSES)),
            "model": _model_identity(node),
            "shares": dict(node.shares),
            "schedule": node.schedule.text,
            "batch_sequences": node.batch_sequences,
            "sequence_length": node.sequence_length,
            "seed": node.seed,
            "skip": node.skip,
            "base": None if node.after is None else self.fingerprint(node.after),
            "after_step": node.after_step,
            "optimizer_state": None if node.after is None else node.optimizer_state,
        }

    def fingerprint(self, name: str) -> str:
        """Sixteen hexadecimal digits that change with the identity of a run, and only with it.

        Args:
            name: of the run.

        Raises:
            DataError: there is no such run.
        """
        text = json.dumps(self.identity(name), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text_identity(text: Text) -> dict[str, Any]:
    values = text.model_dump(mode="json", exclude_none=True)
    if text.path is not None:
        paths = [text.path] if isinstance(text.path, str) else text.path
        values["path"] = [portable(path) for path in paths]
    return values


def _tokenizer_identity(tokenizer: Tokenizer) -> dict[str, Any]:
    if tokenizer.name is not None:
        return {"name": portable(tokenizer.name)}
    return {"vocabulary": tokenizer.vocabulary}


def _model_identity(node: Node) -> dict[str, Any]:
    model = node.model
    if model.from_ is not None:
        return {"from": portable(model.from_), "rope_theta": node.rope_theta}
    values = model.model_dump(exclude={"from_"})
    return values if node.rope_theta is None else values | {"rope_theta": node.rope_theta}


# --- reading ----------------------------------------------------------------------------------


def load(path: str | Path) -> Experiment:
    """Read an experiment file.

    Args:
        path: a TOML file, or the name of a preset; the paths in it are relative to its folder.

    Raises:
        DataError: naming the file, the table or run and the key, what was expected and the mend.
    """
    file = Path(path)
    if not file.is_file() and str(path) in presets.names():
        file = presets.path(str(path))
    with at(str(file)):
        document = _document(file)
        tokenizer = read_table(Tokenizer, document.tokenizer, "[tokenizer]")
        texts = {key: _text(key, table) for key, table in _named(document.text, "text").items()}
        data = _data(document.data, texts)
        validation = read_table(Validation, document.validation, "[validation]")
        models = _models(_named(document.model, "model"), tokenizer)
        training = read_table(Training, document.training, "[training]")
        nodes = expand(document.run, Setting(document.seed, data, models, training))
        _check_validation(validation, nodes)
        return Experiment(
            name=document.name or "",
            file=str(file),
            seed=document.seed,
            tokenizer=tokenizer,
            texts=texts,
            data=data,
            validation=validation,
            training=training,
            nodes=nodes,
        )


def _document(file: Path) -> ExperimentFile:
    known = ", ".join(presets.names())
    text = read_text(file, f"Give an experiment file, or a preset: {known}.")
    document = read_table(ExperimentFile, toml_text.parse(text))
    for key, what in _NEEDED.items():
        if not getattr(document, key):
            raise DataError(f"there is no {key}. An experiment needs {what}.")
    if document.name is None:
        raise DataError(f"it has no name; expected {AT_THE_TOP}.")
    check_names([document.name], "name")
    return document


def _named(tables: Any, key: str) -> dict[str, Any]:
    """The tables [key.NAME]."""
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise DataError(f"[{key}]: every {key} is a table [{key}.NAME] of its own.")
    check_names(tables, f"[{key}]: the name")
    return tables


def _text(name: str, table: object) -> Text:
    place = f"[text.{name}]"
    text = read_table(Text, table, place)
    with at(place):
        check_roles([name], "the text")
        if text.builtin is not None:
            from cptlaw.lab import builtin

            if text.builtin not in builtin.names():
                raise DataError(
                    f"there is no built-in text '{text.builtin}'. "
                    f"{suggestion(text.builtin, builtin.names())}"
                )
    return text


def _models(tables: Mapping[str, Any], tokenizer: Tokenizer) -> dict[str, Model]:
    models: dict[str, Model] = {}
    for name, table in tables.items():
        model = models[name] = read_table(Model, table, f"[model.{name}]")
        if model.from_ is not None and tokenizer.name is None:
            raise DataError(
                f"[model.{name}]: from = {shown(model.from_)} knows the tokens of its own "
                f"tokenizer alone. Add [tokenizer] with name = {shown(model.from_)}."
            )
    return models


def _check_validation(validation: Validation, nodes: tuple[Node, ...]) -> None:
    longest = max(nodes, key=lambda node: node.sequence_length)
    if validation.tokens < longest.sequence_length:
        raise DataError(
            f"[validation]: tokens = {validation.tokens} hold no sequence of run "
            f"'{longest.name}', which has {longest.sequence_length} tokens. Take more."
        )


# --- [data] -----------------------------------------------------------------------------------


def _data(table: Any, texts: Mapping[str, Text]) -> dict[str, dict[str, float]]:
    if not isinstance(table, dict):
        raise DataError(f"data = {shown(table)}; expected {_NEEDED['data']}.")
    with at("[data]"):
        check_names(table, "the name")
        check_roles(table, "the name")
        data = {key: _shares(key, value, texts) for key, value in table.items()}
        for key, shares in data.items():
            if key in texts and list(shares) != [key]:
                raise DataError(
                    f"'{key}' is also the name of a text, so two losses would be called "
                    f"eval_{key}_loss. Rename one of them."
                )
    return data


def _shares(key: str, value: Any, texts: Mapping[str, Text]) -> dict[str, float]:
    """Text -> share, the texts in the order of their names."""
    shares = {value: 1.0} if isinstance(value, str) else value
    if not isinstance(shares, dict) or not shares:
        raise DataError(
            f"{key} = {shown(value)}; expected a text in quotes, or shares of texts such as "
            "{ docs = 0.85, code = 0.15 }."
        )
    for text, share in shares.items():
        if text not in texts:
            raise DataError(f"{key}: there is no text '{text}'. {suggestion(text, texts)}")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            raise DataError(f"{key}: {text} = {shown(share)}; expected a share above 0, up to 1.")
    total = math.fsum(shares.values())
    if abs(total - 1) > 1e-6:
        raise DataError(f"{key}: the shares sum to {total:.7g}; expected 1. Mend one of them.")
    return {text: shares[text] / total for text in sorted(shares)}
