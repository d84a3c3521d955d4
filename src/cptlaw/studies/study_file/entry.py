"""The tables of a study file, each value checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator

from cptlaw.errors import DataError, shown, suggestion
from cptlaw.studies.keys import Count, Number, Table, Whole, Words
from cptlaw.studies.runs import UNKNOWN
from cptlaw.studies.study_file.trained import UNANSWERED

ROLES = ("pt", "cpt", "loss", "ood.NAME")
EXAMPLE = '[domains] with pt = "COLUMN", and a [[run]] with name = "base" and log = "FILE"'


Factor = Annotated[Number, Field(gt=0, lt=1)]


class StudyFile(Table):
    """A study file as it stands."""

    domains: Any = None
    run: Any = None


class Entry(Table):
    """One [[run]]."""

    name: Words = Field(description="a text in quotes")
    log: Words | None = Field(None, description="the path of a log in quotes")
    schedule: Words | None = Field(
        None, description='a schedule text, such as "warmup 500 to 2e-4 | constant 30000"'
    )
    lrs: Words | None = Field(
        None, description="the path of a file with the LR of every step, in quotes"
    )
    lr_from: Literal["log", "schedule"] | None = Field(None, description='"log" or "schedule"')
    lr_offset: Annotated[Whole, Field(ge=0, le=1)] | None = Field(
        None, description="0, or 1 if the logged LR is that of the next step"
    )
    lr_column: Words | None = Field(
        None, description="the name of the log's column of the learning rate, in quotes"
    )
    after: Words | None = Field(
        None, description=f'the name of a run in quotes, or "{UNKNOWN}NAME"'
    )
    after_step: Count | None = Field(None, description="a whole number of at least 1")
    data: Literal["pt", "cpt"] | None = Field(None, description='"pt" or "cpt"')
    replay: Number = Field(0.0, description="a number from 0 to 1")
    model_size: Number | None = Field(None, description="a number of parameters")
    batch_tokens: Number | None = Field(None, description="a number of tokens")
    sequence_length: Count | None = Field(None, description="a whole number of tokens, at least 1")
    domain_tokens: Number | None = Field(None, description="a number of tokens")
    optimizer: Words | None = Field(None, description='a name in quotes, such as "adamw"')
    weight_decay: Annotated[Number, Field(ge=0)] | None = Field(
        None, description="a number of at least 0"
    )
    init_std: Annotated[Number, Field(gt=0)] | None = Field(None, description="a number above 0")
    optimizer_reset: Annotated[bool, Strict()] | None = Field(None, description="true or false")
    first_step: Annotated[Whole, Field(ge=0)] | None = Field(
        None, description="a whole number of at least 0"
    )
    micro_batches: Count | None = Field(
        None, description="a whole number of micro-batches to an optimiser step, at least 1"
    )
    logging_steps: Count | None = Field(None, description="a whole number of steps, at least 1")
    bytes_per_token: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="a number above 0"
    )
    window: Count | dict[str, Count] | None = Field(
        None,
        description="a whole number of steps, at least 1, or one for a column, such as "
        '{ "train/loss" = 50 }',
    )
    ema: Factor | dict[str, Factor] | None = Field(
        None,
        description="a factor above 0 and below 1, such as 0.9, or one for a column, such as "
        '{ "train/loss" = 0.9 }',
    )
    keep: Annotated[bool, Strict()] = Field(False, description="true or false")

    @property
    def place(self) -> str:
        """How it is named in errors."""
        return f"run '{self.name}'"

    @property
    def base(self) -> str | None:
        """The run it goes on from; None for a root or an open model."""
        return None if self.after is None or self.after.startswith(UNKNOWN) else self.after

    @model_validator(mode="after")
    def _together(self) -> Entry:
        """Refuse keys that make no sense next to one another."""
        exact = self.schedule is not None or self.lrs is not None
        if self.log is None and not exact:
            raise DataError(
                'it has no log; add log = "PATH" (or schedule or lrs, for a run that only leads to '
                "others)."
            )
        if self.schedule is not None and self.lrs is not None:
            raise DataError("it has both schedule and lrs; keep one of them.")
        if self.lr_from == "schedule" and not exact:
            raise DataError('lr_from = "schedule", but there is neither schedule nor lrs. Add one.')
        if self.after_step is not None and self.base is None:
            raise DataError("after_step needs after, the name of a run of this study.")
        if self.optimizer_reset is not None and self.after is None:
            raise DataError("optimizer_reset is about a run that goes on from another; add after.")
        if self.init_std is not None and self.after is not None:
            raise DataError(
                "init_std is that of the weights before the first step of all; give it to the run "
                "from scratch."
            )
        if self.after is not None and self.after.strip() == UNANSWERED:
            raise DataError(
                f'after = "{UNANSWERED}" asks what the run goes on from. If it continues an open '
                "model, run init again with --unknown NAME (NAME is what you call that model); if "
                "it continues a run of yours, with the log of that run too; if it is training from "
                "scratch, take the line away."
            )
        if self.after is not None and self.after.strip() == UNKNOWN:
            raise DataError(f'after = "{UNKNOWN}" needs a name, such as "{UNKNOWN}llama".')
        return self


def domains_of(table: Any) -> dict[str, str]:
    """What [domains] holds: role -> column.

    Raises:
        DataError: an unknown role, or a column that is not a name.
    """
    if table is None:
        raise DataError(f"there is no [domains] table. A study needs {EXAMPLE}.")
    if not isinstance(table, dict) or not table:
        raise DataError('[domains]: expected lines ROLE = "COLUMN", such as pt = "eval_loss".')
    domains: dict[str, Any] = {}
    for key, value in table.items():
        if key == "ood" and isinstance(value, dict) and value:
            domains.update({f"ood.{name}": column for name, column in value.items()})
        elif key == "ood":
            raise DataError('[domains]: ood needs a name, such as ood.code = "COLUMN".')
        elif key in ROLES or key.startswith("ood."):
            domains[key] = value
        else:
            raise DataError(f"[domains]: role '{key}' is unknown. {suggestion(key, ROLES)}")
    for role, column in domains.items():
        if not isinstance(column, str) or not column:
            raise DataError(
                f"[domains]: {role} = {shown(column)}; expected the name of a column in quotes."
            )
    return domains
