"""A backtest as text."""

from __future__ import annotations

from cptlaw.forecasting.backtest import Backtest
from cptlaw.page import bullets, percent, table, wrapped

_LEGEND = (
    "R2: 1 is a perfect forecast. MAE, MAPE: the mean error, in nats and in % of the loss. worst: "
    "the largest error.",
    "in 90 %: the share of points within the 90 % interval. final error: forecast minus measured "
    "at the last point, in nats.",
)


def backtest_text(backtest: Backtest, notes: bool = True) -> str:
    """Errors on what the fit did not see, with or without the notes of reading and fitting."""
    rows = [
        (
            r.law,
            r.run,
            r.domain,
            f"{r.scores.n:,}",
            f"{r.scores.r2:.4f}",
            f"{r.scores.mae:.4f}",
            percent(r.scores.mape),
            percent(r.scores.worst),
            "-" if r.coverage is None else f"{r.coverage:.0%}",
            f"{r.scores.final_error:+.4f}",
        )
        for r in backtest.rows
    ]
    headers = (
        "law", "run", "domain", "points", "R2", "MAE, nats", "MAPE", "worst", "in 90 %",
        "final error",
    )  # fmt: skip
    title = f"Held out: {backtest.held_out}"
    told = [
        f"the fit of {law.law} on {law.domain}: {law.status}; `cptlaw fit --verbose` on these "
        "runs says why."
        for law in backtest.laws
        if law.status != "ok"
    ]
    told += backtest.notes if notes else ()
    told = [*_LEGEND, *told]
    first = [wrapped(sentence, "", "  ") for sentence in backtest.conclusions]
    return "\n".join([*first, "", table(headers, rows, title), *_means(backtest), *bullets(told)])


def _means(backtest: Backtest) -> list[str]:
    """Mean errors of each law over the held-out curves of each domain, where there are several."""
    groups: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for r in backtest.rows:
        key = (r.law, r.domain)
        groups.setdefault(key, []).append((r.scores.r2, r.scores.mae, r.scores.mape))
    if all(len(group) == 1 for group in groups.values()):
        return []
    rows = [
        (
            law,
            domain,
            str(len(group)),
            f"{sum(g[0] for g in group) / len(group):.4f}",
            f"{sum(g[1] for g in group) / len(group):.4f}",
            percent(sum(g[2] for g in group) / len(group)),
        )
        for (law, domain), group in groups.items()
    ]
    return [table(("mean over runs", "domain", "runs", "R2", "MAE, nats", "MAPE"), rows)]
