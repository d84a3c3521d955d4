"""The learning rates that led to a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cptlaw.arrays import FloatArray, floats, same_values
from cptlaw.errors import DataError
from cptlaw.studies.optimization import NOT_SAID, Optimization
from cptlaw.studies.runs import Run

MOST_STEPS = 20_000_000


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
        domain_steps: steps of nothing but D_cpt data until they repeat, or None.
        pt_by: how the pre-training moves its weights.
        cpt_by: the same of the CPT, with what goes on from the pre-training; before a CPT, how one
            would, where that is known.
        pt_tokens: that the pre-training has read, or None.
    """

    pt_lr: FloatArray
    cpt_lr: FloatArray
    replay: float = 0.0
    model_size: float | None = None
    batch: tuple[float | None, int | None] = (None, None)
    unknown_base: str | None = None
    domain_steps: float | None = None
    pt_by: Optimization = NOT_SAID
    cpt_by: Optimization = NOT_SAID
    pt_tokens: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "pt_lr", floats(self.pt_lr))
        object.__setattr__(self, "cpt_lr", floats(self.cpt_lr))

    def __repr__(self) -> str:
        before = f" after {self.unknown_base}" if self.unknown_base else ""
        replay = f", replay {self.replay:g}" if self.cpt_lr.size else ""
        return (
            f"<History{before}: {self.pt_lr.size} PT steps, {self.cpt_lr.size} CPT steps{replay}>"
        )

    __eq__ = same_values

    def then(self, run: Run, steps: int | None = None, lr: FloatArray | None = None) -> History:
        """This history followed by the first `steps` steps of `run`'s schedule.

        Args:
            run: what follows, with a schedule.
            steps: of it; left out, all.
            lr: the learning rates of all its steps, where they are worked out already.

        Raises:
            DataError: a schedule of more steps than are allowed.
        """
        assert run.schedule is not None
        if run.schedule.steps > MOST_STEPS:
            raise DataError(
                f"run '{run.name}' has {run.schedule.steps} steps; at most {MOST_STEPS:,} are "
                "allowed. Steps are optimiser steps, not tokens or samples."
            )
        lr = run.schedule.lr() if lr is None else lr
        lr = lr if steps is None else lr[:steps]
        size = run.model_size if run.model_size is not None else self.model_size
        if run.data == "pt":
            pt_lr, by = np.concatenate([self.pt_lr, lr]), self.pt_by.completed(run.optimization)
            tokens = self._read_by(run, lr.size)
            return replace(self, pt_lr=pt_lr, model_size=size, pt_by=by, pt_tokens=tokens)
        if self.is_cpt:
            by = self.cpt_by.completed(run.optimization)
        else:
            by = (self.pt_by if self.cpt_by == NOT_SAID else self.cpt_by).then(run.optimization)
        return History(
            self.pt_lr,
            np.concatenate([self.cpt_lr, lr]) if self.cpt_lr.size else lr,
            run.replay,
            size,
            (run.batch_tokens, run.sequence_length),
            self.unknown_base,
            _steps_of(run),
            self.pt_by,
            by,
            self.pt_tokens,
        )

    def _read_by(self, run: Run, steps: int) -> float | None:
        """Tokens that the pre-training has read after so many more steps of a run."""
        before = self.pt_tokens if self.pt_lr.size else 0.0
        if before is None or run.batch_tokens is None:
            return None
        return before + steps * run.batch_tokens

    @property
    def lr(self) -> FloatArray:
        """LR of every step of both phases, shape (steps,)."""
        return np.concatenate([self.pt_lr, self.cpt_lr])

    @property
    def steps(self) -> int:
        """Steps of both phases."""
        return self.pt_lr.size + self.cpt_lr.size

    @property
    def is_cpt(self) -> bool:
        """Whether its last phase is a CPT."""
        return self.cpt_lr.size > 0

    @property
    def has_base(self) -> bool:
        """Whether there was a pre-training, be it one that nobody knows."""
        return self.pt_lr.size > 0 or self.unknown_base is not None

    @property
    def phase_lr(self) -> FloatArray:
        """LR of every step of its last phase."""
        return self.cpt_lr if self.is_cpt else self.pt_lr

    @property
    def phase_start(self) -> int:
        """The step after which its last phase begins."""
        return self.pt_lr.size if self.is_cpt else 0

    @property
    def tokens_a_parameter(self) -> float | None:
        """Tokens of the pre-training for each parameter; None where that is not known."""
        if self.pt_tokens is None or not self.model_size:
            return None
        return self.pt_tokens / self.model_size

    @property
    def last_lr(self) -> float:
        """LR of the last step, 0 if there is none."""
        return self.known_lr or 0.0

    @property
    def known_lr(self) -> float | None:
        """LR of the last step; None where there is none, or in an open model, which tells none."""
        return float(self.phase_lr[-1]) if self.phase_lr.size else None


def _steps_of(run: Run) -> float | None:
    """Steps that a CPT's distinct D_cpt tokens last for, without replay."""
    if run.domain_tokens is None or run.batch_tokens is None:
        return None
    return run.domain_tokens / run.batch_tokens
