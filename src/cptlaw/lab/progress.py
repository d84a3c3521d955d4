"""What a person sees while runs go on: a bar with the time left, speed and losses."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Node
    from cptlaw.lab.pace import Pace


_WIDTH = 20  # characters of the bar
_APART = 5.0  # seconds between lines where there is no terminal
_ANEW = "\r\x1b[K"  # a terminal writes the line anew


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
        self.told = -_APART

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
            sys.stderr.write(f"{_ANEW}{self._line(step, now, losses)[: _room()]}{end}")
            sys.stderr.flush()
        elif "train_loss" not in losses and (now - self.told >= _APART or step == self.node.steps):
            self.told = now
            print(self._line(step, now, losses), file=sys.stderr, flush=True)

    def _line(self, step: int, now: float, losses: Mapping[str, float]) -> str:
        assert self.begun is not None
        filled = round(_WIDTH * step / max(self.node.steps, 1))
        bar = "#" * filled + "-" * (_WIDTH - filled)
        which = f"run {self.number} of {self.total}, " if self.total > 1 else ""
        parts = [f"[{bar}] {which}{self.node.name}: step {step:,} of {self.node.steps:,}"]
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
        elif shows or now - self.shown >= _APART:
            self.shown = now
            start, end = (_ANEW, "") if shows else ("", "\n")
            sys.stderr.write(f"{start}{self._line(tokens, now)[: _room()]}{end}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away from a terminal, before anything else is written."""
        if sys.stderr.isatty():
            sys.stderr.write(_ANEW)
            sys.stderr.flush()

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


def _room() -> int:
    """Characters of a line that can be rewritten in place: one that wraps cannot."""
    try:
        return max(os.get_terminal_size(sys.stderr.fileno()).columns - 1, 20)
    except (OSError, ValueError):  # a terminal that does not say
        return 98


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
