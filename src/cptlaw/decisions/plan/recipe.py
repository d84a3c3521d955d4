"""Recipes: a start, a schedule, a replay share and a batch, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.plan.knobs import Branch, Family
from cptlaw.errors import DataError
from cptlaw.fitting.start import Start
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import DecayKind, Segment
from cptlaw.studies.history import History
from cptlaw.studies.runs import Data, Run

_FLOPS_PER_TOKEN = 6.0  # and parameter, forward and backward


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


@dataclass(frozen=True)
class Prices:
    """What it takes to say what a run costs.

    Args:
        tokens_per_second: of one GPU.
        price: of a GPU hour, in any currency.
        domain_tokens: distinct tokens of D_cpt data.
    """

    tokens_per_second: float | None = None
    price: float | None = None
    domain_tokens: float | None = None

    def __post_init__(self) -> None:
        for name in ("tokens_per_second", "price", "domain_tokens"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise DataError(f"{name} = {value:g}: expected a number above 0.")

    def costs(self, recipes: Sequence[Recipe]) -> dict[str, FloatArray]:
        """Key of `aims.COSTS` -> cost of n recipes, shape (n,), of all that can be worked out."""
        steps = np.array([r.schedule.steps for r in recipes], dtype=np.float64)
        found = {"steps": steps}
        batch = [r.batch_tokens for r in recipes]
        if any(b is None for b in batch):
            return found
        tokens = steps * np.array(batch, dtype=np.float64)
        found["tokens"] = tokens
        sizes = [r.model_size or r.start.history.model_size for r in recipes]
        if all(sizes):
            found["flops"] = _FLOPS_PER_TOKEN * np.array(sizes, dtype=np.float64) * tokens
        if self.tokens_per_second is not None:
            found["hours"] = tokens / self.tokens_per_second / 3600.0
            if self.price is not None:
                found["money"] = found["hours"] * self.price
        if self.domain_tokens is not None and all(r.data == "cpt" for r in recipes):
            own = np.array([1.0 - r.replay for r in recipes])
            found["passes"] = tokens * own / self.domain_tokens
        return found


MENDS = {
    "tokens": "the tokens per step (--batch-tokens, or batch_tokens in the study)",
    "flops": "the tokens per step and the model size (model_size in the study, or --model-size)",
    "hours": "the tokens a GPU trains a second (--tokens-per-second) and per step (--batch-tokens)",
    "money": "the price of a GPU hour (--price) and the throughput (--tokens-per-second)",
    "passes": "the distinct tokens of D_cpt data (--domain-tokens) and those per step",
}
"""What a cost needs to be known."""


def schedule_of(family: Family, decay_shape: str, values: Mapping[str, float]) -> Schedule:
    """The schedule that knobs make; `steps` counts the warm-up too.

    A share of the steps is rounded to whole steps, a warm-up or decay that is not 0 to 1 at least.
    """
    steps = max(round(values["steps"]), 2)
    peak, end = values["peak"], values["peak"] * values.get("end", 0.0)
    warmup = min(_whole(values["warmup"], steps), steps - 1)
    body = steps - warmup
    segments = [Segment("warmup", warmup, 0.0, peak)] if warmup else []
    if family == "constant":
        segments.append(Segment("constant", body, peak, peak))
    elif family == "wsd":
        decay = min(_whole(values["decay"], steps), body)
        if body > decay:
            segments.append(Segment("constant", body - decay, peak, peak))
        if decay:
            segments.append(Segment(_decay(decay_shape), decay, peak, end))
    elif family == "free":
        segments += _knotted(values, peak, body)
    else:
        segments.append(Segment(_decay(family), body, peak, end))
    return Schedule(tuple(segments))


def _whole(share: float, steps: int) -> int:
    return max(round(share * steps), 1) if share > 0 else 0


def _decay(name: str) -> DecayKind:
    kinds: dict[str, DecayKind] = {
        "linear": "linear",
        "cosine": "cosine",
        "sqrt": "sqrt",
        "exponential": "exponential",
    }
    return kinds[name]


def _knotted(values: Mapping[str, float], peak: float, steps: int) -> list[Segment]:
    """Straight lines that never rise; each drops by a share of the LR it begins with."""
    drops = [v for k, v in values.items() if k.startswith("drop")]
    edges = np.linspace(0, steps, len(drops) + 1).round().astype(int).tolist()
    found: list[Segment] = []
    lr = peak
    for begin, end, drop in zip(edges, edges[1:], drops, strict=False):
        low = float(f"{lr * (1.0 - min(max(drop, 0.0), 1.0)):.4g}")
        if end > begin and low == lr and found and found[-1].kind == "constant":
            found[-1] = replace(found[-1], steps=found[-1].steps + end - begin)
        elif end > begin:
            found.append(Segment("constant" if low == lr else "linear", end - begin, lr, low))
        lr = low
    return found


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
        for i in range(shares.shape[0]):
            values = dict(fixed)
            for axis, column in zip(branch.axes, columns, strict=True):
                values[axis.name] = float(column[i])
            found.append(self.recipe(branch, values))
        return found

    def recipe(self, branch: Branch, values: Mapping[str, float]) -> Recipe:
        """The recipe of a branch with these values."""
        schedule = schedule_of(branch.family, branch.decay_shape, values)
        batch = values.get("batch_tokens", self.batch_tokens)
        is_cpt = self.data == "cpt"
        return Recipe(
            self.starts[branch.start],
            branch.family,
            {**values, "steps": float(schedule.steps)},
            schedule,
            self.data,
            values.get("replay", 0.0) if is_cpt else 0.0,
            self.model_size,
            batch,
            self.sequences.get(batch) if batch is not None else None,
            self.domain_tokens if is_cpt else None,
        )
