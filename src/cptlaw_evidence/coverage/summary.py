"""How well intervals hold, as one value for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw_evidence.coverage.calibration import Scored
from cptlaw_evidence.coverage.held_out import LEVELS
from cptlaw_evidence.coverage.measuring import Coverage, LawCoverage

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
        "grid-two-starts",
        "tiny-replay",
        "20m-near",
        "20m-two-starts",
        "6m-near",
        "muon-length",
        "gemstones-branches",
    ),
    "unseen peak": (
        "peak-up",
        "peak-down",
        "grid-peak",
        "grid-peak-up",
        "tiny-peak-up",
        "20m-peak-up",
        "delphi-one-peak",
        "delphi-peak",
        "delphi-peak-down",
        "gemstones-peak",
    ),
    "re-warmed": ("grid-rewarmed", "20m-rewarmed", "tiny-rewarmed"),
    "no LR drop fitted": (
        "no-drop-multipower",
        "no-drop-124m",
        "no-drop-olmo",
        "no-drop-grid",
        "no-drop-20m",
        "no-drop-tiny",
        "no-drop-gemstones",
    ),
    "longer horizon": (
        "horizon-multipower",
        "horizon-124m",
        "horizon-50k-124m",
        "horizon-olmo",
        "grid-longer",
        "20m-longer",
        "tiny-longer",
        "horizon-gemstones",
    ),
    "unseen start": ("grid-start", "20m-start"),
    "unseen replay share": ("grid-replay", "20m-replay", "delphi-replay"),
    "replay never fitted": ("grid-replay-new", "20m-replay-new", "tiny-replay-new"),
    "unseen size": ("grid-size", "20m-size", "olmo-size", "gemstones-size"),
    "base going on": ("grid-hidden", "20m-hidden", "tiny-hidden"),
    "repeated run": ("grid-repeat", "20m-repeat"),
    "first 10, 25, 50 % of a run": (
        "beginning-124m",
        "beginning-grid",
        "beginning-20m",
        "beginning-20m-far",
    ),
    "the same without other runs": (
        "beginning-alone-124m",
        "beginning-alone-grid",
        "optimizer-half",
    ),
    "open model, another schedule": (
        "open-grid-schedule",
        "open-annealed-schedule",
        "open-6m-schedule",
        "open-20m-schedule",
    ),
    "open model, another peak": (
        "open-grid-peak",
        "open-annealed-peak",
        "open-6m-peak",
        "open-20m-peak",
        "delphi-open",
    ),
    "open model, replay never fitted": (
        "open-grid-replay-new",
        "open-6m-replay-new",
        "open-20m-replay-new",
    ),
    "open model, another replay share": ("open-grid-replay", "open-20m-replay"),
    "open model, longer": (
        "open-grid-longer",
        "open-annealed-longer",
        "open-6m-longer",
        "open-20m-longer",
    ),
    "one run only": ("one-run-124m", "one-run-multipower", "multipower-one"),
}
"""What is new in a forecast -> the protocols that ask for it."""

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
