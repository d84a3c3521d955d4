"""Real curves replayed evaluation by evaluation, as if their runs were under way.

Runs that a fit has not seen are followed with that fit as what is known. Scored are the forecasts
of their last loss at shares of the run, and alarms: on the curves as they are, and on the same with
damage put in at 40 % of the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import CptlawError, DataError
from cptlaw.fitting.fit import fit
from cptlaw.fitting.result import Fit
from cptlaw.live.monitor import Monitor, Watching
from cptlaw.live.planned import Planned
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw_evidence.pages import Table, left_out, listed, within_width
from cptlaw_evidence.sources.loading import load
from cptlaw_evidence.sources.source import Split

T = TypeVar("T")
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)
"""Of a run that was seen when its last loss is foreseen; 0: before its first evaluation."""
DAMAGED_AT = 0.4
_EVALUATIONS = 40  # of a run; of more, so many evenly spread
_RUNS = 3  # of a split, evenly spread
_SPLITS = 5  # of a protocol, evenly spread
_FEWEST = 8  # evaluations of a run that is replayed
_ENDS = 0.97  # share of its steps at which a run's last loss is taken for its end


def _jump(size: float) -> Callable[[FloatArray], FloatArray]:
    return lambda late: np.where(late > 0, 1.0 + size, 1.0)


DAMAGES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "jumps by 2 %": _jump(0.02),
    "drifts off by 10 % to its end": lambda late: 1.0 + 0.1 * late,
    "diverges": lambda late: 1.0 + 0.02 * np.expm1(np.minimum(late * 12.0, 6.0)),
    "one evaluation 10 % off": lambda late: np.where(np.arange(late.size) == _first(late), 1.1, 1),
}
"""What becomes of a loss: factors for how far each evaluation lies between damage and end."""


def _first(late: FloatArray) -> int:
    return int(np.argmax(late > 0))


@dataclass(frozen=True)
class Replay:
    """One domain of one run, replayed.

    Args:
        source: of the curves.
        run: its name.
        role: the domain.
        ends: share -> (relative error of the last loss foreseen, half the interval's width, both
            in logarithms).
        seconds: of processor time for an evaluation.
    """

    source: str
    run: str
    role: str
    ends: Mapping[float, tuple[float, float]]
    seconds: float


@dataclass(frozen=True)
class Watched:
    """Alarms of one run: the damage ("" for none), and the share of the run at the first alarm."""

    source: str
    run: str
    damage: str
    alarm: float | None


def measure(
    protocols: Sequence[str] = (),
    data: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Replay the held-out runs of protocols.

    Args:
        protocols: names; none for all that hold out whole runs.
        data: folder of curves that do not come with the package.
        progress: is told of every protocol.

    Raises:
        DataError: an unknown protocol, broken curves, or nothing to replay.
    """
    began = time.perf_counter()
    loaded = load(protocols, data)
    replays: list[Replay] = []
    watched: list[Watched] = []
    fits: dict[tuple[str, str], Fit | None] = {}
    for protocol in loaded.protocols:
        progress(f"{protocol.name} ...")
        for split in _spread(loaded.splits[protocol.name], _SPLITS):
            own = _own(split.fitted)
            runs = _held_out(split)
            key = (protocol.source, own.fingerprint)
            if runs and key not in fits:
                fits[key] = _fitted(own)
            known = fits.get(key)
            if known is None:
                continue
            for name in runs:
                found = _followed(protocol.source, known, _own(split.study).run(name))
                replays += found[0]
                watched += found[1]
    if not replays:
        raise DataError("these protocols hold out no whole run that was measured to its end.")
    found = _shape(replays, watched, time.perf_counter() - began)
    return {**found, "left_out": list(loaded.left_out)}


def _own(study: Study) -> Study:
    """Without out-of-domain sets, which are sums of the others."""
    domains = {role: c for role, c in study.domains.items() if not role.startswith("ood.")}
    return replace(study, domains=domains)


def _fitted(study: Study) -> Fit | None:
    try:
        return fit(study)
    except CptlawError:
        return None


def _held_out(split: Split) -> list[str]:
    """Runs of a split that are held out whole and measured to their end."""
    whole = [name for name, last in split.scored.items() if last <= 0]
    columns = set(split.study.domains.values())
    fine = [n for n in whole if _is_whole(split.study.run(n), columns)]
    return _spread(fine, _RUNS)


def _spread(values: Sequence[T], most: int) -> list[T]:
    """At most so many of some values, evenly spread."""
    count = len(values)
    some = np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).round().astype(int))
    return [values[int(i)] for i in some] if count else []


def _is_whole(run: Run, columns: Iterable[str]) -> bool:
    curves = [run.curves[column] for column in columns if column in run.curves]
    return bool(curves) and all(
        len(c) >= _FEWEST and c.steps[-1] >= _ENDS * run.steps and not c.is_mean for c in curves
    )


def _followed(source: str, known: Fit, run: Run) -> tuple[list[Replay], list[Watched]]:
    assert known.study is not None
    columns = known.study.domains
    curves = {role: run.curves[c] for role, c in columns.items() if c in run.curves}
    step = next(iter(curves.values())).steps
    some = np.unique(np.linspace(0, step.size - 1, min(step.size, _EVALUATIONS)).round())
    at: IntArray = step[some.astype(np.int64)]
    losses = {
        role: np.exp(np.interp(at, curve.steps, np.log(curve.loss)))
        for role, curve in curves.items()
    }
    replays, alarm = _replayed(source, known, run, at, losses)
    watched = [Watched(source, run.name, "", alarm)]
    late = (at / at[-1] - DAMAGED_AT) / (1 - DAMAGED_AT)
    for name, damage in DAMAGES.items():
        worse = {role: loss * damage(np.maximum(late, 0.0)) for role, loss in losses.items()}
        first = _replayed(source, known, run, at, worse)[1]
        watched.append(Watched(source, run.name, name, first))
    return replays, watched


def _replayed(
    source: str, known: Fit, run: Run, at: IntArray, losses: Mapping[str, FloatArray]
) -> tuple[list[Replay], float | None]:
    """Forecasts of the last losses at every share, and the share of the first alarm."""
    monitor = Monitor(known, Planned(name=run.name), watching=Watching(share=None))
    wanted = {int(np.searchsorted(at, share * at[-1], "right")) - 1: share for share in SHARES}
    ends: dict[str, dict[float, tuple[float, float]]] = {role: {} for role in losses}
    began = time.process_time()
    first = None
    for i, step in enumerate(at.tolist()):
        outlook = monitor.update(step, {role: float(loss[i]) for role, loss in losses.items()})
        off = any(alarm.kind == "off its forecast" for alarm in outlook.alarms)
        first = step / at[-1] if off and first is None else first
        for role, loss in losses.items():
            ahead = outlook.domains[role].ahead if role in outlook.domains else None
            if i in wanted and ahead is not None:
                middle, high = (
                    float(np.interp(at[-1], ahead.step, curve))
                    for curve in (ahead.loss, ahead.high)
                )
                error = float(np.log(loss[-1] / middle))
                ends[role][wanted[i]] = (error, float(np.log(high / middle)))
    seconds = (time.process_time() - began) / at.size
    return [Replay(source, run.name, r, found, seconds) for r, found in ends.items()], first


# --- what it comes to -------------------------------------------------------------------------


def _shape(replays: Sequence[Replay], watched: Sequence[Watched], seconds: float) -> dict[str, Any]:
    sources = list(dict.fromkeys(one.source for one in replays))
    return {
        "shares": [_of_share(replays, share, sources) for share in SHARES],
        "sources": [_of_source(replays, watched, source) for source in sources],
        "alarms": [_of_damage(watched, damage) for damage in ("", *DAMAGES)],
        "replays": sum(not one.damage for one in watched),
        "milliseconds": 1000 * float(np.median([one.seconds for one in replays])),
        "seconds": seconds,
    }


def _of_share(replays: Sequence[Replay], share: float, sources: Sequence[str]) -> dict[str, Any]:
    """Means over sources, each alike."""
    each = [
        np.array([one.ends[share] for one in replays if one.source == s and share in one.ends])
        for s in sources
    ]
    each = [ends for ends in each if ends.size]
    held = [float((np.abs(e[:, 0]) <= e[:, 1]).mean()) for e in each]
    return {
        "share": share,
        "curves": sum(len(e) for e in each),
        "coverage": float(np.mean(held)),
        "lowest": min(held),
        "error": float(np.mean([np.abs(e[:, 0]).mean() for e in each])),
        "width": float(np.mean([np.median(e[:, 1]) for e in each])),
    }


def _of_source(
    replays: Sequence[Replay], watched: Sequence[Watched], source: str
) -> dict[str, Any]:
    mine = [one for one in replays if one.source == source]
    held = {
        share: float(np.mean([abs(e) <= w for e, w in ends]))
        for share in SHARES
        if (ends := [one.ends[share] for one in mine if share in one.ends])
    }
    healthy = [one.alarm is not None for one in watched if one.source == source and not one.damage]
    return {
        "source": source,
        "curves": len(mine),
        "coverage": {f"{share:g}": value for share, value in held.items()},
        "false_alarms": sum(healthy),
        "runs": len(healthy),
    }


def _of_damage(watched: Sequence[Watched], damage: str) -> dict[str, Any]:
    """Alarms after the damage; on healthy runs any."""
    mine = [one for one in watched if one.damage == damage]
    after = [
        one.alarm
        for one in mine
        if one.alarm is not None and (not damage or one.alarm > DAMAGED_AT)
    ]
    return {
        "damage": damage or "none",
        "runs": len(mine),
        "alarms": len(after),
        "at": float(np.median(after)) if after else None,
    }


def to_text(result: Mapping[str, Any]) -> str:
    """The tables for a terminal."""
    tables = [_share_table(result), _alarm_table(result), _source_table(result)]
    done = (
        f"  {result['replays']} runs replayed in {result['seconds']:.0f} s; an evaluation takes "
        f"{result['milliseconds']:.1f} ms of processor time."
    )
    told = listed("Left out", left_out(result))
    return "\n\n".join([*within_width(tables), *told, done])


def _share_table(result: Mapping[str, Any]) -> Table:
    rows = [
        (
            f"{100 * one['share']:g} %",
            str(one["curves"]),
            f"{100 * one['coverage']:.0f}",
            f"{100 * one['lowest']:.0f}",
            f"{100 * one['error']:.2f}",
            f"{100 * one['width']:.2f}",
        )
        for one in result["shares"]
    ]
    note = "% of the last losses in their 90 % interval; error and half width in % of the loss."
    headers = ("seen", "curves", "held", "of the worst source", "mean error", "half width")
    return Table("Last losses foreseen along held-out runs", headers, tuple(rows), note)


def _alarm_table(result: Mapping[str, Any]) -> Table:
    rows = [
        (
            one["damage"],
            str(one["runs"]),
            f"{100 * one['alarms'] / max(one['runs'], 1):.1f}",
            "-" if one["at"] is None else f"{100 * one['at']:.0f} %",
        )
        for one in result["alarms"]
    ]
    note = f"Damage from {100 * DAMAGED_AT:g} % of the run on; the alarm is 'off its forecast'."
    return Table("Alarms", ("damage", "runs", "alarm, %", "first at"), tuple(rows), note)


def _source_table(result: Mapping[str, Any]) -> Table:
    rows = [
        (
            one["source"],
            str(one["curves"]),
            *(
                "-" if f"{s:g}" not in one["coverage"] else f"{100 * one['coverage'][f'{s:g}']:.0f}"
                for s in SHARES
            ),
            f"{one['false_alarms']} of {one['runs']}",
        )
        for one in result["sources"]
    ]
    headers = ("source", "curves", *(f"{100 * s:g} %" for s in SHARES), "false alarms")
    return Table("Held, by source and share seen", headers, tuple(rows))
