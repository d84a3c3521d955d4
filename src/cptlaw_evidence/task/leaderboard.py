"""Results of several laws -> one page.

A law's score on a task (a protocol and a domain) is its mean absolute error over that of a loss
that stands still, neither taken below the noise floor; 1 where it predicted nothing. Scores are
geometric means: over the tasks of a source, then over the sources.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from cptlaw.errors import DataError
from cptlaw.page import wrapped
from cptlaw_evidence.accuracy import tables
from cptlaw_evidence.accuracy.rows import FIGURES
from cptlaw_evidence.pages import Table, bullets, counted, nats, page, percent, plain, section
from cptlaw_evidence.sources.listed import VERSION
from cptlaw_evidence.sources.loading import SOURCES
from cptlaw_evidence.task.scoring import REFERENCE

Row: TypeAlias = Mapping[str, Any]
_OF_ROW = {"law", "protocol", "domain", "source", "splits", *FIGURES}
Task: TypeAlias = tuple[str, str]
"""A protocol and a domain of it."""


@dataclass(frozen=True)
class Standing:
    """Where a law stands among others.

    Args:
        law: its name.
        score: share of the error of a loss that stands still which is left, over all sources.
        by_source: the same by source.
        predicted: tasks that it predicted whole.
        tasks: how many there are.
    """

    law: str
    score: float
    by_source: Mapping[str, float]
    predicted: int
    tasks: int


def merged(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One result of all laws; what several hold alike counts once.

    Args:
        results: of `cptlaw bench task score -o` or `cptlaw bench accuracy --json`.

    Raises:
        DataError: one is of other curves or another version, two laws share a name, none has the
            reference.
    """
    for result in results:
        check(result)
    _check_together(results)
    rows: dict[tuple[str, str, str | None], Row] = {}
    protocols: dict[str, Row] = {}
    for result in results:
        for row in result["rows"]:
            key = row["law"], row["protocol"], row["domain"]
            known = rows.setdefault(key, row)
            if known["mae"] != row["mae"] and row["law"] != REFERENCE:
                raise DataError(
                    f"two results are called '{row['law']}' and differ on {row['protocol']}; give "
                    "one of them another --name."
                )
        protocols |= {p["name"]: p for p in result["protocols"]}
    order = [p.name for source in SOURCES for p in source.protocols if p.name in protocols]
    laws = list(dict.fromkeys(law for law, _, _ in rows))
    whole = _filled(list(rows.values()), laws, [protocols[name] for name in order])
    return {
        "rows": whole,
        "protocols": [protocols[name] for name in order],
        "laws": laws,
        "noise": _joined(results, "noise"),
        "sources": _joined(results, "sources"),
        "of_form": False,
    }


def _joined(results: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    return {name: value for result in results for name, value in result[key].items()}


def _filled(rows: list[Row], laws: Sequence[str], protocols: Sequence[Row]) -> list[Row]:
    """With a row that says so for each protocol that a law was not tried on."""
    there = {(row["law"], row["protocol"]) for row in rows}
    for protocol in protocols:
        rows += [
            {"law": law, "protocol": protocol["name"], "domain": None, "why": ""}
            for law in laws
            if (law, protocol["name"]) not in there
        ]
    return rows


def check(result: Any) -> None:
    """Whether a value is a result of this benchmark.

    Raises:
        DataError: it is none, or of another version, or fitted to what is scored.
    """
    if not _is_result(result):
        raise DataError(
            "no result of the benchmark. Write one with: cptlaw bench task score -o FILE, or "
            "cptlaw bench accuracy --json."
        )
    if result.get("of_form"):
        raise DataError("a result of --floor, which was fitted to what is scored.")
    version = result["benchmark"]["version"]
    if version != VERSION:
        raise DataError(
            f"a result of version {version} of the benchmark; this is version {VERSION}. Score it "
            "anew."
        )


def _is_result(value: Any) -> bool:
    """Whether a value that anyone may have written has what is read of a result."""
    try:
        about = value["benchmark"]
        named = all({"name", "source", "unit"} <= set(one) for one in value["protocols"])
        mappings = about["tasks"], value["sources"], *value["noise"].values()
        return (
            "version" in about
            and named
            and all(isinstance(one, Mapping) for one in mappings)
            and all(map(_is_row, value["rows"]))
            and all(isinstance(law, str) for law in value["laws"])
        )
    except (AttributeError, KeyError, TypeError):
        return False


def _is_row(row: Any) -> bool:
    if not set(row) >= _OF_ROW:
        return False
    return row["domain"] is None or (math.isfinite(row["mae"]) and row["mae"] >= 0)


def _check_together(results: Sequence[Mapping[str, Any]]) -> None:
    prints: dict[str, str] = {}
    for result in results:
        for task, own in result["benchmark"]["tasks"].items():
            if prints.setdefault(task, own) != own:
                raise DataError(
                    f"results on other curves of {task}. Score them on the same --data."
                )
    if not any(REFERENCE in result["laws"] for result in results):
        raise DataError(
            f"no result has {REFERENCE}, which the others are held against: cptlaw bench accuracy "
            f"--law {REFERENCE} --json."
        )


def standings(result: Mapping[str, Any], sources: Sequence[str]) -> list[Standing]:
    """Every law on the tasks of some sources, the best first.

    Args:
        result: of `merged`.
        sources: names; every task of theirs that any law was tried on counts.
    """
    rows = {(r["law"], r["protocol"], r["domain"]): r for r in result["rows"]}
    reference: dict[str, dict[Task, Row]] = {name: {} for name in sources}
    for (law, protocol, domain), row in rows.items():
        if law == REFERENCE and domain is not None and row["source"] in reference:
            reference[row["source"]][protocol, domain] = row
    reference = {name: tasks for name, tasks in reference.items() if tasks}
    found = [_standing(law, rows, reference, result["noise"]) for law in result["laws"]]
    return sorted(found, key=lambda s: s.score)


def _standing(
    law: str,
    rows: Mapping[tuple[str, str, str], Row],
    reference: Mapping[str, Mapping[Task, Row]],
    noise: Mapping[str, Mapping[str, float]],
) -> Standing:
    by_source: dict[str, float] = {}
    predicted = 0
    for source, tasks in reference.items():
        logs: list[float] = []
        for (protocol, domain), against in tasks.items():
            floor = noise.get(source, {}).get(domain, 0.0)
            row = rows.get((law, protocol, domain))
            whole = row is not None and row["splits"] == against["splits"]
            predicted += whole
            share = _share(row, against, floor) if row is not None and whole else 1.0
            logs.append(float(np.log(share)))
        by_source[source] = float(np.exp(np.mean(logs)))
    score = float(np.exp(np.mean(np.log(list(by_source.values()))))) if by_source else 1.0
    return Standing(law, score, by_source, predicted, sum(map(len, reference.values())))


def _share(row: Row, against: Row, floor: float) -> float:
    return max(row["mae"], floor, 1e-12) / max(against["mae"], floor, 1e-12)


def bundled() -> list[str]:
    """The sources on which everyone can be scored."""
    return [source.name for source in SOURCES if source.bundled]


def score_text(result: Mapping[str, Any]) -> str:
    """What `cptlaw bench task score` prints: one table, and the law's score on its tasks.

    Args:
        result: of `scoring.score`.
    """
    law = result["laws"][0]
    protocols = {p["name"]: p for p in result["protocols"]}
    still = {(r["protocol"], r["domain"]): r for r in result["rows"] if r["law"] == REFERENCE}
    cells = [
        _scored(protocols[row["protocol"]], row, still[row["protocol"], row["domain"]])
        for row in result["rows"]
        if row["law"] == law and row["domain"] is not None
    ]
    headers = ("task", "error", "stands still", "by noise", "R2", "at the end", "splits")
    (own,) = (s for s in standings(result, list(result["sources"])) if s.law == law)
    return "\n\n".join(
        [
            wrapped(
                f"Score {100 * own.score:.1f} on {counted(own.tasks, 'task')}, of which "
                f"{own.predicted} predicted whole: percent that is left of the error of a loss "
                "that stands still, noise apart. Lower is better."
            ),
            plain(Table(f"{law}: errors on what was not fitted", headers, tuple(cells), _COLUMNS)),
        ]
    )


def _scored(protocol: Row, row: Row, still: Row) -> tuple[str, ...]:
    in_nats = protocol["unit"] == "mae"

    def error(one: Row) -> str:
        return f"{nats(one['mae'])} nats" if in_nats else f"{percent(one['mape'])} %"

    noise, r2 = row["mae_in_noise"], row["r2"]
    return (
        row["protocol"] if row["domain"] == "loss" else f"{row['protocol']}, {row['domain']}",
        error(row),
        error(still),
        "-" if noise is None else f"{noise:.1f}",
        "-" if r2 is None else f"{r2:.4f}",
        nats(row["final_mae"]),
        f"{row['splits']} of {still['splits']}",
    )


_COLUMNS = (
    "Error: mean relative, or mean absolute in nats; stands still: that of keeping the last loss "
    "seen; by noise: error over what a repeated run differs by; at the end: nats."
)


def standings_table(some: Sequence[Standing], title: str) -> Table:
    """The laws in their order; scores in percent."""
    sources = list(some[0].by_source) if some else []
    rows = [
        (
            s.law,
            f"{100 * s.score:.1f}",
            f"{s.predicted} of {s.tasks}",
            *(f"{100 * s.by_source[source]:.1f}" for source in sources),
        )
        for s in some
    ]
    return Table(title, ("law", "score", "tasks", *sources), tuple(rows), note=_NOTE)


_NOTE = (
    "Score: percent that is left of the mean absolute error of a loss that stands still "
    f"(`{REFERENCE}`), geometric means over tasks, then over sources; neither error counts below "
    "the noise floor; 100 for a task of which a split was not predicted. Lower is better."
)


def to_markdown(result: Mapping[str, Any], command: str) -> str:
    """The page.

    Args:
        result: of `merged`.
        command: that made it.
    """
    own = bundled()
    others = [name for name in result["sources"] if name not in own]
    ours = standings_table(standings(result, own), "On the runs that come along")
    theirs = standings_table(standings(result, others), "On curves of others")
    known = [
        f"`{source}`: {values}"
        for source, by in result["noise"].items()
        if (values := ", ".join(f"{v:.4f} ({domain})" for domain, v in by.items()))
    ]
    parts = [
        "Laws that tell losses of runs they never saw. [How to enter](benchmark.md).",
        section(ours),
        section(theirs) if others else "",
        section(tables.main_table(result)),
        "## Noise floors",
        "By how much a repeated run lies from the mean of such runs, nats. Less is luck.",
        bullets(known, "No run was repeated."),
    ]
    done = (
        f"{counted(len(result['laws']), 'law')} on {counted(len(result['protocols']), 'protocol')}"
    )
    return page("Leaderboard", command, done, parts)
