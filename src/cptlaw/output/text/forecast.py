"""A forecast as text."""

from __future__ import annotations

from collections.abc import Sequence

from cptlaw.forecasting.forecast import DomainForecast, Forecast
from cptlaw.output.text.verdict import verdict_text
from cptlaw.page import amount, bullets, number, table

_USELESS = 0.2  # share of a loss: an interval of more says nothing


def forecast_text(forecast: Forecast) -> str:
    """Start, end and turning of every predicted curve, and every warning."""
    rows = [_forecast_cells(role, curve) for role, curve in forecast.domains.items()]
    headers = [
        "loss, nats", "at start", "at the end", "+-", "change", "without CPT", "shift",
        "lowest (step)", "highest (step)",
    ]  # fmt: skip
    if forecast.level is None:
        headers, rows = _without(headers, rows, {"+-"})
    if forecast.data == "pt":
        out = {"without CPT", "shift"}
        if forecast.start.is_scratch:  # the law says nothing of the first steps
            out |= {"at start", "change", "highest (step)"}
        headers, rows = _without(headers, rows, out)
    steps = forecast.schedule.steps
    batch = forecast.batch_tokens
    tokens = "" if batch is None else f", {amount(batch * steps)} tokens"
    head = (
        f"{forecast.data.upper()} run from {forecast.start.words}: {steps:,} steps{tokens}, "
        f"peak LR {number(forecast.schedule.peak)}, last LR {number(forecast.schedule.final)}"
    )
    if forecast.data == "cpt":
        head += f", replay {number(100 * forecast.replay, 6)} %"
    said = [f"warning: {w}" for w in forecast.warnings]
    said = [*_explained(forecast, headers), *said]
    told = forecast.verdict
    sure, lines = ("", ()) if told is None else (f" {told.first}", told.lines)
    first = verdict_text(_expected(forecast) + sure, lines)
    return "\n".join([first, "", head, table(headers, rows), *bullets(said)])


def _explained(forecast: Forecast, headers: Sequence[str]) -> list[str]:
    """What the columns mean that do not speak for themselves."""
    found: list[str] = []
    if forecast.level is not None:
        found.append(
            f"+-: {number(100 * forecast.level)} % of such runs end within this of the forecast "
            "(noise of a single run is included)."
        )
    if "shift" in headers:
        found.append(
            "without CPT: the loss if the same steps were trained on the pre-training data. shift: "
            "what the change of data adds to that; the two together are the loss at the end."
        )
    return found


def _expected(forecast: Forecast) -> str:
    """What to expect at the end."""
    told: list[str] = []
    for role, curve in forecast.domains.items():
        if role.startswith("ood."):
            continue
        reach = _ends(curve)
        width = f" +- {number(float(reach), 2)}" if reach else ""
        if reach and float(reach) > _USELESS * curve.final:
            told.append(f"{curve.final:.3f}{width} on {role}, which is too wide to be of use")
        else:
            told.append(f"{curve.final:.3f}{width} on {role}")
    level = "" if forecast.level is None else f" ({number(100 * forecast.level, 6)} % of such runs)"
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
        f"{curve.loss[low]:.4f} ({curve.step[low]:,})",
        f"{curve.loss[high]:.4f} ({curve.step[high]:,})",
    ]


def _ends(curve: DomainForecast) -> str:
    if curve.low is None or curve.high is None:
        return ""
    return f"{max(curve.high[-1] - curve.final, curve.final - curve.low[-1]):.4f}"
