"""Which runs are CPT, and which columns measure D_pt and D_cpt, judged by their losses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError, suggestion
from cptlaw.studies.runs import Curve, Data, Run
from cptlaw.studies.study_file.lineage import Link, measured
from cptlaw.studies.study_file.numbering import loss_at

RISE = 0.01  # of the loss at transfer: more than the noise between evaluations
APART = 0.05  # how far the domains of a CPT run come apart, of their losses at transfer
_PT_WORDS = {"pt", "pretrain", "pretraining", "general", "web", "c4", "pile", "slimpajama"}
_PT_WORDS |= {"fineweb", "redpajama", "dolma", "dclm", "commoncrawl", "cc", "openwebtext"}


@dataclass(frozen=True)
class Roles:
    """What the columns measure: role -> column, role -> why, and what else there is to tell."""

    domains: Mapping[str, str]
    why: Mapping[str, str]
    notes: tuple[str, ...] = ()


def changes(run: Run, link: Link, logs: Sequence[Run]) -> dict[str, FloatArray]:
    """Relative change of every measured column since the run's start, shape (rows,) each."""
    base = logs[link.after] if link.after is not None and link.sure else None
    return {
        column: _smooth(curve.loss[rows] / _at_start(curve, column, link, base) - 1)
        for column, curve in measured(run).items()
        if (rows := curve.steps >= link.number).any()
    }


def _at_start(curve: Curve, column: str, link: Link, base: Run | None) -> float:
    """The loss at the run's start: its own row, else the base's, else its first row."""
    own = loss_at(curve, link.number)
    if own is None and base is not None:
        own = loss_at(base.curves.get(column), link.at)
    first = int(np.searchsorted(curve.steps, link.number))
    return float(curve.loss[first]) if own is None else own


def _smooth(values: FloatArray) -> FloatArray:
    """Mean of three neighbours, so that one noisy evaluation does not count as a rise."""
    return values if values.size < 3 else np.convolve(values, np.ones(3) / 3, mode="valid")


def data_of(
    logs: Sequence[Run],
    links: Sequence[Link],
    unknown: str | None = None,
    pt: str | None = None,
    cpt: str | None = None,
) -> list[Data]:
    """Whether each log trains on D_pt or D_cpt; what goes on from CPT data is CPT.

    Args:
        logs: the runs.
        links: how each starts.
        unknown: name of the open model that every root goes on from.
        pt: the column of D_pt, if known.
        cpt: the column of D_cpt, if known.
    """
    found: dict[int, Data] = {}

    def of(i: int) -> Data:
        if i not in found:
            link = links[i]
            if link.after is None:
                found[i] = "pt" if unknown is None else "cpt"
            elif of(link.after) == "cpt" or _parts(changes(logs[i], link, logs), pt, cpt):
                found[i] = "cpt"
            else:
                found[i] = "pt"
        return found[i]

    return [of(i) for i in range(len(logs))]


def comes_apart(log: Run) -> bool:
    """Whether the losses of a log that begins by itself come apart, as on new data."""
    change = changes(log, Link(), [log])
    return len(change) > 1 and _parts(change, None, None)


def _parts(change: Mapping[str, FloatArray], pt: str | None, cpt: str | None) -> bool:
    """Whether losses come apart as new data makes them: one rises, another falls or stays."""
    rises = {column: float(c.max()) for column, c in change.items()}
    ends = {column: float(c[-1]) for column, c in change.items()}
    if len(ends) < 2:
        known_cpt = any(end < -RISE for column, end in ends.items() if column == cpt)
        return known_cpt or any(r > RISE for column, r in rises.items() if column != cpt)
    high = pt if pt in ends else max(ends, key=lambda c: ends[c])
    low = cpt if cpt in ends else min(ends, key=lambda c: ends[c])
    falls = pt in ends or ends[low] < -RISE
    return rises[high] > RISE and falls and ends[high] - ends[low] > APART


def roles(
    logs: Sequence[Run],
    links: Sequence[Link],
    data: Sequence[Data],
    pt: str | None = None,
    cpt: str | None = None,
) -> Roles:
    """Guess which column has which role.

    Args:
        logs: the runs.
        links: how each starts.
        data: "pt" or "cpt" for each.
        pt: the column of D_pt, if known.
        cpt: the column of D_cpt, if known.

    Raises:
        DataError: a column that no log has, or the same for both.
    """
    known = sorted({column for run in logs for column in run.curves})
    for role, column in (("pt", pt), ("cpt", cpt)):
        if column is not None and column not in known:
            raise DataError(f"{role} = '{column}': no log has it. {suggestion(column, known)}")
    if pt is not None and pt == cpt:
        raise DataError(f"'{pt}' cannot be the column of both pt and cpt.")
    telling = [i for i, kind in enumerate(data) if kind == "cpt"]
    columns, notes = _shared(logs, telling or range(len(logs)))
    given = {role: column for role, column in (("pt", pt), ("cpt", cpt)) if column is not None}
    if telling:
        total = _mean_changes([changes(logs[i], links[i], logs) for i in telling], columns)
        domains, why = _cpt_roles(logs, columns, total, given)
    else:
        first = pt or cpt or columns[0]
        domains, why = {"loss": first}, {"loss": "the first column of those that were measured"}
        notes.append("No CPT run was found, so this is a study of pre-training alone.")
    rest = [column for column in columns if column not in domains.values()]
    return Roles(domains | ood(rest), why, tuple(notes))


def _shared(logs: Sequence[Run], telling: Sequence[int]) -> tuple[list[str], list[str]]:
    """The measured columns of all `telling` logs (of any, if they share none), and notes."""
    sets = [measured(logs[i]) for i in telling]
    columns = [c for c in sets[0] if all(c in other for other in sets)]
    every = list(dict.fromkeys(c for run in sets for c in run))
    notes: list[str] = []
    if not columns:
        notes.append("The logs share no column; give them the same names for one study.")
        columns = every
    left = [c for c in every if c not in columns]
    if left:
        notes.append(f"Columns that only some logs have were left out: {', '.join(left)}.")
    curves = [run.curves[c] for run in logs for c in columns if c in run.curves]
    if any(curve.source == "training" for curve in curves):
        notes.append(
            "There is no validation loss, so a training loss is used. It is measured on what "
            "each run trains on, not on one fixed set: on a CPT run and its base it is not one "
            "domain."
        )
    return columns, notes


def _mean_changes(
    each: Sequence[Mapping[str, FloatArray]], columns: Sequence[str]
) -> dict[str, float]:
    """Mean relative change from start to end, by column."""
    ends = {c: [float(run[c][-1]) for run in each if c in run] for c in columns}
    return {c: float(np.mean(values)) if values else 0.0 for c, values in ends.items()}


def _cpt_roles(
    logs: Sequence[Run],
    columns: Sequence[str],
    total: Mapping[str, float],
    given: Mapping[str, str],
) -> tuple[dict[str, str], dict[str, str]]:
    domains, why = dict(given), dict.fromkeys(given, "as given")
    left = [c for c in columns if c not in domains.values()]
    if "cpt" not in domains and left:
        falls = min(left, key=lambda c: total[c])
        own = _is_training(logs, falls)
        if len(columns) > 1 or "pt" in domains or total[falls] < 0 or own:
            domains["cpt"] = falls
            why["cpt"] = f"falls most along the CPT runs ({total[falls]:+.1%})"
            if own and total[falls] >= 0:
                why["cpt"] = "the loss of what is trained on"
            left.remove(falls)
    rising = [c for c in left if total[c] > 0 and not _is_training(logs, c)]
    if "pt" not in domains and rising:
        domains["pt"], why["pt"] = _pt_column(logs, rising, total)
    return {role: domains[role] for role in ("pt", "cpt") if role in domains}, why


def _is_training(logs: Sequence[Run], column: str) -> bool:
    return any(column in run.curves and run.curves[column].source == "training" for run in logs)


def _pt_column(
    logs: Sequence[Run], left: Sequence[str], total: Mapping[str, float]
) -> tuple[str, str]:
    """The column of D_pt: by its name among those that rise, else the one that rises most."""
    fewest = min(sum(c not in run.curves for run in logs) for c in left)
    wide = [c for c in left if sum(c not in run.curves for run in logs) == fewest]
    named = [c for c in wide if total[c] > 0 and _words(c) & _PT_WORDS]
    most = max(named or wide, key=lambda c: total[c])
    if not named:
        return most, f"rises most along the CPT runs ({total[most]:+.1%})"
    return most, f"rises along the CPT runs ({total[most]:+.1%}), and its name says so"


def _words(column: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", column.lower()))


def ood(columns: Sequence[str]) -> dict[str, str]:
    """Role ood.NAME for every other column, with NAME cut down to what tells it apart."""
    roles: dict[str, str] = {}
    for column in columns:
        words = [w for w in re.split(r"[^A-Za-z0-9]+", column) if w]
        plain = ("eval", "loss", "val", "validation", "valid", "lm", "test", "value", "ce")
        short = [w for w in words if w.lower() not in plain]
        name = "-".join(short or words) or "other"
        number = 2
        while f"ood.{name}" in roles:
            name, number = f"{name}-{number}", number + 1
        roles[f"ood.{name}"] = column
    return roles
