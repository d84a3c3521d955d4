"""Errors of runs and splits -> a row for each protocol, law and domain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw_evidence.accuracy.errors import Forecast, RunErrors
from cptlaw_evidence.sources.source import Protocol


@dataclass(frozen=True)
class Outcome:
    """What came of one law on one split.

    Args:
        protocol: its name.
        split: its index among the protocol's splits.
        name: of the split.
        law: as asked for.
        errors: a value for each scored run and domain; none if the law does not apply.
        forecasts: predicted final losses of the candidates.
        chosen: name of the law that was fitted, by domain.
        seconds: the fit took.
        why: what stood in the way, else "".
    """

    protocol: str
    split: int
    name: str
    law: str
    errors: tuple[RunErrors, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    chosen: str = ""
    seconds: float = 0.0
    why: str = ""


FIGURES = (
    "mae",
    "mae_in_noise",
    "mape",
    "r2",
    "worst",
    "final_mae",
    "final_bias",
    "right_side",
    "rank_correlation",
    "regret",
    "regret_worst",
)


def rows_of(
    protocol: Protocol, law: str, outcomes: Sequence[Outcome], noise: Mapping[str, float]
) -> list[dict[str, Any]]:
    """A row for each domain; one without a domain where the law applies to no split.

    Args:
        protocol: whose splits these are.
        law: as asked for.
        outcomes: of that law on every split, in any order.
        noise: of the source, by domain.
    """
    done = sorted((o for o in outcomes if not o.why), key=lambda o: o.split)
    failed = [o for o in outcomes if o.why]
    head = {"protocol": protocol.name, "source": protocol.source, "law": law}
    whys = "; ".join(dict.fromkeys(o.why for o in failed))
    tail = {"all_splits": len(outcomes), "failed_splits": len(failed), "why": whys}
    domains = list(dict.fromkeys(e.domain for o in done for e in o.errors))
    if not domains:
        empty = dict.fromkeys(FIGURES)
        counts = {
            "splits": 0,
            "runs": 0,
            "points": 0,
            "seconds": None,
            "by_group": {},
            "by_split": {},
        }
        return [{**head, "fitted_law": "", "domain": None, **empty, **counts, **tail}]
    return [{**head, **_row(domain, done, noise), **tail} for domain in domains]


def _row(domain: str, done: Sequence[Outcome], noise: Mapping[str, float]) -> dict[str, Any]:
    here = [o for o in done if any(e.domain == domain for e in o.errors)]
    parts = [_split_figures(domain, o) for o in here]
    errors = [e for o in here for e in o.errors if e.domain == domain]
    figures: dict[str, Any] = {name: mean(p[name] for p in parts) for name in parts[0]}
    figures["worst"] = max(e.worst for e in errors)
    unit = noise.get(domain)
    figures["mae_in_noise"] = figures["mae"] / unit if unit else None
    groups = [_regrets(domain, o.forecasts) for o in here]
    all_regrets = [value for group in groups for value in group.values()]
    figures["regret_worst"] = max(all_regrets, default=None)
    return {
        "fitted_law": ", ".join(dict.fromkeys(o.chosen for o in here)),
        "domain": domain,
        **{name: figures[name] for name in FIGURES},
        "splits": len(here),
        "runs": len(errors),
        "points": sum(e.n for e in errors),
        "seconds": mean(o.seconds for o in here),
        "by_group": _averaged(groups),
        "by_split": _by_name(here, parts),
    }


def _split_figures(domain: str, outcome: Outcome) -> dict[str, float | None]:
    """The figures of one split: means over its runs."""
    errors = [e for e in outcome.errors if e.domain == domain]
    finals = np.array([e.final_error for e in errors])
    right = [float(e.right_side) for e in errors if e.right_side is not None]
    predicted = np.array([e.predicted for e in errors])
    measured = np.array([e.measured for e in errors])
    return {
        "mae": mean(e.mae for e in errors),
        "mape": mean(e.mape for e in errors),
        "r2": r_squared(errors),
        "worst": max(e.worst for e in errors),
        "final_mae": float(np.abs(finals).mean()),
        "final_bias": float(finals.mean()),
        "right_side": mean(right),
        "rank_correlation": rank_correlation(predicted, measured),
        "regret": max(_regrets(domain, outcome.forecasts).values(), default=None),
    }


def r_squared(errors: Sequence[RunErrors]) -> float | None:
    """1 - mean squared error / variance over all points together; None where losses are constant.

    Args:
        errors: of the scored runs of one domain.
    """
    n = np.array([e.n for e in errors], dtype=np.float64)
    mean = np.array([e.mean for e in errors])
    between = (mean - np.average(mean, weights=n)) ** 2
    variance = float(np.average(between + [e.variance for e in errors], weights=n))
    mse = float(np.average([e.mse for e in errors], weights=n))
    return 1.0 - mse / variance if variance > 0 else None


def _regrets(domain: str, forecasts: Iterable[Forecast]) -> dict[str, float]:
    """Group -> final loss of the run with the lowest forecast, minus the lowest final loss."""
    groups: dict[str, list[Forecast]] = {}
    for forecast in forecasts:
        if forecast.domain == domain:
            groups.setdefault(forecast.candidate.group, []).append(forecast)
    return {
        group: min(some, key=lambda f: f.predicted).candidate.final
        - min(f.candidate.final for f in some)
        for group, some in groups.items()
        if len(some) > 1
    }


def rank_correlation(one: FloatArray, other: FloatArray) -> float | None:
    """Spearman's rank correlation of two arrays of shape (n,); None below three or if constant."""
    if one.size < 3:
        return None
    a, b = _ranks(one), _ranks(other)
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread else None


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    return (ends - (count - 1) / 2.0)[place]


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of what is known, None where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _averaged(groups: Sequence[Mapping[str, float]]) -> dict[str, float | None]:
    names = list(dict.fromkeys(name for group in groups for name in group))
    return {name: mean(group.get(name) for group in groups) for name in names}


def _by_name(
    done: Sequence[Outcome], parts: Sequence[Mapping[str, float | None]]
) -> dict[str, dict[str, float | None]]:
    """Splits of one name together: their mean errors."""
    # A name's part after the comma tells studies apart, not ways to fit.
    names = list(dict.fromkeys(_stem(o) for o in done))
    return {
        name: {
            figure: mean(p[figure] for o, p in zip(done, parts, strict=True) if _stem(o) == name)
            for figure in ("mae", "mape", "final_mae")
        }
        for name in names
    }


def _stem(outcome: Outcome) -> str:
    return outcome.name.partition(",")[0]
