"""A comparison of laws as one plain dict."""

from __future__ import annotations

from typing import Any

from cptlaw.forecasting.compare import ComparedRow, Comparison


def comparison_json(result: Comparison) -> dict[str, Any]:
    """`{"rows": [a row per law and domain], "curves": [...], "against", ...}`."""
    return {
        "verdict": result.verdict,
        "best": result.best,
        "rows": [_row(row) for row in result.rows],
        "curves": [
            {
                "law": c.law,
                "run": c.run,
                "domain": c.domain,
                "part": c.part,
                "n": int(c.error.size),
                "mape": c.mape,
                "final_error": c.final,
            }
            for c in result.curves
        ],
        "against": result.against,
        "level": result.level,
        "parts": list(result.parts),
        "conclusions": list(result.conclusions),
        "notes": list(result.notes),
    }


def _row(row: ComparedRow) -> dict[str, Any]:
    gap = row.difference
    return {
        "law": row.law,
        "domain": row.domain,
        "runs": row.runs,
        "mape": row.mape,
        "final_error": row.final,
        "difference": None if gap is None else gap.value,
        "low": None if gap is None else gap.low,
        "high": None if gap is None else gap.high,
        "better": row.better,
    }
