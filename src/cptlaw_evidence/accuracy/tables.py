"""The result of the benchmark as tables of words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from cptlaw_evidence.accuracy.rows import FIGURES, mean
from cptlaw_evidence.pages import Table, lowest, nats, percent

Row: TypeAlias = Mapping[str, Any]
FLOOR = "Floor: error of laws that were fitted to what is scored, too"
_FEW = 3  # so many domains are shown apart; more are averaged


def few_domains(rows: Sequence[Row]) -> list[Row]:
    """Rows of one protocol and law; more than three domains are averaged into one."""
    if len(rows) <= _FEW:
        return list(rows)
    summed: dict[str, Any] = {name: mean(row[name] for row in rows) for name in FIGURES}
    for name in ("worst", "regret_worst"):
        summed[name] = max((r[name] for r in rows if r[name] is not None), default=None)
    summed |= {name: sum(row[name] for row in rows) for name in ("splits", "runs", "points")}
    summed["seconds"] = mean(row["seconds"] for row in rows)
    groups = dict.fromkeys(group for row in rows for group in row["by_group"])
    summed["by_group"] = {g: mean(row["by_group"].get(g) for row in rows) for g in groups}
    splits = dict.fromkeys(name for row in rows for name in row["by_split"])
    summed["by_split"] = {
        name: {
            figure: mean(row["by_split"].get(name, {}).get(figure) for row in rows)
            for figure in rows[0]["by_split"][name]
        }
        for name in splits
    }
    return [{**rows[0], **summed, "domain": f"{len(rows)} sets"}]


def _shown(result: Row) -> dict[tuple[str, str], list[Row]]:
    """(protocol, law) -> the rows that are shown."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in result["rows"]:
        found.setdefault((row["protocol"], row["law"]), []).append(row)
    return {key: few_domains(rows) for key, rows in found.items()}


def _against_laws(
    result: Row,
    title: str,
    note: str,
    figures: Callable[[Row, Row], Mapping[str, tuple[float | None, str]]],
    keep: Callable[[Sequence[float]], bool] = lambda _: True,
) -> Table:
    """A row for each label that `figures` gives for a protocol and a row, a column for each law."""
    laws, shown = result["laws"], _shown(result)
    cells: list[tuple[str, ...]] = []
    best: list[frozenset[int]] = []
    for protocol in result["protocols"]:
        lines: dict[str, dict[str, tuple[float, str]]] = {}
        for law in laws:
            for row in shown[protocol["name"], law]:
                if row["domain"] is None:
                    continue
                for label, (value, words) in figures(protocol, row).items():
                    if value is not None:
                        mark = "*" if row["failed_splits"] else ""
                        lines.setdefault(label, {})[law] = (value, words + mark)
        for label, line in lines.items():
            if keep([value for value, _ in line.values()]):
                words = [line[law][1] if law in line else "-" for law in laws]
                cells.append((label, *words))
                best.append(lowest(words))
    return Table(title, ("", *laws), tuple(cells), note, tuple(best))


def _label(protocol: Row, row: Row) -> str:
    return protocol["name"] if row["domain"] == "loss" else f"{protocol['name']}, {row['domain']}"


def _main(protocol: Row, figures: Row) -> tuple[float | None, str]:
    value = figures[protocol["unit"]]
    if protocol["unit"] == "mae":
        return value, nats(value)
    return value, percent(value)


def _unit(protocol: Row) -> str:
    return "nats" if protocol["unit"] == "mae" else "%"


def main_table(result: Row) -> Table:
    """Protocols against laws: MAPE in %, or MAE in nats."""

    def figures(protocol: Row, row: Row) -> dict[str, tuple[float | None, str]]:
        return {f"{_label(protocol, row)} ({_unit(protocol)})": _main(protocol, row)}

    return _against_laws(
        result,
        FLOOR if result["of_form"] else "Error on what was not fitted",
        "Mean relative error in %, or mean absolute error in nats; -: the law could not be scored, "
        "*: not on all splits.",
        figures,
    )


def split_table(result: Row) -> Table:
    """The main figure of protocols whose splits differ in kind, split by split."""

    def figures(protocol: Row, row: Row) -> dict[str, tuple[float | None, str]]:
        if not protocol["apart"]:
            return {}
        return {
            f"{_label(protocol, row)}, {name} ({_unit(protocol)})": _main(protocol, split)
            for name, split in row["by_split"].items()
        }

    return _against_laws(result, "Split by split", "The same errors.", figures)


def regret_table(result: Row) -> Table:
    """What a choice by the law's forecast costs against the best of each group."""

    def figures(protocol: Row, row: Row) -> dict[str, tuple[float | None, str]]:
        return {
            f"{_label(protocol, row)}, {group}": (value, nats(value))
            for group, value in row["by_group"].items()
        }

    return _against_laws(
        result,
        "Regret of choosing by the law",
        "True final loss of the run with the lowest forecast, minus that of the best, nats; "
        "groups in which every law finds the best are left out.",
        figures,
        lambda values: max(values) > 0,
    )


_COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("MAPE %", lambda r: percent(r["mape"])),
    ("MAE", lambda r: nats(r["mae"])),
    ("by noise", lambda r: _one(r["mae_in_noise"])),
    ("worst %", lambda r: percent(r["worst"])),
    ("final", lambda r: nats(r["final_mae"])),
    ("bias", lambda r: nats(r["final_bias"], "+")),
    ("side", lambda r: _share(r["right_side"])),
    ("rank", lambda r: _two(r["rank_correlation"])),
    ("regret", lambda r: nats(r["regret"])),
    ("worst", lambda r: nats(r["regret_worst"])),
    ("R2", lambda r: _four(r["r2"])),
    ("runs", lambda r: str(r["runs"])),
    ("fit s", lambda r: _two(r["seconds"])),
    ("law", lambda r: r["fitted_law"]),
)
MEANING = (
    "MAE, final (mean absolute error at the last point), bias (its mean with sign) and regret "
    "(mean, worst) in nats; by noise: MAE over what a repeated run differs by; side: share of CPT "
    "runs whose D_pt loss ends on the predicted side of that at the transfer; rank: Spearman's "
    "correlation of final losses; R2: over all scored points of a split."
)


def law_tables(result: Row) -> list[Table]:
    """Every figure, a table for each law that was scored."""
    shown = _shown(result)
    tables: list[Table] = []
    for law in result["laws"]:
        rows = [
            (_label(protocol, row), *(cell(row) for _, cell in _COLUMNS))
            for protocol in result["protocols"]
            for row in shown[protocol["name"], law]
            if row["domain"] is not None
        ]
        if rows:
            tables.append(Table(law, ("", *(name for name, _ in _COLUMNS)), tuple(rows)))
    return tables


def protocol_table(result: Row) -> Table:
    """What each protocol fits and scores."""
    rows = [
        (p["name"], p["source"], p["fitted"], p["scored"], str(p["splits"]))
        for p in result["protocols"]
    ]
    headers = ("protocol", "curves", "fitted", "scored", "splits")
    return Table("Protocols", headers, tuple(rows), in_words=True)


def not_applied(result: Row) -> list[str]:
    """Sentences: which laws could not be scored where, and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in result["rows"]:
        if row["why"]:
            failed, every = row["failed_splits"], row["all_splits"]
            share = f" ({failed} of {every} splits)" if failed < every else ""
            places = found.setdefault((row["law"], row["why"]), [])
            if (place := row["protocol"] + share) not in places:
                places.append(place)
    return [f"{law} on {', '.join(places)}: {why}" for (law, why), places in found.items()]


def _one(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _four(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"
