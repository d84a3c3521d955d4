"""How well intervals hold, as one value for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw_evidence.coverage.calibration import Scored
from cptlaw_evidence.coverage.held_out import LEVELS
from cptlaw_evidence.coverage.kinds import CLASSES
from cptlaw_evidence.coverage.measuring import Coverage, LawCoverage

METHODS = ("intervals", "i.i.d. bootstrap", "constant width")
_RESAMPLES = 2000


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

    def of_source(group: str) -> dict[str, Any]:
        return _row([s for s in law.scored if s.held.group == group])

    names = dict.fromkeys((s.held.protocol, s.held.group) for s in law.scored)
    return {
        "law": law.law,
        "calibration": asdict(law.calibration),
        "without": {group: asdict(calibration) for group, calibration in law.without.items()},
        "classes": [{"class": n, **r} for n, some in CLASSES.items() if (r := row(some))],
        "sources": [{"source": g, **of_source(g)} for g in dict.fromkeys(g for _, g in names)],
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


WANTED = {"0.5": (0.4, 0.6), "0.8": (0.7, 0.9), "0.9": (0.85, 0.95)}
"""Between what each level's share of losses is to lie."""
LEAST = 0.75
"""What 90 % intervals are to hold in every source."""


def shortfalls(law: Mapping[str, Any]) -> list[str]:
    """Where intervals hold less, or more, than wanted, a sentence for each kind and source.

    Args:
        law: of a result.
    """
    found: list[str] = []
    for row in law["classes"]:
        cells = row["methods"][METHODS[0]]
        for key, words in (("coverage", "all losses"), ("final_coverage", "final losses")):
            shares = {level: cells[level][key] for level in WANTED}
            off = [f"{100 * float(n):.0f} % hold {100 * shares[n]:.0f}" for n in _off(shares)]
            if off:
                found.append(f"{row['class']}, {words}: {', '.join(off)}.")
    for row in law["sources"]:
        share = row["methods"][METHODS[0]]["0.9"]["coverage"]
        if share < LEAST:
            found.append(f"curves {row['source']}: 90 % hold {100 * share:.0f}.")
    return found


def _off(shares: Mapping[str, float]) -> list[str]:
    return [n for n, (low, high) in WANTED.items() if not low <= round(shares[n], 2) <= high]


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
