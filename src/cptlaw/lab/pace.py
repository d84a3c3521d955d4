"""How fast a run goes once it goes: its first steps, in which models are compiled, told apart."""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback

_FIRST = 2  # steps in which compiling and the first use of memory fall


class Pace(TrainerCallback):
    """Measures the steps of a run, without evaluations and checkpoints, the first ones apart."""

    def __init__(self) -> None:
        self.steps = 0
        self.seconds = 0.0
        self.first_seconds = 0.0
        self.evaluations: list[float] = []
        self._done = 0
        self._since = time.monotonic()

    @property
    def step_seconds(self) -> float | None:
        """Of a step after the first ones; None before there is any."""
        return self.seconds / self.steps if self.steps else None

    @property
    def evaluation_seconds(self) -> float | None:
        """Of an evaluation after the first; None before there is any."""
        later = self.evaluations[1:]
        return sum(later) / len(later) if later else None

    @property
    def start_seconds(self) -> float | None:
        """What the first steps and the first evaluation took longer than later ones: compiling."""
        if self.step_seconds is None:
            return None
        extra = self.first_seconds - min(self._done, _FIRST) * self.step_seconds
        if self.evaluations and self.evaluation_seconds is not None:
            extra += self.evaluations[0] - self.evaluation_seconds
        return max(extra, 0.0)

    def record(self, batch_tokens: int) -> dict[str, float | None]:
        """What it comes to, as plain JSON values.

        Args:
            batch_tokens: tokens a step.
        """
        each = self.step_seconds
        return {
            "tokens_per_second": None if each is None else batch_tokens / each,
            "start_seconds": self.start_seconds,
            "evaluation_seconds": self.evaluation_seconds,
        }

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The clock starts."""
        self._since = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Count a step; on a GPU, wait for it where something else follows."""
        self._done += 1
        if self._done <= _FIRST or control.should_evaluate or control.should_save:
            _wait()
        spent = self._lap()
        if self._done <= _FIRST:
            self.first_seconds += spent
        else:
            self.steps += 1
            self.seconds += spent

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A checkpoint was written."""
        self._lap()

    def evaluated(self) -> None:
        """An evaluation has come to its end."""
        self.evaluations.append(self._lap())

    def _lap(self) -> float:
        now = time.monotonic()
        spent, self._since = now - self._since, now
        return spent


def _wait() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
