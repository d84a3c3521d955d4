"""What a person sees while runs go on: a line with speed, losses and time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Node


class Progress:
    """A line for each logged step, to standard error; rewritten in place on a terminal.

    Args:
        node: the run.
        number: which of the sweep's runs it is, from 1.
        total: runs of the sweep.
    """

    def __init__(self, node: Node, number: int = 1, total: int = 1) -> None:
        self.node, self.number, self.total = node, number, total
        self.begun: tuple[float, int] | None = None

    def __call__(self, state: Any, losses: Mapping[str, float]) -> None:
        """Show where the run stands.

        Args:
            state: the Trainer's, with the step.
            losses: the newest, by column.
        """
        now, step = time.monotonic(), int(state.global_step)
        if self.begun is None:
            self.begun = now, step
        if sys.stderr.isatty():
            end = "\n" if "train_loss" in losses else ""
            sys.stderr.write(f"\r\x1b[K{self._line(step, now, losses)}{end}")
            sys.stderr.flush()
        elif "train_loss" not in losses:
            print(self._line(step, now, losses), file=sys.stderr, flush=True)

    def _line(self, step: int, now: float, losses: Mapping[str, float]) -> str:
        assert self.begun is not None
        which = f"[{self.number}/{self.total}] " if self.total > 1 else ""
        parts = [f"{which}{self.node.name}: step {step:,}/{self.node.steps:,}"]
        spent, done = now - self.begun[0], step - self.begun[1]
        if done and spent > 0:
            parts.append(f"{done * self.node.batch_tokens / spent:,.0f} tokens/s")
        shown = {k: v for k, v in losses.items() if k != "train_loss"}
        names = {k: k.removeprefix("eval_").removesuffix("_loss") for k in shown}
        parts += [f"{names[k].replace('loss', 'train')} {v:.4f}" for k, v in shown.items()]
        if done and spent > 0:
            parts.append(f"{clock((self.node.steps - step) * spent / done)} left")
        return "  ".join(parts)


def told(message: str) -> None:
    """Say something where there is no command line that does, to standard error."""
    print(message, file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """A length of time as people say it: 42 s, 3 min 5 s, 2 h 10 min, 4.5 days."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
    return f"{seconds / 86400:,.1f} days"
