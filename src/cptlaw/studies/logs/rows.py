"""Rows as they stand in a log -> a `Run`: the step that every format shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from cptlaw.arrays import IntArray, read_only
from cptlaw.errors import DataError, at, shown, suggestion
from cptlaw.page import number
from cptlaw.studies.logs import learning_rates, names
from cptlaw.studies.logs.cells import Column, numbers
from cptlaw.studies.logs.counting import Steps, counted
from cptlaw.studies.logs.habits import Habit, habit_of_table
from cptlaw.studies.logs.judging import Usable, judge
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.order import distinct, settle
from cptlaw.studies.logs.shaping import shaped
from cptlaw.studies.logs.table import Table, count_of_rows, cut, refuse_text
from cptlaw.studies.runs import Curve, Run, common_gap

_LR = "\0lr"  # the LR's key among the columns being settled; no column can have this name


def to_run(
    table: Table,
    columns: str | Iterable[str] | None = None,
    surely: Iterable[str] = (),
    lr_column: str | None = None,
    version: str = "",
) -> Run:
    """Judge columns by name and content, drop what cannot be used, and say so in the notes.

    Args:
        table: the rows of a log.
        columns: the loss columns wanted; left out, every column that may be one.
        surely: columns that are losses whatever they look like.
        lr_column: the column of the learning rate; left out, the likeliest.
        version: of the framework that wrote the log, "" if unknown.

    Raises:
        DataError: no step column, no loss, or a cell that should be a number and is not.
    """
    table = _with_habit(shaped(table), table)
    notes = list(table.notes)
    steps = counted(table, notes)
    sure = frozenset(surely)
    wanted = _asked(steps, columns) if columns is not None else _likely(steps, sure, notes)
    losses, reasons = _losses(steps, wanted, columns is not None, notes)
    doubts: dict[str, str] = {}
    if columns is None:
        losses, doubts = _judged(losses, sure, reasons)
    told = [f"{quoted(which)} left out: {reason}." for reason, which in reasons.items()]
    if not losses:
        raise DataError(
            f"{table.origin}: no column holds a loss; found {quoted(table.columns)}. "
            f"{' '.join([*told, _wanted(table)])}"
        )
    notes += told
    notes += _doubted(doubts)
    _refuse_several_series(steps, losses)
    lr, groups = learning_rates.logged(steps, lr_column, notes)
    settled = _settled(steps, losses, lr, notes)
    curves = {name: _curve(name, losses[name], settled[name], steps) for name in losses}
    curves = _with_means(curves, table.habit, notes)
    logged = None
    if lr is not None:
        rows = settled[_LR]
        own = read_only(steps.values[rows]), read_only(lr.values[rows])
        logged = learning_rates.of_its_steps(*own, table.habit, version, notes)
    return Run(
        table.name,
        curves,
        logged,
        diverged=_diverged(steps, losses),
        doubts=doubts,
        lr_groups=groups,
        counts_micro_batches=steps.micro_batches,
        origin=table.origin,
        format=table.format,
        notes=tuple(notes),
    )


def _settled(
    steps: Steps, losses: Mapping[str, Usable], lr: Usable | None, notes: list[str]
) -> dict[str, IntArray]:
    """The rows that count of each column, and of the learning rate."""
    # What training itself logs comes first: it tells best where training went back.
    usable = {} if lr is None else {_LR: lr.rows}
    for name in sorted(losses, key=names.is_training, reverse=True):
        usable[name] = losses[name].rows
    settled, told = settle(steps.values, usable, steps.table.place)
    notes += [note.replace(f"'{_LR}'", "learning rate") for note in told]
    return dict(settled)


def _wanted(table: Table) -> str:
    """What is missing where no column holds a loss."""
    perplexities = [name for name in table.columns if names.is_perplexity(name)]
    if perplexities:
        return (
            f"Perplexities are no losses ({quoted(perplexities)}): write their natural logarithm."
        )
    return "Expected a column of numbers above 0, such as eval_loss."


# --- loss columns ------------------------------------------------------------------------------


def _asked(steps: Steps, columns: str | Iterable[str]) -> list[str]:
    asked = [columns] if isinstance(columns, str) else list(dict.fromkeys(columns))
    known = [name for name in steps.table.columns if name != steps.column]
    for name in asked:
        if name not in known:
            raise DataError(
                f"{steps.table.origin}: no loss column '{name}'. {suggestion(name, known)}"
            )
    return asked


def _likely(steps: Steps, surely: frozenset[str], notes: list[str]) -> list[str]:
    """The columns that may be losses by their names."""
    others = [name for name in steps.table.columns if name != steps.column]
    never = [name for name in others if names.is_never_loss(name) and name not in surely]
    told = [name for name in never if name not in names.lr_columns(others)]
    if told:
        notes.append(f"Ignored columns (not losses): {quoted(told)}.")
    return [name for name in others if name not in never]


def _losses(
    steps: Steps, wanted: list[str], asked: bool, notes: list[str]
) -> tuple[dict[str, Usable], dict[str, list[str]]]:
    """The wanted columns that hold at least one loss, and the others by what is wrong."""
    kept: dict[str, Usable] = {}
    left_out: dict[str, list[str]] = {}
    dropped: dict[str, list[str]] = {}
    for name in wanted:
        column = numbers(steps.table.columns[name])
        good = steps.known & np.isfinite(column.values) & (column.values > 0)
        reason = _why_no_loss(steps.table, name, column, asked)
        if not reason and not good.any():
            reason = "no row has both a step and a loss"
        if reason:
            left_out.setdefault(reason, []).append(name)
            continue
        kept[name] = Usable(column.values, np.flatnonzero(good))
        bad = np.flatnonzero(steps.known & column.said & ~good)
        if bad.size:
            dropped.setdefault(_dropped(bad, column, steps), []).append(name)
    notes += [f"{quoted(which)}: {sentence}" for sentence, which in dropped.items()]
    return kept, left_out


def _judged(
    losses: dict[str, Usable], surely: frozenset[str], reasons: dict[str, list[str]]
) -> tuple[dict[str, Usable], dict[str, str]]:
    """The columns whose values may be losses, and what is to be asked of some of them."""
    judgement = judge(losses)
    for name, reason in judgement.no.items():
        if name not in surely:
            reasons.setdefault(reason, []).append(name)
    kept = {n: c for n, c in losses.items() if n not in judgement.no or n in surely}
    return kept, {n: doubt for n, doubt in judgement.doubts.items() if n not in surely}


def _doubted(doubts: Mapping[str, str]) -> list[str]:
    """A sentence on each reason to doubt that columns are losses."""
    by_doubt: dict[str, list[str]] = {}
    for name, doubt in doubts.items():
        by_doubt.setdefault(doubt.rstrip("?"), []).append(name)
    return [f"May be no loss: {quoted(which)} ({doubt})." for doubt, which in by_doubt.items()]


def _diverged(steps: Steps, losses: Mapping[str, Usable]) -> int | None:
    """The step from which on no loss is finite and above 0, in two rows or more that have one."""
    last = max(int(steps.values[column.rows].max()) for column in losses.values())
    said = np.zeros(steps.values.size, dtype=np.bool_)
    for name in losses:
        said |= numbers(steps.table.columns[name]).said
    after = np.unique(steps.values[said & (steps.values > last)])
    return int(after[0]) if after.size > 1 else None


def _dropped(bad: IntArray, column: Column, steps: Steps) -> str:
    first = bad[np.argmin(steps.values[bad])]
    loss = float(column.values[first])
    return (
        f"{count_of_rows(bad.size)} dropped, whose loss is not finite or not above 0; the first is "
        f"{'nan' if np.isnan(loss) else number(loss, 6)} at step {steps.values[first]}."
    )


def _why_no_loss(table: Table, name: str, column: Column, asked: bool) -> str:
    """Why a column is not a loss curve, "" if it may be one."""
    spoken = int(np.count_nonzero(column.said))
    if not spoken and not column.texts.size:
        return "it is empty"
    if column.texts.size > spoken and not (asked and spoken):
        example = cut(table.columns[name][int(column.texts[0])])
        return f"it holds text, such as {example}"
    refuse_text(table, name, column)
    is_finite = np.isfinite(column.values)
    finite = int(np.count_nonzero(is_finite))
    positive = int(np.count_nonzero(is_finite & (column.values > 0)))
    if not finite:
        return "it holds no finite number"
    if not positive or (2 * positive < finite and not asked):
        return "most of its numbers are not above 0"
    return ""


def _refuse_several_series(steps: Steps, losses: Mapping[str, Usable]) -> None:
    """Refuse a file in which a column such as `run` or `split` tells several series apart."""
    columns = steps.table.columns
    repeating = {name: steps.values[column.rows] for name, column in losses.items()}
    repeating = {name: at for name, at in repeating.items() if distinct(at) < at.size}
    for label in columns:
        if label in losses or not names.is_series_label(label):
            continue
        for name, rows in repeating.items():
            labels = [columns[label][row] for row in losses[name].rows.tolist()]
            if len(set(zip(rows.tolist(), labels, strict=True))) == rows.size:
                raise DataError(
                    f"{steps.table.origin}: several series in one file, told apart by column "
                    f"'{label}' ({quoted(map(str, dict.fromkeys(labels)))}): '{name}' has a value "
                    f"of each at the same step. Of several runs name one: "
                    f"'{steps.table.origin}::{labels[0]}'. Write each validation set to a column "
                    "of its own."
                )


# --- curves ------------------------------------------------------------------------------------


def _curve(name: str, column: Usable, rows: IntArray, steps: Steps) -> Curve:
    source = "training" if names.is_training(name) else "validation"
    with at(f"{steps.table.origin}: column {shown(name)}"):
        return Curve(read_only(steps.values[rows]), read_only(column.values[rows]), source)


def _with_habit(shaped_: Table, before: Table) -> Table:
    """The table with what is known of its framework, told by names that shaping laid bare."""
    if before.habit.framework or set(shaped_.columns) == set(before.columns):
        return shaped_
    return replace(shaped_, habit=habit_of_table(shaped_.columns))


def _with_means(curves: Mapping[str, Curve], habit: Habit, notes: list[str]) -> dict[str, Curve]:
    """Set of what each column's values are means, and say what is taken for granted of others."""
    found = dict(curves)
    for name, curve in curves.items():
        if name in habit.averaged and curve.source == "training":
            found[name] = replace(curve, window=common_gap(curve.steps))
            notes.append(
                f"'{name}': a training loss, the mean over the steps since the row before "
                f"(window = {found[name].window}, the most common distance)."
            )
        elif name in habit.smoothed:
            found[name] = replace(curve, ema=habit.smoothed[name])
            notes.append(
                f"'{name}': a training loss, a moving average over steps as {habit.framework} "
                f"logs it (ema = {number(found[name].ema, 6)})."
            )
    told = habit.averaged | habit.smoothed.keys()
    instant = [n for n, c in found.items() if c.source == "training" and n not in told]
    if instant and habit.framework:
        notes.append(f"{quoted(instant)}: losses of single steps, as {habit.framework} logs them.")
    elif instant:
        notes.append(
            f"{quoted(instant)}: a training loss, taken as each step's own (window = 1). If it is "
            "a mean over several steps, the study keys window and ema can say so."
        )
    notes += [habit.note] if habit.note else []
    return found
