"""Validated, immutable values: a curve, logged learning rates, a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray, floats, integers, same_values
from cptlaw.errors import DataError
from cptlaw.page import number
from cptlaw.schedules.recognised import Recognised, recognise
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.optimization import Optimization, optimizer_name
from cptlaw.visible import visible

Data: TypeAlias = Literal["pt", "cpt"]
UNKNOWN = "unknown:"
_HIGHEST_LOSS = 1e50  # beyond it, and below its inverse, squares are not finite any more
_MOST = 1e30  # tokens or parameters
_ABOVE_0 = ("model_size", "batch_tokens", "sequence_length", "domain_tokens", "init_std")


@dataclass(frozen=True, eq=False)
class Curve:
    """One loss series.

    Args:
        steps: optimiser steps since the run's start, shape (n,), strictly increasing, 0 or more;
            0 is the loss before the first step.
        loss: nats per token, shape (n,), finite and above 0.
        source: "validation" (measured on a fixed set) or "training" (of the batches trained on).
        window: how many steps ending at each one a value is the mean of; 1 is an instant.
        ema: factor of a moving average over steps, such as 0.9; 0 for none.

    Raises:
        DataError: naming the first offending row.
    """

    steps: IntArray
    loss: FloatArray
    source: Literal["validation", "training"] = "validation"
    window: int = 1
    ema: float = 0.0

    def __post_init__(self) -> None:
        steps, loss = integers(self.steps), floats(self.loss)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "loss", loss)
        if steps.size != loss.size or not steps.size:
            raise DataError(
                f"a curve needs as many losses as steps, and some: {steps.size} steps, "
                f"{loss.size} losses."
            )
        back = steps[1:] <= steps[:-1]
        if steps[0] < 0 or back.any():
            row = int(np.argmax(back)) + 1 if steps[0] >= 0 else 0
            raise DataError(f"steps must increase from 0 or more; row {row + 1} has {steps[row]}.")
        bad = np.flatnonzero(~(np.isfinite(loss) & (loss > 0)))
        if bad.size:
            raise DataError(
                f"loss {loss[bad[0]]} at step {steps[bad[0]]} must be finite and above 0."
            )
        odd = np.flatnonzero((loss < 1.0 / _HIGHEST_LOSS) | (loss > _HIGHEST_LOSS))
        if odd.size:
            value = number(float(loss[odd[0]]), 6)
            raise DataError(
                f"loss {value} at step {steps[odd[0]]} is not the loss of a language model. "
                "Is the column right?"
            )
        if self.window < 1:
            raise DataError(f"a window of {self.window} steps; expected 1 or more.")
        if not 0 <= self.ema < 1:
            raise DataError(f"a moving average of factor {self.ema:g}; expected 0 to below 1.")
        if self.ema and self.window > 1:
            raise DataError("a loss is a mean over a window or a moving average, not both.")

    def __repr__(self) -> str:
        return (
            f"<Curve: {self.steps.size} {self.source} losses, {self.loss[0]:.4g} at step "
            f"{self.steps[0]} to {self.loss[-1]:.4g} at step {self.steps[-1]}>"
        )

    __eq__ = same_values

    def __len__(self) -> int:
        return int(self.steps.size)

    @property
    def is_mean(self) -> bool:
        """Whether a value is a mean over several steps."""
        return self.window > 1 or self.ema > 0

    @property
    def words(self) -> str:
        """What a value is: "of single steps", "means over 50 steps" or a moving average."""
        if self.ema:
            return f"moving averages of factor {self.ema:g} over steps"
        return f"means over {self.window} steps" if self.window > 1 else "of single steps"

    def only(self, keep: BoolArray) -> Curve:
        """The rows where the boolean `keep`, shape (n,), is true."""
        return replace(self, steps=self.steps[keep], loss=self.loss[keep])


def common_gap(steps: IntArray) -> int:
    """The most common distance between rows; from the start to the row where there is but one."""
    if steps.size < 2:
        return max(1, int(steps.max(initial=1)))
    gaps, counts = np.unique(np.diff(steps), return_counts=True)
    return int(gaps[np.argmax(counts)])


@dataclass(frozen=True, eq=False)
class LoggedLR:
    """Learning rates as logged.

    Args:
        steps: steps of the run that were logged, shape (n,), increasing.
        lr: the learning rate at each, shape (n,).
        offset: 1 where the LR logged at a step is that of the next one, else 0.
    """

    steps: IntArray
    lr: FloatArray
    offset: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integers(self.steps))
        object.__setattr__(self, "lr", floats(self.lr))
        if self.steps.size != self.lr.size or not self.steps.size:
            raise DataError(f"{self.steps.size} steps for {self.lr.size} logged learning rates.")
        if (self.steps[1:] <= self.steps[:-1]).any():
            raise DataError("the steps of logged learning rates must increase.")
        bad = np.flatnonzero(~(np.isfinite(self.lr) & (self.lr >= 0)))
        if bad.size:
            raise DataError(
                f"logged learning rate {self.lr[bad[0]]} at step {self.steps[bad[0]]} "
                "must be finite and at least 0."
            )

    def __repr__(self) -> str:
        return (
            f"<LoggedLR: {self.steps.size} learning rates, {self.lr.min():.4g} to "
            f"{self.lr.max():.4g}, at steps {self.steps[0]} to {self.steps[-1]}>"
        )

    __eq__ = same_values

    def recognised(self, start: int = 0) -> Recognised | None:
        """The schedule that has these learning rates, if one is found.

        Args:
            start: the log's step number before the run's first step.
        """
        steps = self.steps - start + self.offset
        own = steps > 0
        return recognise(steps[own], self.lr[own])


def batch_label(batch_tokens: float | None, sequence_length: int | None) -> str:
    """How a (batch tokens, sequence length) pair is named in coefficients and messages."""
    parts = (batch_tokens, sequence_length)
    return "x".join("?" if part is None else f"{part:g}" for part in parts)


@dataclass(frozen=True)
class Diverged:
    """A run that diverged: its name, the step, and the highest LR it had been trained at."""

    run: str
    step: int
    peak: float


@dataclass(frozen=True)
class Run:
    """One training run: what its log holds, and what a study adds to that.

    Args:
        name: unique within a study.
        curves: the log's loss columns by name.
        logged_lr: the LR points of the log, if it has any.
        schedule: LR of every step; a study needs it.
        data: "pt" or "cpt": which mixture it trains on.
        after: the run it goes on from, or "unknown:NAME" for an open model.
        after_step: the step of `after` it goes on from, counted from that run's start.
        replay: share of D_pt in the CPT data, 0 to 1.
        model_size: non-embedding parameters, a raw count.
        batch_tokens: tokens per optimiser step.
        sequence_length: tokens per sequence.
        domain_tokens: distinct tokens of D_cpt data in a CPT; seen again once they are used up.
        optimizer: its name, such as "adamw"; None for that of the base, or for an unknown one.
        weight_decay: as the optimizer is given it; None for that of the base, or an unknown one.
        init_std: standard deviation of the weights before the first step, of a run from scratch.
        optimizer_reset: whether a run that goes on begins with a new optimizer state.
        diverged: the step from which its losses are inf, nan or far above, to the end.
        keep: whether its losses are fitted whatever looks wrong with them.
        first_step: the log's step number at the run's start, which is step 0 here.
        doubts: columns that may be no losses, each with what makes one doubt it.
        lr_groups: columns of learning rates that differ, where none of them was chosen.
        counts_micro_batches: whether its steps are known to count micro-batches.
        micro_batches: to an optimiser step, where its steps count those and a file of it tells.
        origin: the path it was read from.
        format: name of the log format.
        notes: what was found and done while reading, each a sentence.

    Raises:
        DataError: a value out of range.
    """

    name: str
    curves: Mapping[str, Curve] = field(default_factory=dict[str, Curve])
    logged_lr: LoggedLR | None = None
    schedule: Schedule | None = None
    data: Data = "pt"
    after: str | None = None
    after_step: int | None = None
    replay: float = 0.0
    model_size: float | None = None
    batch_tokens: float | None = None
    sequence_length: int | None = None
    domain_tokens: float | None = None
    optimizer: str | None = None
    weight_decay: float | None = None
    init_std: float | None = None
    optimizer_reset: bool | None = None
    diverged: int | None = None
    keep: bool = False
    first_step: int = 0
    doubts: Mapping[str, str] = field(default_factory=dict[str, str])
    lr_groups: tuple[str, ...] = ()
    counts_micro_batches: bool = False
    micro_batches: int | None = None
    origin: str = ""
    format: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "curves", MappingProxyType(dict(self.curves)))
        object.__setattr__(self, "doubts", MappingProxyType(dict(self.doubts)))
        if self.data not in ("pt", "cpt"):
            raise DataError(f"run '{self.name}': data = '{self.data}'; expected 'pt' or 'cpt'.")
        if not 0 <= self.replay <= 1:
            raise DataError(f"run '{self.name}': replay = {self.replay:g}; expected 0 to 1.")
        if self.replay and self.data == "pt":
            raise DataError(f"run '{self.name}': replay belongs to CPT runs (data = \"cpt\").")
        if self.after == UNKNOWN:
            raise DataError(
                f"run '{self.name}': after = '{UNKNOWN}' needs a name, such as '{UNKNOWN}llama'."
            )
        if self.domain_tokens is not None and (self.data == "pt" or self.batch_tokens is None):
            raise DataError(
                f"run '{self.name}': domain_tokens belongs to CPT runs, and needs batch_tokens to "
                "tell how often they are seen."
            )
        for key in _ABOVE_0:
            value = getattr(self, key)
            if value is not None and not 0 < value < _MOST:
                raise DataError(
                    f"run '{self.name}': {key} = {value:g} must be above 0, and below {_MOST:g}."
                )
        if self.optimizer is not None:
            object.__setattr__(self, "optimizer", optimizer_name(self.optimizer))
        if self.weight_decay is not None and not 0 <= self.weight_decay < float("inf"):
            raise DataError(
                f"run '{self.name}': weight_decay = {self.weight_decay:g} must be 0 or above."
            )

    def __repr__(self) -> str:
        steps = "" if self.schedule is None else f", {self.schedule.steps} steps"
        at = "" if self.after_step is None else f"@{self.after_step}"
        after = "" if self.after is None else f", after {self.after}{at}"
        columns = f"; columns {', '.join(self.curves)}" if self.curves else ""
        return visible(f"<Run {self.name}: {self.data}{steps}{after}{columns}>")

    @property
    def steps(self) -> int:
        """Length in optimiser steps: the schedule's, else the last logged step."""
        if self.schedule is not None:
            return self.schedule.steps
        ends = [int(c.steps[-1]) for c in self.curves.values()]
        return max([*ends, int(self.logged_lr.steps[-1]) if self.logged_lr else 0])

    @property
    def batch_label(self) -> str:
        """Batch tokens x sequence length, such as 4e+06x4096, with ? for what is not known."""
        return batch_label(self.batch_tokens, self.sequence_length)

    @property
    def optimization(self) -> Optimization:
        """What is said of how this run moves its weights, without what its base says."""
        return Optimization(self.optimizer, self.weight_decay, self.init_std, self.optimizer_reset)

    @property
    def unknown_base(self) -> str | None:
        """NAME of `after = "unknown:NAME"`, else None."""
        if self.after and self.after.startswith(UNKNOWN):
            return self.after.removeprefix(UNKNOWN)
        return None

    def own_step(self, logged: int) -> int:
        """The step since its start that its log calls so; as it is where the log has no such one.

        A run whose log goes on with its base's numbers has steps 4001 to 6000, say: 4500 is its
        step 500, and so is 500.
        """
        own = logged - self.first_step
        return own if 1 <= own <= self.steps else logged

    def in_steps(self, micro_batches: int) -> Run:
        """The same run with its micro-batches, so many to a step, counted as optimiser steps.

        Of several rows of one step the last is kept.
        """
        if micro_batches == 1:
            return self
        logged, curves = self.logged_lr, {}
        for column, curve in self.curves.items():
            steps = curve.steps // micro_batches
            kept = curve.only(np.r_[np.diff(steps) > 0, True])
            window = max(1, curve.window // micro_batches)
            steps, ema = kept.steps // micro_batches, curve.ema**micro_batches
            curves[column] = replace(kept, steps=steps, window=window, ema=ema)
        if logged is not None:
            steps = logged.steps // micro_batches
            last = np.r_[np.diff(steps) > 0, True]
            logged = replace(logged, steps=steps[last], lr=logged.lr[last])
        diverged = None if self.diverged is None else max(self.diverged // micro_batches, 1)
        return replace(
            self,
            curves=curves,
            logged_lr=logged,
            diverged=diverged,
            counts_micro_batches=False,
            micro_batches=None,
        )

    def shifted(self, first_step: int) -> Run:
        """The same run with `first_step` taken off every step of its curves and logged LRs.

        Raises:
            DataError: a step that would lie before 0.
        """
        if not first_step:
            return self
        for column, curve in self.curves.items():
            if curve.steps[0] < first_step:
                raise DataError(
                    f"run '{self.name}': column '{column}' has step {curve.steps[0]}, before the "
                    f"run's first_step = {first_step}."
                )
        logged = self.logged_lr
        if logged is not None:
            logged = replace(logged, steps=logged.steps - first_step)
        curves = {k: replace(c, steps=c.steps - first_step) for k, c in self.curves.items()}
        diverged = None if self.diverged is None else max(self.diverged - first_step, 1)
        number = self.first_step + first_step
        return replace(self, curves=curves, logged_lr=logged, diverged=diverged, first_step=number)
