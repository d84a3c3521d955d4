"""How well intervals hold, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cptlaw.errors import DataError
from cptlaw_evidence.coverage.held_out import LEVELS
from cptlaw_evidence.coverage.kinds import CLASSES
from cptlaw_evidence.coverage.summary import METHODS, shortfalls, summary
from cptlaw_evidence.pages import (
    Table,
    bullets,
    effort,
    left_out,
    listed,
    page,
    section,
    within_width,
)

_NAMES = [f"{level:g}" for level in LEVELS]
_LAST = _NAMES[-1]
MEANING = (
    "Share of held-out losses within intervals of 50, 80 and 90 %, with the 95 % band of that "
    "share from resampling runs; ! the level is not in the band. Every run counts once. Width and "
    "interval score (width plus 2 / (1 - level) times the miss; lower is better) are of the 90 % "
    "interval, in % of the loss. Final: the run's last loss alone."
)
SHORT = (
    "Runs of one protocol are often forecast by one fit, and share its error: with few runs the "
    "true band is wider than the one shown. The constants are fitted without the scored source, "
    "but what the scale is made of was chosen with all of them in view."
)
_AIM = "where intervals miss 85 to 95 % (50 and 80 % by over 10 points; a source 75 %)"
RIVALS = (
    "i.i.d. bootstrap: points are resampled one by one and residuals added; constant width: the "
    "same relative width everywhere, the one that would have held on the other sources."
)


def to_text(result: Mapping[str, Any]) -> str:
    """The tables of every law, last what they come to."""
    parts = [part for law in result["laws"] for part in within_width(_tables(law))]
    parts += listed("Left out", left_out(result))
    parts += [f"  {MEANING}", f"  {RIVALS}"]
    for law in result["laws"]:
        parts += listed(law["law"], conclusions(law))
        parts += listed(f"{law['law']}: {_AIM}", shortfalls(law) or ["everywhere."])
    return "\n\n".join([*parts, f"  {_effort(result)}"])


def _effort(result: Mapping[str, Any]) -> str:
    return effort(", ".join(law["law"] for law in result["laws"]), result)


def _tables(law: Mapping[str, Any]) -> tuple[Table, ...]:
    tables = class_table(law), final_table(law), source_table(law), rival_table(law)
    before = (against_table(law),) if "before" in law else ()
    return *tables, *before, protocol_table(law)


def fit_text(result: Mapping[str, Any]) -> str:
    """The constants that all sources together give, as code."""
    return "\n".join(f'"{law["law"]}": {_code(law["calibration"])},' for law in result["laws"])


def _code(calibration: Mapping[str, float]) -> str:
    return f"Calibration({', '.join(f'{value:.2g}' for value in calibration.values())})"


def to_markdown(result: Mapping[str, Any], command: str) -> str:
    """A page: for each law the classes, the rivals, every protocol.

    Args:
        result: of `shape`.
        command: that made it.
    """
    parts = [
        "Laws are fitted to a part of real curves; the intervals of their forecasts are "
        "calibrated on the other sources of curves, and scored on what neither has seen.",
        MEANING,
        RIVALS,
        SHORT,
        bullets(f"{name}: {', '.join(f'`{p}`' for p in some)}" for name, some in CLASSES.items()),
        "## Left out",
        bullets(left_out(result), "Nothing."),
        *(part for law in result["laws"] for part in _law_page(law)),
    ]
    return page("How well the intervals hold", command, _effort(result), parts)


def _law_page(law: Mapping[str, Any]) -> list[str]:
    others = (f"without `{name}`: `{_code(c)}`" for name, c in law["without"].items())
    return [
        f"## {law['law']}",
        bullets(conclusions(law)),
        f"### {law['law']}: {_AIM}",
        bullets(shortfalls(law) or ["Everywhere."]),
        *(section(table, 3) for table in _tables(law)),
        f"### {law['law']}: calibrations",
        bullets([f"all sources: `{_code(law['calibration'])}`", *others]),
    ]


def class_table(law: Mapping[str, Any]) -> Table:
    """Coverage at every level over all held-out points, width and score, by class."""
    headers = ("", "runs", *(f"{_percent(n)} %" for n in _NAMES), "width", "score")
    rows = [
        (row["class"], str(row["runs"]), *_shares(row, METHODS[0], ""), *_sizes(row, METHODS[0]))
        for row in law["classes"]
    ]
    return Table(f"{law['law']}: all held-out losses", headers, tuple(rows))


def final_table(law: Mapping[str, Any]) -> Table:
    """Coverage of final losses at every level, by class."""
    headers = ("", "runs", *(f"{_percent(n)} %" for n in _NAMES))
    rows = [
        (row["class"], str(row["runs"]), *_shares(row, METHODS[0], "final_"))
        for row in law["classes"]
    ]
    return Table(f"{law['law']}: final losses", headers, tuple(rows))


def source_table(law: Mapping[str, Any]) -> Table:
    """Coverage at every level over all held-out points, of final losses at 90 %, by source."""
    levels = [f"{_percent(n)} %" for n in _NAMES]
    headers = ("curves of", "runs", *levels, f"final {levels[-1]}", "width", "score")
    rows = [
        (
            row["source"],
            str(row["runs"]),
            *_shares(row, METHODS[0], ""),
            _shares(row, METHODS[0], "final_")[-1],
            *_sizes(row, METHODS[0]),
        )
        for row in law["sources"]
    ]
    return Table(f"{law['law']}: by source, calibrated on the others", headers, tuple(rows))


def against_table(law: Mapping[str, Any]) -> Table:
    """The 90 % intervals beside those of an earlier result, by class and by source."""
    headers = ("", "before", "now", "final before", "final now", "score before", "score now")
    rows: list[tuple[str, ...]] = []
    best: list[frozenset[int]] = []
    for name, before in law["before"].items():
        now = next((row for row in _named(law) if name in row.values()), None)
        if now is None:
            continue
        cells = [row["methods"][METHODS[0]][_LAST] for row in (before, now)]
        keys = ("coverage", "final_coverage")
        shares = [f"{100 * cell[key]:.0f}" for key in keys for cell in cells]
        scores = [cell["score"] for cell in cells]
        rows.append((name, *shares, *(f"{score:.2f}" for score in scores)))
        best.append(frozenset({5 + scores.index(min(scores))}))
    title = f"{law['law']}: 90 % intervals beside those of the earlier result"
    return Table(title, headers, tuple(rows), best=tuple(best))


def _named(law: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*law["classes"], *law.get("sources", ())]


def beside(result: dict[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """A result whose laws know the rows of an earlier one, which `--against` names.

    Args:
        result: of `shape`.
        earlier: the same, of another time.

    Raises:
        DataError: the earlier one is not of this command.
    """
    try:
        known = {
            law["law"]: {row.get("class") or row["source"]: row for row in _named(law)}
            for law in earlier["laws"]
        }
    except (KeyError, TypeError):
        raise DataError(
            "--against names no result of this command; write one with --json."
        ) from None
    laws = [
        {**law, "before": known[law["law"]]} if law["law"] in known else law
        for law in result["laws"]
    ]
    return {**result, "laws": laws}


def rival_table(law: Mapping[str, Any]) -> Table:
    """Coverage and score of the 90 % intervals beside the rivals', by class."""
    headers = ("", *(word for method in METHODS for word in (method, "score")))
    rows: list[tuple[str, ...]] = []
    best: list[frozenset[int]] = []
    for row in law["classes"]:
        scores = [row["methods"][m][_LAST]["score"] for m in METHODS]
        cells = [(_shares(row, m, "")[-1], _sizes(row, m)[1]) for m in METHODS]
        rows.append((row["class"], *(word for pair in cells for word in pair)))
        best.append(frozenset({2 + 2 * scores.index(min(scores))}))
    title = f"{law['law']}: 90 % intervals and rivals"
    return Table(title, headers, tuple(rows), best=tuple(best))


def protocol_table(law: Mapping[str, Any]) -> Table:
    """The 90 % intervals of every protocol."""
    headers = ("", "curves of", "runs", "50 %", "80 %", "90 %", "final 90 %", "width", "score")
    rows = [
        (
            row["protocol"],
            row["source"],
            str(row["runs"]),
            *_shares(row, METHODS[0], ""),
            _shares(row, METHODS[0], "final_")[-1],
            *_sizes(row, METHODS[0]),
        )
        for row in law["protocols"]
    ]
    return Table(f"{law['law']}: by protocol", headers, tuple(rows))


def conclusions(law: Mapping[str, Any]) -> list[str]:
    """A sentence for each method: how often its levels hold, and its score."""
    return [_conclusion(summary(law["classes"], method), method) for method in METHODS]


def _conclusion(found: Mapping[str, Any], method: str) -> str:
    within = ", ".join(f"{found[n]['in_band']} at {_percent(n)} %" for n in _NAMES)
    final = ", ".join(f"{found[n]['final_in_band']} at {_percent(n)} %" for n in _NAMES)
    shares = "/".join(f"{100 * found[n]['coverage']:.0f}" for n in _NAMES)
    last = found[_LAST]
    return (
        f"{method}: the level is in the band in {within} of {found['of']} classes "
        f"(final losses: {final}); of 90 % intervals {last['below']} are too narrow "
        f"(final: {last['final_below']}); mean coverage {shares} %, mean width "
        f"{last['width']:.2f} %, mean interval score {last['score']:.2f} % (geometric mean "
        f"{last['typical_score']:.2f} %)"
    )


def _shares(row: Mapping[str, Any], method: str, which: str) -> list[str]:
    """A cell for each level: share, band, and a mark where the level is not in it."""
    cells: list[str] = []
    for level in LEVELS:
        cell = row["methods"][method][f"{level:g}"]
        low, high = cell[f"{which}band"]
        mark = "" if low <= level <= high else "!"
        share = f"{100 * cell[f'{which}coverage']:.0f}"
        cells.append(f"{share} ({100 * low:.0f}-{100 * high:.0f}){mark}")
    return cells


def _sizes(row: Mapping[str, Any], method: str) -> Sequence[str]:
    cell = row["methods"][method][_LAST]
    return f"{cell['width']:.2f}", f"{cell['score']:.2f}"


def _percent(level: str) -> str:
    return f"{100 * float(level):.0f}"
