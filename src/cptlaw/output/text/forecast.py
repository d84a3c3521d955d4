"""A forecast as text."""

from __future__ import annotations

from collections.abc import Sequence

from cptlaw.forecasting.forecast import DomainForecast, Forecast
from cptlaw.output.text.verdict import verdict_text
from cptlaw.page import bullets, number, table

_USELESS = 0.2  # share of a loss: an interval of more says nothing


def forecast_text(forecast: Forecast) -> str:
    """Start, end and turning of every predicted curve, and every warning."""
    rows = [_forecast_cells(role, curve) for role, curve in forecast.domains.items()]
    headers = [
        "loss, nats", "at start", "final", "+-", "change", "hidden PT", "shift", "lowest (step)",
        "highest (step)",
    ]  # fmt: skip
    if forecast.level is None:
        headers, rows = _without(headers, rows, {"+-"})
    if forecast.data == "pt":
        out = {"hidden PT", "shift"}
        if forecast.start.is_scratch:  # the law says nothing of the first steps
            out |= {"at start", "change", "highest (step)"}
        headers, rows = _without(headers, rows, out)
    steps = forecast.schedule.steps
    tokens = (
        "" if forecast.batch_tokens is None else f", {forecast.batch_tokens * steps:.3g} tokens"
    )
    head = (
        f"{forecast.data.upper()} run from {forecast.start.words}: {steps} steps{tokens}, peak LR "
        f"{number(forecast.schedule.peak)}, final LR {number(forecast.schedule.final)}"
    )
    if forecast.data == "cpt":
        head += f", replay {100 * forecast.replay:g} %"
    said = [f"warning: {w}" for w in forecast.warnings]
    if forecast.level is not None:
        said.insert(
            0,
            f"+-: in {100 * forecast.level:g} % of cases the last loss of one such run lies within "
            "this of the forecast, its noise included",
        )
    told = forecast.verdict
    sure, lines = ("", ()) if told is None else (f" {told.first}", told.lines)
    first = verdict_text(_expected(forecast) + sure, lines)
    return "\n".join([first, "", head, table(headers, rows), *bullets(said)])


def _expected(forecast: Forecast) -> str:
    """What to expect at the end."""
    told: list[str] = []
    for role, curve in forecast.domains.items():
        if role.startswith("ood."):
            continue
        reach = _ends(curve)
        width = f" +- {float(reach):.2g}" if reach else ""
        if reach and float(reach) > _USELESS * curve.final:
            told.append(f"nobody knows what on {role} ({curve.final:.3f}{width})")
        else:
            told.append(f"{curve.final:.3f}{width} on {role}")
    level = "" if forecast.level is None else f" ({100 * forecast.level:g} % of such runs)"
    return f"Expect a final loss of {' and '.join(told)}{level}."


def _without(
    headers: Sequence[str], rows: Sequence[Sequence[str]], out: set[str]
) -> tuple[list[str], list[list[str]]]:
    kept = [i for i, header in enumerate(headers) if header not in out]
    return [headers[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _forecast_cells(role: str, curve: DomainForecast) -> list[str]:
    low, high = curve.loss.argmin(), curve.loss.argmax()
    return [
        role,
        f"{curve.loss[0]:.4f}",
        f"{curve.final:.4f}",
        _ends(curve),
        f"{curve.final - curve.loss[0]:+.4f}",
        f"{curve.base[-1]:.4f}",
        f"{curve.shift[-1]:+.4f}",
        f"{curve.loss[low]:.4f} ({curve.step[low]})",
        f"{curve.loss[high]:.4f} ({curve.step[high]})",
    ]


def _ends(curve: DomainForecast) -> str:
    if curve.low is None or curve.high is None:
        return ""
    return f"{max(curve.high[-1] - curve.final, curve.final - curve.low[-1]):.4f}"
