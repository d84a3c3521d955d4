"""Recipes: a start, a schedule, a replay share and a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from cptlaw.arrays import FloatArray, floats
from cptlaw.decisions.cost import Work
from cptlaw.decisions.plan.branches import Branch
from cptlaw.decisions.plan.knobs import Family, is_drop
from cptlaw.errors import DataError
from cptlaw.fitting.start import Start
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import DecayKind
from cptlaw.studies.history import History
from cptlaw.studies.runs import Data, Run

_MOST_RATES = 1_000_000_000  # 8 GB


@dataclass(frozen=True)
class Recipe:
    """A run that one could do.

    Args:
        start: the checkpoint.
        family: of its schedule.
        values: knob -> value, with "decay_shape" left to `schedule`.
        schedule: its learning rates.
        data: what it trains on.
        replay: share of D_pt in the CPT data.
        model_size: non-embedding parameters, or None.
        batch_tokens: tokens per step, or None.
        sequence_length: tokens per sequence, or None.
        domain_tokens: distinct tokens of D_cpt data, or None.
    """

    start: Start
    family: Family
    values: Mapping[str, float]
    schedule: Schedule
    data: Data = "cpt"
    replay: float = 0.0
    model_size: float | None = None
    batch_tokens: float | None = None
    sequence_length: int | None = None
    domain_tokens: float | None = None

    @property
    def run(self) -> Run:
        """The run, named "plan"."""
        return Run(
            "plan",
            schedule=self.schedule,
            data=self.data,
            replay=self.replay,
            model_size=self.model_size,
            batch_tokens=self.batch_tokens,
            sequence_length=self.sequence_length,
            domain_tokens=self.domain_tokens if self.batch_tokens else None,
        )

    @property
    def history(self) -> History:
        """Its learning rates after those of the start."""
        return self.start.history.then(self.run)


def histories(recipes: Sequence[Recipe]) -> list[History]:
    """The histories of n recipes; learning rates that several share are worked out once.

    Raises:
        DataError: they have more steps than should be held at once.
    """
    total = sum({id(recipe.schedule): recipe.schedule.steps for recipe in recipes}.values())
    if total > _MOST_RATES:
        raise DataError(
            f"{len(recipes)} recipes of up to {max(r.schedule.steps for r in recipes):,} steps are "
            f"compared at once; at most {_MOST_RATES:,} steps are held in all. Plan fewer steps."
        )
    rates: dict[int, FloatArray] = {}
    found: list[History] = []
    for recipe in recipes:
        key = id(recipe.schedule)  # of objects that live as long as the recipes
        if key not in rates:
            rates[key] = floats(recipe.schedule.lr())
        found.append(recipe.start.history.then(recipe.run, lr=rates[key]))
    return found


def work_of(recipes: Sequence[Recipe]) -> Work:
    """What n recipes train, as their costs need it."""
    sizes = [recipe.model_size or recipe.start.history.model_size for recipe in recipes]
    is_cpt = all(recipe.data == "cpt" for recipe in recipes)
    return Work(
        np.array([recipe.schedule.steps for recipe in recipes], dtype=np.float64),
        _known([recipe.batch_tokens for recipe in recipes]),
        _known(sizes),
        np.array([1.0 - recipe.replay for recipe in recipes]) if is_cpt else None,
    )


def _known(values: Sequence[float | None]) -> FloatArray | None:
    """The values, or None where one is missing."""
    return np.array(values, dtype=np.float64) if all(values) else None


def schedule_of(family: Family, decay_shape: str, values: Mapping[str, float]) -> Schedule:
    """The schedule that knobs make; `steps` counts the warm-up too.

    A share of the steps is rounded to whole steps, a warm-up or decay that is not 0 to 1 at least.
    """
    steps = max(round(values["steps"]), 2)
    peak, end = values["peak"], values["peak"] * values.get("end", 0.0)
    warmup = min(_whole(values["warmup"], steps), steps - 1)
    if family == "cosine":
        return Schedule.cosine(peak, steps, warmup, end)
    if family == "linear":
        return Schedule.linear(peak, steps, warmup, end)
    if family == "power":
        return Schedule.power(peak, steps, values["power"], warmup, end)
    if family == "free":
        drops = [value for name, value in values.items() if is_drop(name)]
        return Schedule.falling(peak, steps, drops, warmup)
    decay = min(_whole(values["decay"], steps), steps - warmup) if family == "wsd" else 0
    if not decay:
        return Schedule.constant(peak, steps, warmup)
    power = values.get("power", 1.0)
    return Schedule.wsd(peak, steps, decay, warmup, end, cast(DecayKind, decay_shape), power)


def _whole(share: float, steps: int) -> int:
    return max(round(share * steps), 1) if share > 0 else 0


_OF_DATA = ("replay", "batch_tokens")
"""Knobs that a schedule does not depend on."""


@dataclass(frozen=True)
class RecipeMaker:
    """All that recipes of one plan share.

    Args:
        starts: the checkpoints.
        data: what is trained on.
        model_size: non-embedding parameters, or None for those of the start.
        batch_tokens: tokens per step, or None.
        sequences: batch tokens -> tokens per sequence, of the fitted runs.
        domain_tokens: distinct tokens of D_cpt data, or None.
    """

    starts: tuple[Start, ...]
    data: Data
    model_size: float | None
    batch_tokens: float | None
    sequences: Mapping[float, int | None]
    domain_tokens: float | None

    def recipes(self, branch: Branch, shares: FloatArray) -> list[Recipe]:
        """The recipes at n places of a branch.

        Args:
            branch: the choice of what is listed.
            shares: how far along each axis, 0 to 1, shape (n, axes).
        """
        columns = [axis.at(shares[:, i]) for i, axis in enumerate(branch.axes)]
        fixed = dict(branch.fixed)
        found: list[Recipe] = []
        made: dict[tuple[float, ...], Schedule] = {}  # many recipes differ in their data alone
        for i in range(shares.shape[0]):
            values = dict(fixed)
            for axis, column in zip(branch.axes, columns, strict=True):
                values[axis.name] = float(column[i])
            key = tuple(value for name, value in values.items() if name not in _OF_DATA)
            if key not in made:
                made[key] = schedule_of(branch.family, branch.decay_shape, values)
            found.append(self.recipe(branch, values, made[key]))
        return found

    def recipe(
        self, branch: Branch, values: Mapping[str, float], schedule: Schedule | None = None
    ) -> Recipe:
        """The recipe of a branch with these values; its schedule may be there already."""
        schedule = schedule or schedule_of(branch.family, branch.decay_shape, values)
        batch = values.get("batch_tokens", self.batch_tokens)
        is_cpt = self.data == "cpt"
        return Recipe(
            start=self.starts[branch.start],
            family=branch.family,
            values={**values, "steps": float(schedule.steps)},
            schedule=schedule,
            data=self.data,
            replay=values.get("replay", 0.0) if is_cpt else 0.0,
            model_size=self.model_size,
            batch_tokens=batch,
            sequence_length=self.sequences.get(batch) if batch is not None else None,
            domain_tokens=self.domain_tokens if is_cpt else None,
        )
