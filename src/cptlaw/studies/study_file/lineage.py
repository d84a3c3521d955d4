"""Which log goes on from which, judged by step numbers and losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study_file.numbering import FAR, logged_steps, meets, spacing

OTHER_LR = 0.03  # what an LR off by 1 % or more weighs against a gap in log losses


@dataclass(frozen=True)
class Link:
    """Where one log starts.

    Args:
        after: index of the log it goes on from, None for a root.
        at: the step number of that log it starts from, as that log counts.
        number: this log's own step number at its start.
        why: the evidence, a clause.
        sure: whether `at` is known; else it is only likely.
    """

    after: int | None = None
    at: int = 0
    number: int = 0
    why: str = ""
    sure: bool = True


def links(logs: Sequence[Run]) -> list[Link]:
    """How each of the logs starts, in their order; there is no cycle.

    Args:
        logs: steps as logged, losses in at least one column each.
    """
    found: list[Link] = [Link()] * len(logs)
    order = sorted(range(len(logs)), key=lambda i: (_first(logs[i]), -_last(logs[i]), i))
    for i in order:
        for clue in (_same_row, _resumed, _row_at_zero, _numbers_go_on, _starts_low):
            link = clue(logs, i)
            if link is not None and not _leads_to(found, link.after, i):
                found[i] = link
                break
    return [_owned(link, found) for link in found]


def _owned(link: Link, found: Sequence[Link]) -> Link:
    """The link to the run that took the step `at`, where a log repeats the rows of its base."""
    while link.after is not None and link.at <= found[link.after].number:
        link = replace(link, after=found[link.after].after)
    return link


def _leads_to(found: Sequence[Link], start: int | None, goal: int) -> bool:
    """Whether following `after` from `start` comes to `goal`."""
    while start is not None:
        if start == goal:
            return True
        start = found[start].after
    return False


def measured(run: Run) -> dict[str, Curve]:
    """The validation columns of a log, or its training columns if there are none."""
    validation = {k: c for k, c in run.curves.items() if c.source == "validation"}
    return validation or dict(run.curves)


def _only_measured(run: Run) -> Run:
    return Run(run.name, curves=measured(run))


def _first(run: Run) -> int:
    return int(logged_steps(run)[0])


def _last(run: Run) -> int:
    return int(logged_steps(run)[-1])


def _same_row(logs: Sequence[Run], i: int) -> Link | None:
    """Its first row repeats the row of an earlier log at the same step number."""
    log, step = _only_measured(logs[i]), _first(logs[i])
    if step <= spacing(logged_steps(logs[i])):
        return None
    for j, other in enumerate(logs):
        if _first(other) < step <= _last(other) and meets(log, _only_measured(other), step, step):
            return Link(j, step, step, f"its first row, step {step}, has that run's losses there")
    return None


def _resumed(logs: Sequence[Run], i: int) -> Link | None:
    """It begins with the rows of another log, then leaves it."""
    last = _last(logs[i])
    best: tuple[int, bool, int] | None = None
    for j, other in enumerate(logs):
        step = _parting(logs[i], other) if i != j else 0
        ends, older = step == _last(other), (_last(other), -j) > (last, -i)
        if 0 < step < last and (ends or older):
            best = max(best or (0, False, 0), (step, ends, j))
    if best is None:
        return None
    return Link(best[2], best[0], best[0], f"up to step {best[0]} it repeats that run's rows")


def _parting(log: Run, other: Run) -> int:
    """The last step up to which all losses of two logs are equal; 0 for fewer than three rows."""
    parts, equal = np.inf, np.empty(0, dtype=np.int64)
    for column in log.curves.keys() & other.curves.keys():
        mine, theirs = log.curves[column], other.curves[column]
        common, i, j = np.intersect1d(mine.steps, theirs.steps, return_indices=True)
        same = np.isclose(mine.loss[i], theirs.loss[j], rtol=1e-6, atol=0)
        parts = min([parts, *common[~same].tolist()])
        equal = np.union1d(equal, common[same])
    equal = equal[equal < parts]
    return int(equal[-1]) if equal.size > 2 else 0


def _row_at_zero(logs: Sequence[Run], i: int) -> Link | None:
    """It counts from 0, and its row at 0 repeats a later row of another log."""
    start = {k: float(c.loss[0]) for k, c in measured(logs[i]).items() if c.steps[0] == 0}
    for j, other in enumerate(logs):
        shared = [(measured(other)[k], loss) for k, loss in start.items() if k in measured(other)]
        if i == j or not shared:
            continue
        rows = [c.steps[np.isclose(c.loss, loss, rtol=1e-6, atol=0)] for c, loss in shared]
        steps = reduce(np.intersect1d, rows)
        steps = steps[steps > _first(other)]
        # One column alone may come to the same value by chance, but hardly at the very end.
        if steps.size and (len(shared) > 1 or steps[-1] == shared[0][0].steps[-1]):
            step = int(steps[-1])
            return Link(j, step, 0, f"its row at 0 has that run's losses at step {step}")
    return None


def _numbers_go_on(logs: Sequence[Run], i: int) -> Link | None:
    """Its step numbers begin within or just after those of another log."""
    step, apart = _first(logs[i]), spacing(logged_steps(logs[i]))
    if step <= apart:
        return None
    fits = [
        (_gap(measured(logs[i]), measured(other), step) + _lr_gap(logs[i], other), j)
        for j, other in enumerate(logs)
        if _first(other) < step - apart and step - FAR * apart <= _last(other)
    ]
    if not fits:
        return None
    j = min(fits)[1]
    at = _last(logs[j]) if _last(logs[j]) <= step else step - apart
    return Link(j, at, at, f"its step numbers begin at {step}, where that run has been")


def _gap(log: dict[str, Curve], other: dict[str, Curve], step: int) -> float:
    """Mean distance (log ratio) of the first losses of `log` from those of `other` at `step`."""
    gaps = [
        abs(np.log(log[c].loss[0] / np.interp(step, other[c].steps, other[c].loss)))
        for c in log.keys() & other.keys()
    ]
    return float(np.mean(gaps)) if gaps else np.inf


def _lr_gap(log: Run, other: Run) -> float:
    """0 where the learning rate goes on smoothly, else as much as a small gap between losses."""
    if log.logged_lr is None or other.logged_lr is None:
        return 0.0
    step, lr = log.logged_lr.steps[0], float(log.logged_lr.lr[0])
    before = float(np.interp(step, other.logged_lr.steps, other.logged_lr.lr))
    return OTHER_LR * min(1.0, 100 * abs(lr - before) / max(lr, before, 1e-30))


def _starts_low(logs: Sequence[Run], i: int) -> Link | None:
    """It counts from 0, but its first losses are nearer another log's last than its first."""
    log, step = measured(logs[i]), _first(logs[i])
    if step > spacing(logged_steps(logs[i])):
        return None
    best: tuple[float, int] | None = None
    for j, other in enumerate(logs):
        gap = _low_start(log, measured(other)) if i != j else None
        if gap is not None and (best is None or gap < best[0]):
            best = (gap, j)
    if best is None:
        return None
    end = _last(logs[best[1]])
    why = f"its first losses are near that run's last, at step {end}"
    return Link(best[1], end, 0, why, sure=False)


def _low_start(log: dict[str, Curve], other: dict[str, Curve]) -> float | None:
    """How far the first losses lie from the other's last (log ratio), None unless nearer that."""
    to_end: list[float] = []
    to_same: list[float] = []
    for column in log.keys() & other.keys():
        mine, theirs = log[column], other[column]
        step, loss = int(mine.steps[0]), float(mine.loss[0])
        begins = theirs.steps[0] <= max(step, FAR * spacing(theirs.steps))
        if begins and step < theirs.steps[-1]:
            same = float(np.interp(step, theirs.steps, theirs.loss))
            to_same.append(np.log(same / loss))
            to_end.append(np.log(loss / float(theirs.loss[-1])))
    if not to_same or np.mean(to_same) <= max(abs(np.mean(to_end)), 0.05):
        return None
    return float(abs(np.mean(to_end)))
