"""What a person sees while runs go on: a bar with the time left, speed and losses."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cptlaw.bar import APART, bar, clock, rewrite

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Node
    from cptlaw.lab.pace import Pace


class Progress:
    """What is done of a run and what is left, to standard error.

    On a terminal one line is rewritten at each logged step; elsewhere there is one every five
    seconds, and one at the end.

    Args:
        node: the run.
        number: which of the sweep's runs it is, from 1.
        total: runs of the sweep.
        later: tokens of the sweep's runs after it.
        pace: knows how fast it goes; left out, the clock between two steps does.
    """

    def __init__(
        self,
        node: Node,
        number: int = 1,
        total: int = 1,
        later: float = 0.0,
        pace: Pace | None = None,
    ) -> None:
        self.node, self.number, self.total, self.later = node, number, total, later
        self.pace = pace
        self.begun: tuple[float, int] | None = None
        self.told = -APART

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
            rewrite(self._line(step, now, losses), end)
        elif "train_loss" not in losses and (now - self.told >= APART or step == self.node.steps):
            self.told = now
            print(self._line(step, now, losses), file=sys.stderr, flush=True)

    def _line(self, step: int, now: float, losses: Mapping[str, float]) -> str:
        assert self.begun is not None
        which = f"run {self.number} of {self.total}, " if self.total > 1 else ""
        drawn = bar(step / max(self.node.steps, 1))
        parts = [f"{drawn} {which}{self.node.name}: step {step:,} of {self.node.steps:,}"]
        spent, done = now - self.begun[0], step - self.begun[1]
        started = 0.0 if self.pace is None else self.pace.start_seconds
        if done and spent > 0 and started is not None:
            speed = done * self.node.batch_tokens / max(spent - started, 1e-9)
            left = (self.node.steps - step) * self.node.batch_tokens / speed
            parts += _left(left, left + self.later / speed)
            each = None if self.pace is None else self.pace.step_seconds
            speed = speed if each is None else self.node.batch_tokens / each
            parts.append(f"{speed:,.0f} tokens/s")
            parts += [f"{clock(started)} to start"] if started >= 1 else []
        shown = {k: v for k, v in losses.items() if k != "train_loss"}
        names = {k: k.removeprefix("eval_").removesuffix("_loss") for k in shown}
        parts += [f"{names[k].replace('loss', 'train')} {v:.4f}" for k, v in shown.items()]
        return "  ".join(parts)


class Making:
    """What a person sees while tokens are made: how many, how fast, and the time left.

    Args:
        name: of the text.
        most: tokens wanted, None where all are.
    """

    def __init__(self, name: str, most: float | None) -> None:
        self.name, self.most = name, most
        self.begun: tuple[float, int] | None = None
        self.shown = time.monotonic()

    def __call__(self, tokens: int) -> None:
        """Show how many there are: at once on a terminal, else every few seconds."""
        now, shows = time.monotonic(), sys.stderr.isatty()
        if self.begun is None:
            self.begun = now, tokens
        elif shows:
            rewrite(self._line(tokens, now))
        elif now - self.shown >= APART:
            self.shown = now
            print(self._line(tokens, now), file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away from a terminal, before anything else is written."""
        if sys.stderr.isatty():
            rewrite("")

    def _line(self, tokens: int, now: float) -> str:
        assert self.begun is not None
        rate = (tokens - self.begun[1]) / max(now - self.begun[0], 1e-3)
        of = "" if self.most is None else f" of {self.most:,.0f}"
        line = f"{self.name}: {tokens:,}{of} tokens made, {rate:,.0f} tokens/s"
        if self.most is None or rate <= 0:
            return line
        return f"{line}, {clock((self.most - tokens) / rate)} left"


def _left(run: float, every: float) -> list[str]:
    """The seconds left of a run, and of all runs of its sweep, in words."""
    if not run:
        return [f"{clock(every)} left in all"] if every else []
    in_all = f", {clock(every)} in all" if every > run else ""
    return [f"{clock(run)} left{in_all}"]


def told(message: str) -> None:
    """Say something where there is no command line that does, to standard error."""
    print(message, file=sys.stderr, flush=True)
