"""A framework's schedule as phases of its own counter, laid on the steps of a run.

Frameworks count steps from 0 or 1, begin a shape at its start or one step into it, and may end a
phase between two steps. A phase says where it ends on the framework's counter; `laid` finds
which steps lie in it and makes a segment of them that has the framework's value at every step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cptlaw.errors import DataError
from cptlaw.schedules.segment import Segment, merged

_NEAR = 1e-9  # of a step: what rounding may move the end of a phase by


@dataclass(frozen=True)
class Phase:
    """One stretch of a framework's schedule.

    Args:
        kind: of the segment.
        end: where it ends on the framework's counter.
        start_lr: LR at its begin.
        end_lr: LR at its end, or the limit of an "inverse".
        begin: where its shape begins, if not where the phase before ends.
        shape_end: where its shape would end, if not at `end`.
        jumps: whether the step at its very end has the next phase's LR.
        power: as a segment has it.
        timescale: as a segment has it.
        ratio: as a segment has it.
    """

    kind: str
    end: float
    start_lr: float
    end_lr: float
    begin: float | None = None
    shape_end: float | None = None
    jumps: bool = False
    power: float = 1.0
    timescale: float = 0.0
    ratio: float = 0.0


def laid(phases: Sequence[Phase], steps: int, counter: float = 0.0) -> list[Segment]:
    """Segments with the LR of every step of a run.

    Args:
        phases: in order; after the last of them its last LR is held.
        steps: of the run.
        counter: the framework's counter at the run's first step.

    Raises:
        DataError: no steps.
    """
    if steps < 1:
        raise DataError(f"steps = {steps}: a run has 1 step or more.")
    found: list[Segment] = []
    at, done = 0.0, 0
    for phase in phases:
        begin = at if phase.begin is None else phase.begin
        upto = min(_last_step(phase, counter), steps)
        if upto > done:
            found += _segments(phase, begin, counter + done, upto - done)
            done = upto
        at = phase.end
    if done < steps:
        found.append(level(steps - done, phases[-1].end_lr))
    return merged(found)


def _last_step(phase: Phase, counter: float) -> int:
    """The last step of the run whose counter lies in the phase."""
    if math.isinf(phase.end):
        return 2**62
    last = phase.end - counter + 1.0
    return math.ceil(last - _NEAR) - 1 if phase.jumps else math.floor(last + _NEAR)


def _segments(phase: Phase, begin: float, at: float, count: int) -> list[Segment]:
    """The steps whose counters are at, at + 1, ... of a phase that begins at `begin`."""
    if phase.kind == "constant":
        return [level(count, phase.end_lr)]
    first, head = at - begin, list[Segment]()
    if abs(first) < _NEAR:  # the LR before its first step is that of a step here
        head, first, count = [level(1, phase.start_lr)], 1.0, count - 1
    if not count:
        return head
    shape_end = phase.end if phase.shape_end is None else phase.shape_end
    length = shape_end - begin if math.isfinite(shape_end) else float(count)
    first, length = _whole(first), _whole(length)
    length = max(length, first - 1.0 + count if phase.timescale else length)
    is_all = count == length and first == 1.0
    segment = Segment(
        _named(phase),
        length,
        phase.start_lr,
        phase.end_lr,
        power=phase.power,
        timescale=phase.timescale,
        until=None if is_all else count,
        ratio=phase.ratio,
        first=first,
    )
    return [*head, segment]


def _whole(value: float) -> float:
    """A number that rounding has moved off a whole one, mended."""
    return float(round(value)) if abs(value - round(value)) < _NEAR else value


def _named(phase: Phase) -> str:
    is_rise = phase.kind == "linear" and phase.end_lr >= phase.start_lr
    return "warmup" if is_rise else phase.kind


def level(steps: int, lr: float) -> Segment:
    """A segment at one LR."""
    return Segment("constant", steps, lr, lr)


def warm(kind: str, steps: float, start_lr: float, peak: float, power: float = 1.0) -> list[Phase]:
    """A warm-up phase from counter 0; none where it has no steps."""
    return [Phase(kind, steps, start_lr, peak, power=power)] if steps > 0 else []


def hold(lr: float, end: float = math.inf, *, jumps: bool = False) -> Phase:
    """A phase at one LR."""
    return Phase("constant", end, lr, lr, jumps=jumps)


def floored(segments: Sequence[Segment], floor: float) -> list[Segment]:
    """Segments whose LR is never below `floor`, once it has been there."""
    found, is_up = list[Segment](), False
    for segment in segments:
        low = segment.lr(np.arange(1, segment.run_steps + 1)) < floor
        if not is_up or segment.last >= floor:
            found.append(segment)
            is_up = is_up or segment.last >= floor
            continue
        kept = int(np.argmax(low))
        found += [segment.cut(kept)] if kept else []
        found.append(level(segment.run_steps - kept, floor))
    return merged(found)


def after(segments: Sequence[Segment], steps: int) -> list[Segment]:
    """The segments without their first `steps` steps."""
    found: list[Segment] = []
    for segment in segments:
        drop = min(steps, segment.run_steps)
        steps -= drop
        if drop == segment.run_steps:
            continue
        left = segment.run_steps - drop
        is_flat = segment.kind == "constant"
        found.append(
            replace(segment, steps=left)
            if is_flat
            else replace(segment, first=segment.first + drop, until=left)
            if drop
            else segment
        )
    return found
