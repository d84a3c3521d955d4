"""What is wrong with one run, judged by its losses and learning rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.page import number
from cptlaw.studies.faults import shapes
from cptlaw.studies.faults.units import GUESS, LARGEST_PERPLEXITY, not_in_nats
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.runs import Curve, Run

Kind: TypeAlias = Literal["diverged", "jump", "perplexity", "no LR"]
_SMOOTH = 1.2  # factor between learning rates of two rows that is no change of plan
_AS_IF_NEW = 3.0  # times its lowest: more than a domain is ever forgotten by


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a run.

    Args:
        kind: what it is.
        sentence: the same in words, without the name of the run and without its end.
        columns: what it is about.
        first: the step from which losses are not those of training; None for all.
        last: the step from which they are again; None where they never are.
    """

    kind: Kind
    sentence: str
    columns: tuple[str, ...]
    first: int | None = None
    last: int | None = None

    def good(self, steps: IntArray) -> BoolArray:
        """Which steps, shape (n,), it leaves."""
        if self.first is None:
            return np.zeros(steps.size, dtype=np.bool_)
        after = np.zeros(steps.size, bool) if self.last is None else steps >= self.last
        return (steps < self.first) | after


def faults_of(run: Run) -> tuple[Fault, ...]:
    """What is wrong with a run, whatever others of its study are like."""
    if not run.curves:
        return ()
    odd = not_in_nats(run.curves)
    rest = replace(run, curves={n: c for n, c in run.curves.items() if n not in odd})
    found = [_units(run, odd)] if odd else []
    found += _diverged(rest) or _jumps(rest)
    return (*found, *_no_lr(run))


def _units(run: Run, odd: Mapping[str, str]) -> Fault:
    """Columns that are perplexities, or something else that is no loss in nats."""
    name, why = next(iter(odd.items()))
    end = float(run.curves[name].loss[-1])
    at = int(run.curves[name].steps[-1]) + run.first_step
    words = (
        f"{quoted(odd)}: not in nats per token, since '{name}' is {number(end)} at step {at}, {why}"
    )
    if end < LARGEST_PERPLEXITY:
        words += f"; of a perplexity the natural logarithm, here {number(np.log(end))}, is the loss"
    return Fault("perplexity", words, tuple(odd))


def _no_lr(run: Run) -> list[Fault]:
    """The fault of a run whose learning rate is 0 at every step."""
    said = run.schedule.peak if run.schedule is not None else None
    if said is None and run.logged_lr is not None:
        said = float(run.logged_lr.lr.max())
    if said != 0:
        return []
    name, curve = next(iter(run.curves.items()))
    words = (
        f"the learning rate is 0 at every step, yet '{name}' goes from {number(curve.loss[0])} to "
        f"{number(curve.loss[-1])} at step {int(curve.steps[-1]) + run.first_step}"
    )
    return [Fault("no LR", words, tuple(run.curves))]


# --- it diverges ------------------------------------------------------------------------------


def _diverged(run: Run) -> list[Fault]:
    """The fault of a run whose loss rises far above its earlier values, or to inf or nan."""
    rises = {name: shapes.lasting_rise(curve.loss) for name, curve in _long(run).items()}
    telling = _that_tell(run, rises)
    columns = tuple(run.curves)
    if telling:
        name = min(telling, key=lambda n: _step(run, n, telling[n].row))
        rise, step = telling[name], min(_step(run, n, telling[n].row) for n in telling)
        words = (
            f"diverged: '{name}' rises from {number(rise.before)} to {number(rise.after)} from "
            "step "
            f"{step + run.first_step} on and stays there"
        )
        if run.diverged is not None:
            words += f", and is not finite from step {run.diverged + run.first_step} on"
        return [Fault("diverged", words, columns, min(step, run.diverged or step))]
    if run.diverged is not None:
        at = run.diverged + run.first_step
        words = f"diverged: its losses are not finite, or 0, from step {at} on"
        return [Fault("diverged", words, columns, run.diverged)]
    return _stuck(run)


def _that_tell(run: Run, rises: Mapping[str, shapes.Rise | None]) -> dict[str, shapes.Rise]:
    """The rises that are those of a run that diverges; none if it is forgetting, or a jump.

    Forgetting raises losses on data that are not trained on, from the start; where the training
    loss is known it tells, and otherwise all others must rise, not all of them from the start.
    """
    found = {name: rise for name, rise in rises.items() if rise is not None}
    trained = [name for name in rises if run.curves[name].source == "training"]
    others = [name for name in rises if name not in trained]
    if not found or not all(name in found for name in trained):
        return {}
    if others and not trained and not all(name in found for name in others):
        return {}
    if others and 2 * sum(name in found for name in others) < len(others):
        return {}
    by_itself = any(
        not rise.at_start or name in trained or rise.after > _AS_IF_NEW * rise.before
        for name, rise in found.items()
    )
    told = {name: found[name] for name in trained or found}
    told = {name: rise for name, rise in told.items() if not rise.at_start} or told
    summed = not any(name in found and not found[name].at_start for name in others)
    jumped = [_a_jump(run, name, rise.row, summed) for name, rise in told.items()]
    return told if by_itself and not all(jumped) else {}


def _a_jump(run: Run, name: str, row: int, summed: bool) -> bool:
    """Whether the rise in that row is a step that is made good again, or one to sums.

    Sums taken for means are those of training, validation losses stay as they were; or they lie
    above any loss.
    """
    jump = shapes.jump_up(run.curves[name].loss)
    if jump is None or abs(jump.row - row) > 1:
        return False
    of_training = run.curves[name].source == "training" and summed
    return jump.falls_again or (jump.factor is not None and (of_training or jump.after > GUESS))


def _stuck(run: Run) -> list[Fault]:
    """The fault of a run from scratch that learns nothing."""
    long = _long(run)
    if run.after is not None or not long or _still_warming_up(run, next(iter(long.values()))):
        return []
    if not all(_from_scratch(c) and shapes.never_learns(c.loss) for c in long.values()):
        return []
    name, curve = next(iter(long.items()))
    words = (
        f"never learns: '{name}' is {number(curve.loss[0])} at first and "
        f"{number(curve.loss[-1])} at "
    )
    words += f"step {int(curve.steps[-1]) + run.first_step}"
    return [Fault("diverged", words, tuple(run.curves), int(curve.steps[0]))]


def _still_warming_up(run: Run, curve: Curve) -> bool:
    """Whether the learning rate rises to the end of a curve."""
    lr = _lr_at(run, curve.steps[[curve.steps.size // 2, -1]].astype(float))
    return lr is not None and lr[1] > _SMOOTH * lr[0]


def _from_scratch(curve: Curve) -> bool:
    """Whether a curve begins where training begins."""
    return bool(curve.steps[0] <= np.diff(curve.steps).max())


# --- it jumps ---------------------------------------------------------------------------------


def _jumps(run: Run) -> list[Fault]:
    """Steps of a training loss; of the others where all of them step at once."""
    found = {
        name: jump
        for name, curve in _long(run).items()
        if (jump := shapes.jump_up(curve.loss)) is not None and _lr_goes_on(run, curve, jump.row)
    }
    trained = {n: j for n, j in found.items() if run.curves[n].source == "training"}
    others = [n for n, c in _long(run).items() if c.source == "validation"]
    together = {n: found[n] for n in others if n in found} if set(others) <= set(found) else {}
    return [_jump(run, n, jump) for n, jump in {**trained, **together}.items()]


def _jump(run: Run, name: str, jump: shapes.Jump) -> Fault:
    curve = run.curves[name]
    before, step = curve.steps[jump.row - 1 : jump.row + 1].tolist()
    words = (
        f"'{name}' jumps from {number(curve.loss[jump.row - 1])} at step "
        f"{before + run.first_step} to "
        f"{number(curve.loss[jump.row])} at step {step + run.first_step}, while the learning "
        "rate goes "
        "on smoothly: "
    )
    if jump.factor is not None:
        words += f"{jump.factor} times as much, a sum where it was a mean before"
    else:
        words += "a restart that lost something, or other data"
    last = None if jump.back is None or jump.factor else int(curve.steps[jump.back])
    return Fault("jump", words, (name,), step, last)


def _lr_goes_on(run: Run, curve: Curve, row: int) -> bool:
    """Whether the learning rate is about the same on both sides of a row."""
    lr = _lr_at(run, curve.steps[row - 1 : row + 1].astype(float))
    return lr is None or (lr.min() > 0 and lr[1] < _SMOOTH * lr[0])


def _lr_at(run: Run, steps: FloatArray) -> FloatArray | None:
    """The learning rates at some steps; None where nobody says."""
    if run.schedule is not None:
        return run.schedule.lr(np.maximum(steps, 1).astype(np.int64))
    if run.logged_lr is None:
        return None
    return np.interp(steps, run.logged_lr.steps, run.logged_lr.lr)


# --- shared -----------------------------------------------------------------------------------


def _long(run: Run) -> dict[str, Curve]:
    """The curves that have enough points to be judged."""
    return {name: curve for name, curve in run.curves.items() if len(curve) > 3}


def _step(run: Run, name: str, row: int) -> int:
    return int(run.curves[name].steps[row])


def good_part(run: Run) -> Run:
    """The run as it was before it diverged, and without what jumped."""
    curves = dict(run.curves)
    for fault in faults_of(run):
        if fault.first is not None:
            for name in fault.columns:
                good = fault.good(curves[name].steps)
                if good.any():
                    curves[name] = curves[name].only(good)
    return replace(run, curves=curves)
