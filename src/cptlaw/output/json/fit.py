"""A fit as one plain dict."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.forecasting.verdict import verdict
from cptlaw.output.json.numbers import finite
from cptlaw.output.json.verdict import verdict_json


def fit_json(fit: Fit) -> dict[str, Any]:
    """`{"verdict": {...}, "domains": {role: {...}}, "conventions": {}, "notes": [], ...}`."""
    return {
        "verdict": verdict_json(verdict(fit)),
        "domains": {role: _domain_fit(domain) for role, domain in fit.domains.items()},
        "conventions": asdict(fit.convention),
        "seconds": fit.seconds,
        "faults": [] if fit.study is None else list(fit.study.faults),
        "diverged": [asdict(run) for run in fit.diverged],
        "notes": list(fit.notes),
        "source": fit.source,
    }


def _domain_fit(domain: DomainFit) -> dict[str, Any]:
    s = domain.scores
    names = ("huber", "r2", "mae", "rmse", "mape", "worst", "n", "counted")
    return {
        "law": domain.law.name,
        "equation": domain.law.text,
        "params": dict(domain.params),
        "stderr": {name: finite(error) for name, error in domain.stderr.items()},
        "status": domain.status,
        "advice": list(domain.advice),
        "fixed": dict(domain.fixed),
        "kept": list(domain.kept),
        **{name: None if s is None else finite(getattr(s, name)) for name in names},
    }
