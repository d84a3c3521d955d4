"""What runs cost, and how much may be spent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.cost import Work, costs_of
from cptlaw.errors import DataError
from cptlaw.page import typed
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

Unit: TypeAlias = Literal["steps", "tokens", "FLOPs"]
_UNITS: dict[str, Unit] = {"steps": "steps", "tokens": "tokens", "flops": "FLOPs"}


@dataclass(frozen=True)
class Budget:
    """How much may be spent.

    Args:
        amount: above 0.
        unit: "steps", "tokens" or "FLOPs" (6 N a token).

    Raises:
        DataError: an amount that is not above 0, or another unit.
    """

    amount: float
    unit: Unit = "steps"

    def __post_init__(self) -> None:
        if self.unit not in _UNITS.values():
            raise DataError(f"budget: unit '{self.unit}'; expected steps, tokens or FLOPs.")
        if not 0 < self.amount < float("inf"):
            raise DataError(f"budget: {typed(self.amount)} {self.unit}; expected a number above 0.")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """A budget from text such as "5000steps", "4e7 tokens" or "1e15FLOPs".

        Raises:
            DataError: it is not of that form.
        """
        match = re.fullmatch(r"\s*(\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([A-Za-z]+)\s*", text)
        if match is None or match[2].lower() not in _UNITS:
            raise DataError(
                f"budget '{text}': expected a number and steps, tokens or FLOPs, such as "
                "5000steps or 4e7tokens."
            )
        return cls(float(match[1].replace("_", "")), _UNITS[match[2].lower()])

    @property
    def text(self) -> str:
        """As `parse` reads it."""
        return f"{typed(self.amount)} {self.unit}"

    def cost(self, run: Run, study: Study | None = None) -> float:
        """What the steps of a run cost, in this budget's unit; its base costs nothing.

        Args:
            run: with a schedule.
            study: the runs it may go on from, for the model size and batch it does not say.

        Raises:
            DataError: tokens or FLOPs are asked for, and the batch or the size is not known.
        """
        batch, size = None, None
        if self.unit != "steps":
            batch = _inherited(run, study, "batch_tokens", "--batch-tokens")
        if self.unit == "FLOPs":
            size = _inherited(run, study, "model_size", "--model-size")
        work = Work(np.array([float(run.steps)]), batch, size)
        return float(costs_of(work)[self.unit.lower()][0])


def _inherited(run: Run, study: Study | None, key: str, option: str) -> FloatArray:
    """A number of the run, or of the nearest run it goes on from that says it."""
    at: Run | None = run
    while at is not None:
        value = getattr(at, key)
        if value is not None:
            return np.array([float(value)])
        known = study is not None and at.after is not None and study.has_run(at.after)
        at = study.run(at.after) if known and study is not None and at.after else None
    raise DataError(
        f"run '{run.name}': its {key} is not known, so neither is its cost. Give it ({option}; in "
        f"the study {key} = ...), or a budget in steps."
    )
