"""How well intervals hold, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw_evidence.accuracy.coverage import LEVELS, Coverage, LawCoverage, Scored
from cptlaw_evidence.accuracy.tables import Table
from cptlaw_evidence.accuracy.text import _bullets, _grid, _listed, _plain

METHODS = ("intervals", "i.i.d. bootstrap", "constant width")
CLASSES: dict[str, tuple[str, ...]] = {
    "unseen schedule": (
        "multipower-three",
        "two-peaks",
        "stable-prefix-124m",
        "olmo-lengths",
        "stable-prefix-olmo",
        "grid-schedule",
        "grid-far",
        "tiny",
        "tiny-replay",
    ),
    "unseen peak": ("peak-up", "peak-down", "grid-peak"),
    "re-warmed": ("grid-rewarmed",),
    "longer horizon": ("horizon-multipower", "horizon-124m", "horizon-olmo"),
    "unseen start": ("grid-start",),
    "unseen replay share": ("grid-replay",),
    "unseen size": ("grid-size",),
    "base going on": ("grid-hidden",),
    "repeated run": ("grid-repeat",),
    "first 10, 25, 50 % of a run": ("beginning-124m", "beginning-grid"),
    "the same without other runs": ("beginning-alone-124m", "beginning-alone-grid"),
    "one run only": ("one-run-124m", "one-run-multipower", "multipower-one"),
}
"""What is new in a forecast -> the protocols that ask for it."""

_RESAMPLES = 2000
_WIDTH = 108
_NAMES = [f"{level:g}" for level in LEVELS]
_LAST = _NAMES[-1]
MEANING = (
    "Share of held-out losses within intervals of 50, 80 and 90 %, with the 95 % band of that "
    "share from resampling runs; ! the level is not in the band. Every run counts once. Width and "
    "interval score (width plus 2 / (1 - level) times the miss; lower is better) are of the 90 % "
    "interval, in % of the loss. Final: the run's last loss alone."
)
SHORT = (
    "Runs of one protocol are often forecast by one fit, and share its error: with few runs the "
    "true band is wider than the one shown. The constants are fitted without the scored source, "
    "but what the scale is made of was chosen with all of them in view."
)
RIVALS = (
    "i.i.d. bootstrap: points are resampled one by one and residuals added; constant width: the "
    "same relative width everywhere, the one that would have held on the other sources."
)


def shape(found: Coverage) -> dict[str, Any]:
    """The figures as one value for JSON."""
    return {
        "laws": [_law(law) for law in found.laws],
        "left_out": [dict(one) for one in found.left_out],
        "jobs": found.jobs,
        "seconds": found.seconds,
    }


def _law(law: LawCoverage) -> dict[str, Any]:
    def row(protocols: Iterable[str]) -> dict[str, Any] | None:
        mine = [s for s in law.scored if s.held.protocol in protocols]
        return _row(mine) if mine else None

    names = dict.fromkeys((s.held.protocol, s.held.group) for s in law.scored)
    return {
        "law": law.law,
        "calibration": asdict(law.calibration),
        "without": {group: asdict(calibration) for group, calibration in law.without.items()},
        "classes": [{"class": n, **r} for n, some in CLASSES.items() if (r := row(some))],
        "protocols": [{"protocol": n, "source": g, **(row((n,)) or {})} for n, g in names],
    }


def _row(scored: Sequence[Scored]) -> dict[str, Any]:
    """Figures over the runs of a class; every run counts once, however often it is forecast."""
    runs = list(dict.fromkeys((s.held.group, s.held.run) for s in scored))
    each = np.array(
        [
            np.mean([s.figures for s in scored if (s.held.group, s.held.run) == run], axis=0)
            for run in runs
        ]
    )
    low, high = bands(each[..., :2])
    return {
        "runs": len(runs),
        "curves": len(scored),
        "points": sum(s.held.error.size for s in scored),
        "methods": {
            method: {
                f"{level:g}": _cell(each[:, m, k].mean(axis=0), low[m, k], high[m, k])
                for k, level in enumerate(LEVELS)
            }
            for m, method in enumerate(METHODS)
        },
    }


def _cell(mean: FloatArray, low: FloatArray, high: FloatArray) -> dict[str, Any]:
    share, final, width, worth = mean.tolist()
    return {
        "coverage": share,
        "band": [float(low[0]), float(high[0])],
        "final_coverage": final,
        "final_band": [float(low[1]), float(high[1])],
        "width": width,
        "score": worth,
    }


def bands(each: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The 95 % band of a mean over runs, by resampling the runs.

    Where all runs lie within, or none, resampling says nothing; there the band is Clopper and
    Pearson's for as many trials as runs.

    Args:
        each: shares of runs, shape (runs, ...).
    """
    from scipy.stats import beta

    n = each.shape[0]
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), _RESAMPLES)
    means = np.tensordot(counts / n, each, axes=1)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    low = np.where((each >= 0.995).all(axis=0), beta.ppf(0.025, n, 1), low)
    high = np.where((each <= 0.005).all(axis=0), beta.ppf(0.975, 1, n), high)
    return low, high


def summary(classes: Iterable[dict[str, Any]], method: str) -> dict[str, Any]:
    """Over classes: how often the level lies in the band, and mean width and score by level.

    Args:
        classes: of a law's result.
        method: of `METHODS`.
    """
    rows = [row["methods"][method] for row in classes]
    found: dict[str, Any] = {"of": len(rows)}
    for level in LEVELS:
        cells = [row[f"{level:g}"] for row in rows]
        found[f"{level:g}"] = {
            "in_band": sum(c["band"][0] <= level <= c["band"][1] for c in cells),
            "below": sum(c["band"][1] < level for c in cells),
            "final_in_band": sum(c["final_band"][0] <= level <= c["final_band"][1] for c in cells),
            "final_below": sum(c["final_band"][1] < level for c in cells),
            **{
                key: float(np.mean([c[key] for c in cells]))
                for key in ("coverage", "final_coverage", "width", "score")
            },
            "typical_score": float(np.exp(np.mean([np.log(c["score"]) for c in cells]))),
        }
    return found


def to_text(result: Mapping[str, Any]) -> str:
    """The tables of every law, last what they come to."""
    parts = [part for law in result["laws"] for part in _law_text(law)]
    parts += _listed("Left out", left_out(result))
    parts += [f"  {MEANING}", f"  {RIVALS}"]
    for law in result["laws"]:
        parts.append("\n".join([f"{law['law']}:", *(f"  - {said}" for said in conclusions(law))]))
    return "\n\n".join([*parts, f"  {_effort(result)}"])


def _law_text(law: Mapping[str, Any]) -> list[str]:
    shown = (class_table(law), final_table(law), rival_table(law), protocol_table(law))
    return [_plain(part) for table in shown for part in table.in_width(_WIDTH)]


def fit_text(result: Mapping[str, Any]) -> str:
    """The constants that all sources together give, as code."""
    return "\n".join(f'"{law["law"]}": {_code(law["calibration"])},' for law in result["laws"])


def _code(calibration: Mapping[str, float]) -> str:
    return f"Calibration({', '.join(f'{value:.2g}' for value in calibration.values())})"


def to_markdown(result: Mapping[str, Any], command: str) -> str:
    """A page: for each law the classes, the rivals, every protocol.

    Args:
        result: of `shape`.
        command: that made it.
    """
    parts = [
        "# How well the intervals hold",
        f"Made by `{command}`: {_effort(result)}. Do not edit.",
        "Laws are fitted to a part of real curves; the intervals of their forecasts are "
        "calibrated on the other sources of curves, and scored on what neither has seen.",
        MEANING,
        RIVALS,
        SHORT,
        _bullets(f"{name}: {', '.join(f'`{p}`' for p in some)}" for name, some in CLASSES.items()),
        "## Left out",
        _bullets(left_out(result)) or "Nothing.",
        *(part for law in result["laws"] for part in _law_page(law)),
    ]
    return "\n\n".join(parts) + "\n"


def _law_page(law: Mapping[str, Any]) -> list[str]:
    shown = (class_table(law), final_table(law), rival_table(law), protocol_table(law))
    return [
        f"## {law['law']}",
        _bullets(conclusions(law)),
        *(f"### {table.title}\n\n{_grid(table)}" for table in shown),
        f"### {law['law']}: calibrations",
        _bullets(
            [
                f"all sources: `{_code(law['calibration'])}`",
                *(f"without `{name}`: `{_code(c)}`" for name, c in law["without"].items()),
            ]
        ),
    ]


def class_table(law: Mapping[str, Any]) -> Table:
    """Coverage at every level over all held-out points, width and score, by class."""
    headers = ("", "runs", *(f"{_percent(n)} %" for n in _NAMES), "width", "score")
    rows = [
        (row["class"], str(row["runs"]), *_shares(row, METHODS[0], ""), *_sizes(row, METHODS[0]))
        for row in law["classes"]
    ]
    return Table(f"{law['law']}: all held-out losses", headers, tuple(rows))


def final_table(law: Mapping[str, Any]) -> Table:
    """Coverage of final losses at every level, by class."""
    headers = ("", "runs", *(f"{_percent(n)} %" for n in _NAMES))
    rows = [
        (row["class"], str(row["runs"]), *_shares(row, METHODS[0], "final_"))
        for row in law["classes"]
    ]
    return Table(f"{law['law']}: final losses", headers, tuple(rows))


def rival_table(law: Mapping[str, Any]) -> Table:
    """Coverage and score of the 90 % intervals beside the rivals', by class."""
    headers = ("", *(word for method in METHODS for word in (method, "score")))
    rows: list[tuple[str, ...]] = []
    best: list[frozenset[int]] = []
    for row in law["classes"]:
        scores = [row["methods"][m][_LAST]["score"] for m in METHODS]
        cells = [(_shares(row, m, "")[-1], _sizes(row, m)[1]) for m in METHODS]
        rows.append((row["class"], *(word for pair in cells for word in pair)))
        best.append(frozenset({2 + 2 * scores.index(min(scores))}))
    title = f"{law['law']}: 90 % intervals and rivals"
    return Table(title, headers, tuple(rows), best=tuple(best))


def protocol_table(law: Mapping[str, Any]) -> Table:
    """The 90 % intervals of every protocol."""
    headers = ("", "curves of", "runs", "50 %", "80 %", "90 %", "final 90 %", "width", "score")
    rows = [
        (
            row["protocol"],
            row["source"],
            str(row["runs"]),
            *_shares(row, METHODS[0], ""),
            _shares(row, METHODS[0], "final_")[-1],
            *_sizes(row, METHODS[0]),
        )
        for row in law["protocols"]
    ]
    return Table(f"{law['law']}: by protocol", headers, tuple(rows))


def conclusions(law: Mapping[str, Any]) -> list[str]:
    """A sentence for each method: how often its levels hold, and its score."""
    return [_conclusion(summary(law["classes"], method), method) for method in METHODS]


def _conclusion(found: Mapping[str, Any], method: str) -> str:
    within = ", ".join(f"{found[n]['in_band']} at {_percent(n)} %" for n in _NAMES)
    final = ", ".join(f"{found[n]['final_in_band']} at {_percent(n)} %" for n in _NAMES)
    shares = "/".join(f"{100 * found[n]['coverage']:.0f}" for n in _NAMES)
    last = found[_LAST]
    return (
        f"{method}: the level is in the band in {within} of {found['of']} classes "
        f"(final losses: {final}); of 90 % intervals {last['below']} are too narrow "
        f"(final: {last['final_below']}); mean coverage {shares} %, mean width "
        f"{last['width']:.2f} %, mean interval score {last['score']:.2f} % (geometric mean "
        f"{last['typical_score']:.2f} %)"
    )


def left_out(result: Mapping[str, Any]) -> list[str]:
    """Sentences: what was not scored, and why."""
    found: dict[str, list[str]] = {}
    for one in result["left_out"]:
        law = f"{one['law']} on " if "law" in one else ""
        place = law + one["protocol"]
        places = found.setdefault(one["why"], [])
        if place not in places:
            places.append(place)
    return [f"{', '.join(places)}: {why}" for why, places in found.items()]


def _shares(row: Mapping[str, Any], method: str, which: str) -> list[str]:
    """A cell for each level: share, band, and a mark where the level is not in it."""
    cells: list[str] = []
    for level in LEVELS:
        cell = row["methods"][method][f"{level:g}"]
        low, high = cell[f"{which}band"]
        mark = "" if low <= level <= high else "!"
        share = f"{100 * cell[f'{which}coverage']:.0f}"
        cells.append(f"{share} ({100 * low:.0f}-{100 * high:.0f}){mark}")
    return cells


def _sizes(row: Mapping[str, Any], method: str) -> Sequence[str]:
    cell = row["methods"][method][_LAST]
    return f"{cell['width']:.2f}", f"{cell['score']:.2f}"


def _percent(level: str) -> str:
    return f"{100 * float(level):.0f}"


def _effort(result: Mapping[str, Any]) -> str:
    jobs = f"{result['jobs']} process{'es' * (result['jobs'] != 1)}"
    laws = ", ".join(law["law"] for law in result["laws"])
    return f"{laws} in {result['seconds']:.0f} s with {jobs}"
