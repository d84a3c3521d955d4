"""A comparison of laws as text."""

from __future__ import annotations

from cptlaw.forecasting.compare import ComparedRow, Comparison
from cptlaw.page import bullets, table, wrapped

_LEGEND = (
    "MAPE: the mean error of a forecast curve in % of the loss; final loss: the error at its end. "
    "minus {against}: how much larger the MAPE is than that of {against}, with its interval. "
    "better in: the share of resampled runs in which the law is better than {against}."
)


def comparison_text(result: Comparison) -> str:
    """Errors of every law, the differences with their intervals, and what they say."""
    headers = (
        "domain", "law", "runs", "MAPE", "final loss", f"minus {result.against}",
        f"{100 * result.level:g} % interval", "better in",
    )  # fmt: skip
    title = f"Errors on what was not fitted ({'; '.join(result.parts)})"
    grid = table(headers, [_cells(row) for row in result.rows], title)
    return "\n".join(
        [
            wrapped(result.verdict),
            "",
            grid,
            *bullets((*result.conclusions, _LEGEND.format(against=result.against), *result.notes)),
        ]
    )


def _cells(row: ComparedRow) -> tuple[str, ...]:
    cells = (row.domain, row.law, str(row.runs), f"{row.mape:.3%}", f"{row.final:.3%}")
    if row.difference is None or row.better is None:
        return (*cells, "-", "-", "-")
    gap = row.difference
    return (*cells, f"{gap.value:+.3%}", f"{gap.low:+.3%} to {gap.high:+.3%}", f"{row.better:.0%}")
