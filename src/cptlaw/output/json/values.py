"""Values as plain dicts for JSON output: what `--json` prints and what stored files begin with."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.forecasting.backtest import Backtest
from cptlaw.forecasting.forecast import DomainForecast, Forecast
from cptlaw.laws import catalog
from cptlaw.studies.runs import Run


def finite(value: float | None) -> float | None:
    """The value, or None where JSON has no number for it."""
    return value if value is not None and math.isfinite(value) else None


def run_shape(run: Run) -> dict[str, Any]:
    """What a log holds, one object: its columns, its learning rates, and every note."""
    lr = run.logged_lr
    return {
        "name": run.name,
        "origin": run.origin,
        "format": run.format,
        "columns": {
            name: {
                "source": curve.source,
                "window": curve.window,
                "step": curve.steps.tolist(),
                "loss": curve.loss.tolist(),
            }
            for name, curve in run.curves.items()
        },
        "lr": None if lr is None else {"step": lr.steps.tolist(), "lr": lr.lr.tolist()},
        "notes": list(run.notes),
    }


def laws_shape() -> dict[str, Any]:
    """`{"laws": [{"name", "title", "source", "equation", "latex", "parameters"}]}`."""
    laws = [catalog.example(name) for name in catalog.LAWS]
    return {
        "laws": [
            {
                "name": law.name,
                "title": law.title,
                "source": law.source,
                "equation": law.text,
                "latex": law.latex,
                "parameters": list(law.parameters),
            }
            for law in laws
        ]
    }


def fit_shape(fit: Fit) -> dict[str, Any]:
    """`{"domains": {role: {...}}, "conventions": {}, "seconds": s, "notes": []}`."""
    return {
        "domains": {role: _domain_fit(domain) for role, domain in fit.domains.items()},
        "conventions": asdict(fit.convention),
        "seconds": fit.seconds,
        "notes": list(fit.notes),
        "source": fit.source,
    }


def _domain_fit(domain: DomainFit) -> dict[str, Any]:
    s = domain.scores
    names = ("huber", "r2", "mae", "rmse", "mape", "worst", "n")
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


def forecast_shape(forecast: Forecast) -> dict[str, Any]:
    """`{"domains": {role: {"step", "loss", "base", "shift", "low", "high", "final"}}, ...}`."""
    steps = forecast.schedule.steps
    tokens = forecast.batch_tokens
    return {
        "domains": {role: _domain_forecast(curve) for role, curve in forecast.domains.items()},
        "start": forecast.start.words,
        "data": forecast.data,
        "replay": forecast.replay,
        "model_size": forecast.model_size,
        "steps": steps,
        "tokens": None if tokens is None else tokens * steps,
        "level": forecast.level,
        "warnings": list(forecast.warnings),
    }


def _domain_forecast(curve: DomainForecast) -> dict[str, Any]:
    return {
        "step": curve.step.tolist(),
        "loss": curve.loss.tolist(),
        "base": curve.base.tolist(),
        "shift": curve.shift.tolist(),
        "low": None if curve.low is None else curve.low.tolist(),
        "high": None if curve.high is None else curve.high.tolist(),
        "mean_low": None if curve.mean_low is None else curve.mean_low.tolist(),
        "mean_high": None if curve.mean_high is None else curve.mean_high.tolist(),
        "final": curve.final,
    }


def backtest_shape(backtest: Backtest) -> dict[str, Any]:
    """`{"rows": [a row per law, run and domain], "laws": [a row per law and domain], ...}`."""
    rows: list[dict[str, Any]] = []
    for row in backtest.rows:
        s = row.scores
        names = ("n", "r2", "mae", "rmse", "mape", "worst", "final_error")
        rows.append(
            {
                "law": row.law,
                "run": row.run,
                "domain": row.domain,
                **{name: finite(getattr(s, name)) for name in names},
                "coverage": row.coverage,
            }
        )
    laws = [asdict(law) for law in backtest.laws]
    return {
        "rows": rows,
        "laws": laws,
        "held_out": backtest.held_out,
        "notes": list(backtest.notes),
    }
