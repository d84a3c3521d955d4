"""A backtest as one plain dict."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cptlaw.forecasting.backtest import Backtest
from cptlaw.output.json.numbers import finite


def backtest_json(backtest: Backtest) -> dict[str, Any]:
    """`{"verdict": [...], "rows": [a row per law, run and domain], "laws": [...], ...}`."""
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
                "beyond": list(row.beyond),
            }
        )
    laws = [asdict(law) for law in backtest.laws]
    return {
        "verdict": list(backtest.conclusions),
        "rows": rows,
        "laws": laws,
        "held_out": backtest.held_out,
        "notes": list(backtest.notes),
    }
