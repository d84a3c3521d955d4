"""Validated, immutable values: a curve, a run, and a study of runs that belong together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray, floats, integers, same_values
from cptlaw.errors import DataError, suggestion
from cptlaw.schedule import Schedule

Data: TypeAlias = Literal["pt", "cpt"]
UNKNOWN = "unknown:"


@dataclass(frozen=True, eq=False)
class Curve:
    """One loss series.

    Args:
        steps: optimiser steps since the run's start, shape (n,), strictly increasing, 0 or more;
            0 is the loss before the first step.
        loss: nats per token, shape (n,), finite and above 0.
        source: "validation" (measured on a fixed set) or "training" (of the batches trained on).
        window: how many steps ending at each one a value is the mean of; 1 is an instant.

    Raises:
        DataError: naming the first offending row.
    """

    steps: IntArray
    loss: FloatArray
    source: Literal["validation", "training"] = "validation"
    window: int = 1

    def __post_init__(self) -> None:
        steps, loss = integers(self.steps), floats(self.loss)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "loss", loss)
        if steps.size != loss.size or not steps.size:
            raise DataError(
                f"a curve needs as many losses as steps, and some: {steps.size} steps, "
                f"{loss.size} losses."
            )
        if steps[0] < 0 or (np.diff(steps) <= 0).any():
            row = int(np.argmax(np.diff(steps) <= 0)) + 1 if steps[0] >= 0 else 0
            raise DataError(f"steps must increase from 0 or more; row {row + 1} has {steps[row]}.")
        bad = np.flatnonzero(~(np.isfinite(loss) & (loss > 0)))
        if bad.size:
            raise DataError(
                f"loss {loss[bad[0]]} at step {steps[bad[0]]} must be finite and above 0."
            )
        if self.window < 1:
            raise DataError(f"a window of {self.window} steps; expected 1 or more.")

    __eq__ = same_values

    def __len__(self) -> int:
        return int(self.steps.size)

    def only(self, keep: BoolArray) -> Curve:
        """The rows where the boolean `keep`, shape (n,), is true."""
        return replace(self, steps=self.steps[keep], loss=self.loss[keep])


@dataclass(frozen=True, eq=False)
class LoggedLR:
    """Learning rates as logged: steps, shape (n,), increasing, and the LR at each."""

    steps: IntArray
    lr: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integers(self.steps))
        object.__setattr__(self, "lr", floats(self.lr))
        if self.steps.size != self.lr.size or not self.steps.size:
            raise DataError(f"{self.steps.size} steps for {self.lr.size} logged learning rates.")
        if (np.diff(self.steps) <= 0).any():
            raise DataError("the steps of logged learning rates must increase.")
        bad = np.flatnonzero(~(np.isfinite(self.lr) & (self.lr >= 0)))
        if bad.size:
            raise DataError(
                f"logged learning rate {self.lr[bad[0]]} at step {self.steps[bad[0]]} "
                "must be finite and at least 0."
            )

    __eq__ = same_values


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
    origin: str = ""
    format: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "curves", MappingProxyType(dict(self.curves)))
        if self.data not in ("pt", "cpt"):
            raise DataError(f"run '{self.name}': data = '{self.data}'; expected 'pt' or 'cpt'.")
        if not 0 <= self.replay <= 1:
            raise DataError(f"run '{self.name}': replay = {self.replay:g} is a share from 0 to 1.")
        if self.replay and self.data == "pt":
            raise DataError(f"run '{self.name}': replay belongs to CPT runs (data = \"cpt\").")
        for key in ("model_size", "batch_tokens", "sequence_length"):
            value = getattr(self, key)
            if value is not None and not 0 < value < float("inf"):
                raise DataError(f"run '{self.name}': {key} = {value:g} must be above 0.")

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
    def unknown_base(self) -> str | None:
        """NAME of `after = "unknown:NAME"`, else None."""
        if self.after and self.after.startswith(UNKNOWN):
            return self.after.removeprefix(UNKNOWN)
        return None

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
            logged = LoggedLR(logged.steps - first_step, logged.lr)
        curves = {k: replace(c, steps=c.steps - first_step) for k, c in self.curves.items()}
        return replace(self, curves=curves, logged_lr=logged)


def batch_label(batch_tokens: float | None, sequence_length: int | None) -> str:
    """How a (batch tokens, sequence length) pair is named in coefficients and messages."""
    parts = (batch_tokens, sequence_length)
    return "x".join("?" if part is None else f"{part:g}" for part in parts)


@dataclass(frozen=True, eq=False)
class History:
    """The learning rates that led to a checkpoint, split at the transfer.

    Args:
        pt_lr: LR of every pre-training step, shape (T_pt,); empty for an unknown base.
        cpt_lr: LR of every CPT step, shape (T_cpt,).
        replay: share of D_pt in the CPT data.
        model_size: non-embedding parameters, or None.
        batch: (batch tokens, sequence length) of the CPT, either may be None.
        unknown_base: name of an open model whose pre-training nobody knows, or None.
    """

    pt_lr: FloatArray
    cpt_lr: FloatArray
    replay: float = 0.0
    model_size: float | None = None
    batch: tuple[float | None, int | None] = (None, None)
    unknown_base: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "pt_lr", floats(self.pt_lr))
        object.__setattr__(self, "cpt_lr", floats(self.cpt_lr))

    __eq__ = same_values

    def then(self, run: Run, steps: int | None = None) -> History:
        """This history followed by the first `steps` steps of `run`'s schedule."""
        assert run.schedule is not None
        lr = run.schedule.lr()[:steps]
        size = run.model_size if run.model_size is not None else self.model_size
        if run.data == "pt":
            return replace(self, pt_lr=np.concatenate([self.pt_lr, lr]), model_size=size)
        return replace(
            self,
            cpt_lr=np.concatenate([self.cpt_lr, lr]),
            replay=run.replay,
            model_size=size,
            batch=(run.batch_tokens, run.sequence_length),
        )

    @property
    def last_lr(self) -> float:
        """LR of the last step, 0 if there is none."""
        lr = self.cpt_lr if self.cpt_lr.size else self.pt_lr
        return float(lr[-1]) if lr.size else 0.0


@dataclass(frozen=True)
class Study:
    """Runs that belong together, and which of their columns measures which domain.

    Args:
        domains: role ("pt", "cpt", "loss" or "ood.NAME") -> column of the logs.
        runs: every run has a schedule; `after` names another run of the study.
        origin: the study file, if there is one.
        notes: what was found and done while putting it together.

    Raises:
        DataError: a missing run or column, a cycle in `after`, PT after CPT, a replay share that
            changes along a CPT, a start past the end of the run it goes on from.
    """

    domains: Mapping[str, str]
    runs: tuple[Run, ...]
    origin: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", MappingProxyType(dict(self.domains)))
        if not self.domains:
            raise DataError("a study needs at least one domain.")
        for role in self.domains:
            if role not in ("pt", "cpt", "loss") and not role.startswith("ood."):
                raise DataError(f"domain role '{role}': expected pt, cpt, loss or ood.NAME.")
        if not self.runs:
            raise DataError("a study needs at least one run.")
        names = [run.name for run in self.runs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"two runs are named '{twice[0]}'; every run needs its own name.")
        for run in self.runs:
            self._check_run(run)
        for role, column in self.domains.items():
            if not any(column in run.curves for run in self.runs):
                known = sorted({c for run in self.runs for c in run.curves})
                raise DataError(
                    f"domain '{role}': no log has a column '{column}'. {suggestion(column, known)}"
                )

    def _check_run(self, run: Run) -> None:
        if run.schedule is None:
            raise DataError(
                f"run '{run.name}': its log has no learning rate. Give schedule = \"...\" or "
                'lrs = "FILE.json" in the study.'
            )
        for curve in run.curves.values():
            if curve.steps[-1] > run.schedule.steps:
                raise DataError(
                    f"run '{run.name}': its log goes to step {curve.steps[-1]}, but its schedule "
                    f"ends at {run.schedule.steps}. Mend the schedule, or first_step."
                )
        seen = [run.name]
        while run.after is not None and run.unknown_base is None:
            parent = self.run(run.after, asked_by=run.name)
            if parent.name in seen:
                raise DataError(f"'after' runs in a cycle: {' -> '.join([*seen, parent.name])}.")
            self._check_step(run, parent)
            seen.append(parent.name)
            run = parent

    def _check_step(self, run: Run, parent: Run) -> None:
        if run.after_step is not None and not 1 <= run.after_step <= parent.steps:
            raise DataError(
                f"run '{run.name}': after_step = {run.after_step}, but run '{parent.name}' "
                f"has steps 1 to {parent.steps}."
            )
        if run.data == "pt" and parent.data == "cpt":
            raise DataError(
                f"run '{run.name}' is PT data after the CPT run '{parent.name}'; no law covers "
                "that. Leave it out."
            )
        if run.data == parent.data == "cpt" and run.replay != parent.replay:
            raise DataError(
                f"run '{run.name}' has replay = {run.replay:g} and goes on from '{parent.name}' "
                f"with {parent.replay:g}; no law covers a share that changes along a CPT."
            )

    def run(self, name: str, asked_by: str = "") -> Run:
        """The run of that name.

        Raises:
            DataError: there is none.
        """
        for run in self.runs:
            if run.name == name:
                return run
        who = f"run '{asked_by}': after = '{name}'" if asked_by else f"'{name}'"
        raise DataError(
            f"{who}: the study has no such run. {suggestion(name, [r.name for r in self.runs])}"
        )

    def has_run(self, name: str) -> bool:
        """Whether the study has a run of that name."""
        return any(run.name == name for run in self.runs)

    def history(self, name: str, step: int | None = None) -> History:
        """Learning rates from the first step of all up to `step` of run `name`, or to its end."""
        run = self.run(name)
        return self.start(run).then(run, step)

    def start(self, run: Run) -> History:
        """Learning rates before the first step of `run`."""
        if run.after is None or run.unknown_base is not None:
            empty = np.empty(0)
            return History(empty, empty, unknown_base=run.unknown_base)
        return self.history(run.after, run.after_step)

    def location(self, run: Run, step: int) -> tuple[str, int]:
        """Where (run, step) really is: step 0 of a continuation is a step of its base."""
        if step > 0 or run.after is None or run.unknown_base is not None:
            return run.name, step
        parent = self.run(run.after)
        at = parent.steps if run.after_step is None else run.after_step
        return self.location(parent, at)

    @property
    def has_cpt(self) -> bool:
        """Whether any run goes on from a base on CPT data."""
        return any(run.data == "cpt" and run.after is not None for run in self.runs)

    def without(self, names: Iterable[str]) -> Study:
        """The same histories, with the losses of the named runs taken out."""
        dropped = set(names)
        for name in sorted(dropped):
            self.run(name)
        runs = tuple(replace(r, curves={}) if r.name in dropped else r for r in self.runs)
        if not any(run.curves for run in runs):
            raise DataError("every run is held out; leave some to fit on.")
        return replace(self, runs=runs)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every number a fit uses, whatever the order of the runs."""
        digest = hashlib.sha256()
        for role in sorted(self.domains):
            digest.update(f"{role}={self.domains[role]};".encode())
        for run in sorted(self.runs, key=lambda r: r.name):
            meta = (
                run.name,
                run.data,
                run.after,
                run.after_step,
                run.replay,
                run.model_size,
                run.batch_tokens,
                run.sequence_length,
            )
            digest.update(repr(meta).encode())
            if run.schedule is not None:
                digest.update(run.schedule.lr().tobytes())
            for column in sorted(run.curves):
                curve = run.curves[column]
                digest.update(f"{column},{curve.window}".encode())
                digest.update(curve.steps.tobytes() + curve.loss.tobytes())
        return digest.hexdigest()
