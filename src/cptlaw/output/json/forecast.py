"""A forecast as one plain dict."""

from __future__ import annotations

from typing import Any

from cptlaw.forecasting.forecast import DomainForecast, Forecast
from cptlaw.output.json.verdict import verdict_json


def forecast_json(forecast: Forecast) -> dict[str, Any]:
    """`{"verdict": {...}, "domains": {role: {"step", "loss", "low", "high", "final", ...}}}`."""
    steps = forecast.schedule.steps
    tokens = forecast.batch_tokens
    told = forecast.verdict
    return {
        "verdict": None if told is None else verdict_json(told),
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
