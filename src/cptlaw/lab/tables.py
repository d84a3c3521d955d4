"""The tables of an experiment file, each value checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator

from cptlaw.errors import DataError, shown
from cptlaw.studies.keys import Count, Number, Several, Share, Table, Whole, Words

_SIZES = ("width", "layers", "heads")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_RESERVED = ("loss", "ood")

AT_THE_TOP = 'a name in quotes at the top, such as name = "tiny"'
Length = Annotated[Whole, Field(ge=2)]
Seed = Annotated[Whole, Field(ge=0, lt=2**32)]


class ExperimentFile(Table):
    """An experiment file as it stands: its own values, and tables yet to be checked."""

    name: Words | None = Field(None, description=AT_THE_TOP)
    seed: Seed = Field(0, description="a whole number from 0 to 2^32 - 1")
    tokenizer: Any = Field(default_factory=dict)
    text: Any = None
    data: Any = None
    validation: Any = Field(default_factory=dict)
    model: Any = None
    training: Any = Field(default_factory=dict)
    run: Any = None


class Tokenizer(Table):
    """A byte-level BPE trained on the texts, or an existing tokenizer."""

    vocabulary: Annotated[Whole, Field(ge=260, le=10**6)] = Field(
        2048, description="a whole number of tokens, from 260 (256 bytes and some more) to 1e6"
    )
    name: Words | None = Field(
        None, description="a folder with a tokenizer, or its name on the hub, in quotes"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Tokenizer:
        if {"name", "vocabulary"} <= self.model_fields_set:
            raise DataError(
                f"it has both name = {shown(self.name)} and vocabulary = {self.vocabulary}; "
                "an existing tokenizer has its own vocabulary. Leave one of them out."
            )
        return self


class Text(Table):
    """Where a text comes from: exactly one of builtin, path, hub."""

    builtin: Words | None = Field(None, description="the name of a built-in text in quotes")
    path: Words | Several[Words] | None = Field(
        None, description="a file or folder in quotes, or a list of them"
    )
    hub: Words | None = Field(None, description="the name of a data set on the hub in quotes")
    config: Words | None = Field(None, description="a configuration of the data set in quotes")
    split: Words = Field("train", description='a split of the data set, such as "train"')
    column: Words = Field("text", description='the column that holds the text, such as "text"')
    tokens: Count | None = Field(None, description="a whole number of training tokens, at least 1")

    @model_validator(mode="after")
    def _one_source(self) -> Text:
        given = [key for key in ("builtin", "path", "hub") if getattr(self, key) is not None]
        if not given:
            raise DataError(
                "it does not say where the text comes from; add one of "
                'builtin = "NAME", path = "FILE OR FOLDER", hub = "DATA SET".'
            )
        if len(given) > 1:
            raise DataError(f"it has {' and '.join(given)}; expected one of them. Keep one.")
        for key, owners in (("config", ("hub",)), ("split", ("hub",)), ("column", ("path", "hub"))):
            if key in self.model_fields_set and given[0] not in owners:
                raise DataError(
                    f"{key} belongs to texts with {' or '.join(owners)}, and this one has "
                    f"{given[0]}. Leave {key} out."
                )
        return self


class Validation(Table):
    """What is set aside of every text."""

    tokens: Count = Field(32768, description="a whole number of tokens of each text, at least 1")
    near_duplicates: Literal["drop", "keep"] = Field("drop", description='"drop" or "keep"')


class Model(Table):
    """The shape of a Llama, or a causal LM to start from; sizes are 0 where it says its own."""

    width: Count = Field(0, description="a whole number of at least 1")
    layers: Count = Field(0, description="a whole number of at least 1")
    heads: Count = Field(0, description="a whole number of at least 1")
    kv_heads: Count = Field(0, description="a whole number of at least 1")
    feed_forward: Count = Field(0, description="a whole number of at least 1")
    rope_theta: Annotated[Number, Field(gt=0)] = Field(10000.0, description="a number above 0")
    tied: Annotated[bool, Strict()] = Field(False, description="true or false")
    from_: Words | None = Field(
        None, alias="from", description="a folder with a model, or its name on the hub, in quotes"
    )

    @model_validator(mode="after")
    def _complete(self) -> Model:
        if self.from_ is not None:
            self._check_open()
            return self
        missing = [key for key in _SIZES if key not in self.model_fields_set]
        if missing:
            raise DataError(
                f"it has no {', '.join(missing)}. A model has width, layers and heads, or "
                'from = "MODEL".'
            )
        unit = 16 if self.width <= 1024 else 64
        default = -(-8 * self.width // (3 * unit)) * unit
        object.__setattr__(self, "kv_heads", self.kv_heads or self.heads)
        object.__setattr__(self, "feed_forward", self.feed_forward or default)
        self._check_heads()
        return self

    def _check_open(self) -> None:
        others = [key for key in Model.model_fields if key in self.model_fields_set - {"from_"}]
        if others:
            raise DataError(
                f"it has both from = {shown(self.from_)} and {', '.join(others)}; an existing "
                f"model brings its own. Leave {', '.join(others)} out"
                + (" (a [[run]] may give rope_theta)." if "rope_theta" in others else ".")
            )

    def _check_heads(self) -> None:
        width, heads = self.width, self.heads
        if width % heads:
            raise DataError(
                f"width = {width} is not a multiple of heads = {heads}. Take width = "
                f"{-(-width // (2 * heads)) * 2 * heads}, or other heads."
            )
        if width // heads % 2:
            raise DataError(
                f"width = {width} and heads = {heads} make heads of size {width // heads}; rotary "
                f"positions need an even size. Take width = {width + heads}, or other heads."
            )
        if heads % self.kv_heads:
            raise DataError(
                f"kv_heads = {self.kv_heads} does not divide heads = {heads}. Take one that does, "
                "or leave it out."
            )


class Training(Table):
    """What all runs have in common."""

    batch_sequences: Count = Field(32, description="a whole number of sequences, at least 1")
    sequence_length: Length = Field(128, description="a whole number of tokens, at least 2")
    micro_batch: Count | None = Field(None, description="a whole number of sequences, at least 1")
    precision: Literal["fp32", "bf16"] = Field("fp32", description='"fp32" or "bf16"')
    compile: Annotated[bool, Strict()] = Field(False, description="true or false")
    sharding: Literal["none", "fsdp2"] = Field("none", description='"none" or "fsdp2"')
    seen_text: Literal["skip", "repeat"] = Field("skip", description='"skip" or "repeat"')
    weight_decay: Annotated[Number, Field(ge=0)] = Field(0.1, description="a number of at least 0")
    betas: tuple[Annotated[Share, Field(lt=1)], Annotated[Share, Field(lt=1)]] = Field(
        (0.9, 0.95), description="two numbers from 0 to below 1, such as [0.9, 0.95]"
    )
    clip: Annotated[Number, Field(ge=0)] = Field(
        1.0, description="a largest norm of the gradient, at least 0 (0: no clipping)"
    )
    evaluate_every: Count = Field(25, description="a whole number of steps, at least 1")
    log_every: Count = Field(0, description="a whole number of steps, at least 1")
    checkpoint_every: Count | None = Field(None, description="a whole number of steps, at least 1")

    @model_validator(mode="after")
    def _log_as_evaluated(self) -> Training:
        object.__setattr__(self, "log_every", self.log_every or self.evaluate_every)
        return self


class RunTable(Table):
    """One [[run]] as written; a list (for schedule, a table) stands for one run each."""

    name: Words = Field(description="a name in quotes")
    data: Words | Several[Words] | None = Field(
        None, description="a name of [data] in quotes, or a list of them"
    )
    schedule: Words | Annotated[dict[str, Words], Field(min_length=1)] = Field(
        description='a schedule text, such as "warmup 100 to 1e-3 | constant 2900", or a table of '
        'them, such as { const = "constant 1000", decay = "linear 1000 to 0" }'
    )
    after: Words | Several[Words] | None = Field(
        None, description="the name of a run in quotes, or a list of them"
    )
    after_step: Count | Several[Count] | None = Field(
        None, description="a whole number of at least 1, or a list of them"
    )
    replay: Share | Several[Share] | None = Field(
        None, description="a share from 0 to 1, or a list of them"
    )
    model: Words | Several[Words] | None = Field(
        None, description="the NAME of a [model.NAME] in quotes, or a list of them"
    )
    seed: Seed | Several[Seed] | None = Field(
        None, description="a whole number from 0 to 2^32 - 1, or a list of them"
    )
    batch_sequences: Count | Several[Count] | None = Field(
        None, description="a whole number of sequences, at least 1, or a list of them"
    )
    sequence_length: Length | Several[Length] | None = Field(
        None, description="a whole number of tokens, at least 2, or a list of them"
    )
    rope_theta: Annotated[Number, Field(gt=0)] | None = Field(None, description="a number above 0")
    micro_batch: Count | None = Field(None, description="a whole number of sequences, at least 1")
    optimizer_state: Literal["keep", "new"] | None = Field(None, description='"keep" or "new"')

    @model_validator(mode="after")
    def _together(self) -> RunTable:
        for key in ("after_step", "optimizer_state"):
            if key in self.model_fields_set and self.after is None:
                raise DataError(
                    f'{key} needs after = "NAME", the run that this one goes on from. Add it, or '
                    f"leave {key} out."
                )
        return self


# --- names ------------------------------------------------------------------------------------


def check_names(names: Iterable[str], what: str) -> None:
    """Refuse names that cannot be part of a folder's or a column's name.

    Raises:
        DataError: naming the first that cannot.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise DataError(
                f"{what} '{name}' is not a valid name; expected letters, digits and . _ + - that "
                "begin with a letter or digit, as it becomes part of a folder's name."
            )


def check_roles(names: Iterable[str], what: str) -> None:
    """Refuse names that mean something else as a domain of a study.

    Raises:
        DataError: naming the first that does.
    """
    for name in names:
        if name in _RESERVED:
            raise DataError(
                f"{what} '{name}': that word has another meaning in a study. Take another name."
            )


def portable(path: str) -> str:
    """A path without the folders of one machine: as written if relative, else its last part."""
    absolute = path.startswith("~") or Path(path).is_absolute()
    return Path(path).name if absolute else Path(path).as_posix()


def located(name: str, folder: Path) -> str:
    """A model or tokenizer as transformers finds it: a folder, or a name on the hub.

    Args:
        name: as the experiment file has it.
        folder: of that file; a relative path that exists there is meant.
    """
    path = folder / Path(name).expanduser()
    return str(path) if path.exists() else name
