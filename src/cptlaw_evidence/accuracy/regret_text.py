"""What choices cost, as one value for JSON, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cptlaw.forecasting.intervals import LEVEL
from cptlaw_evidence.accuracy.coverage_text import left_out
from cptlaw_evidence.accuracy.regret import TARGET, Choice, Decision, Regret
from cptlaw_evidence.accuracy.tables import Table, _lowest, nats
from cptlaw_evidence.accuracy.text import _bullets, _grid, _listed, _plain

_WIDTH = 108
FITTED = {
    "two-peaks": "six runs of a 124M model: constant 50k, cosine to 10 % 25k and WSD 20 % 25k at "
    "peaks 5e-4 and 1e-3",
    "peak-up": "those three at peak 5e-4",
    "peak-down": "those three at peak 1e-3",
    "grid-schedule": "the bundled grid's base, annealed base, constant and two-stage CPT",
    "grid-replay": "these and constant CPT with 25 % replay",
    "grid-far": "base, annealed base, constant and two-stage CPT on the farther D_cpt",
}
"""Protocol -> what the laws are fitted to."""

MEANING = (
    "Regret: measured final loss, weighted by the goal, of the run whose forecast is lowest, minus "
    "that of the best one, nats. Runs that were fitted are among the choices, forecast like the "
    "others; of repeated runs the mean counts. Final losses are those that were measured apart on "
    "the whole validation set, else the last evaluation."
)
RULES = (
    "Random: mean regret of a run drawn at random. Usual: mean regret of a cosine to a tenth of "
    "its peak; of CPT runs, at the lowest peak that was tried, which is half the base's peak (on "
    "the farther D_cpt the base's). A tenth of the base's peak, which many take, was run nowhere."
)
COVERED = (
    "Covered: of the choices that are not the best run, those whose measured difference to it lies "
    f"in the {100 * LEVEL:.0f} % interval of the predicted difference (domains taken as "
    "independent), which then holds 0 too: it says that the two cannot be told apart. ! "
    f"marks a choice that it does not cover. Reach: its mean half-width, nats. Warned: regrets "
    f"above {TARGET:g} nats where a forecast of the chosen run says that it leaves what was fitted."
)


def shape(found: Regret) -> dict[str, Any]:
    """The figures as one value for JSON."""
    return {
        "target": TARGET,
        "level": LEVEL,
        "laws": [_law(law, found) for law in found.laws],
        "choices": [_choice(choice) for choice in found.choices],
        "rows": [_row(decision) for decision in found.decisions],
        "noise": {name: dict(each) for name, each in found.noise.items()},
        "left_out": [dict(one) for one in found.left_out],
        "jobs": found.jobs,
        "seconds": found.seconds,
    }


def _head(choice: Choice) -> dict[str, Any]:
    return {"protocol": choice.protocol, "among": choice.among, "goal": choice.goal}


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        **_head(choice),
        "runs": list(choice.finals),
        "best": choice.best,
        "random": choice.cost(choice.finals),
        "usual": choice.cost(choice.usual) if choice.usual else None,
        "usual_runs": list(choice.usual),
    }


def _row(decision: Decision) -> dict[str, Any]:
    return {
        **_head(decision.choice),
        "law": decision.law,
        "chosen": decision.chosen,
        "best": decision.choice.best,
        "regret": decision.regret,
        "predicted": decision.difference.value,
        "low": decision.difference.low,
        "high": decision.difference.high,
        "within": decision.within,
        "warned": decision.warned,
    }


def _law(law: str, found: Regret) -> dict[str, Any]:
    """What the choices of one law come to."""
    mine = [d for d in found.decisions if d.law == law]
    wrong = [d for d in mine if d.chosen != d.choice.best]
    missed = [d for d in mine if d.regret > TARGET]
    regrets = [d.regret for d in mine]
    reach = [d.difference.high - d.difference.value for d in wrong]
    return {
        "law": law,
        "choices": len(mine),
        "all_choices": len(found.choices),
        "mean": float(np.mean(regrets)) if mine else None,
        "worst": max(regrets, default=None),
        "within_target": len(mine) - len(missed),
        "not_best": len(wrong),
        "covered": sum(d.within for d in wrong),
        "reach": float(np.mean(reach)) if wrong else None,
        "missed": len(missed),
        "warned": sum(d.warned for d in missed),
    }


def law_table(result: Mapping[str, Any]) -> Table:
    """What the choices of each law come to, and of those who ask none."""
    headers = ("", "choices", "mean", "worst", f"<= {nats(TARGET).rstrip('0')}")
    rows: list[tuple[str, ...]] = []
    for law in sorted((x for x in result["laws"] if x["choices"]), key=_rank):
        rows.append(
            (
                law["law"],
                f"{law['choices']} of {law['all_choices']}",
                nats(law["mean"]),
                nats(law["worst"]),
                str(law["within_target"]),
                f"{law['covered']} of {law['not_best']}",
                nats(law["reach"]),
                f"{law['warned']} of {law['missed']}",
            )
        )
    every = len(result["choices"])
    for rule in ("usual", "random"):
        costs = [c[rule] for c in result["choices"] if c[rule] is not None]
        count, kept = f"{len(costs)} of {every}", str(sum(c <= TARGET for c in costs))
        worth = nats(float(np.mean(costs))), nats(max(costs))
        rows.append((f"({rule})", count, *worth, kept, "-", "-", "-"))
    headers = (*headers, "covered", "reach", "warned")
    return Table(
        "Laws",
        headers,
        tuple(rows),
        "Mean and worst regret over all choices, nats; choices overlap in runs and fits.",
    )


def _rank(law: Mapping[str, Any]) -> tuple[int, float]:
    return law["choices"] < law["all_choices"], law["mean"]


def choice_table(result: Mapping[str, Any]) -> Table:
    """What there is to choose, and what it costs not to ask a law."""
    rows = [
        (_label(c), str(len(c["runs"])), c["best"], nats(c["usual"]), nats(c["random"]))
        for c in result["choices"]
    ]
    return Table("Choices", ("", "runs", "best", "usual", "random"), tuple(rows), in_words=True)


def regret_table(result: Mapping[str, Any]) -> Table:
    """Choices against laws."""
    laws = [law["law"] for law in result["laws"] if law["choices"]]
    cells = {(_label(row), row["law"]): _cell(row) for row in result["rows"]}
    labels = [_label(choice) for choice in result["choices"]]
    rows = [(label, *(cells.get((label, law), "-") for law in laws)) for label in labels]
    best = tuple(_lowest([word.rstrip("!") for word in row[1:]]) for row in rows)
    note = "Nats; !: outside the interval; -: the law could not be fitted."
    return Table("Regret", ("", *laws), tuple(rows), note, best)


def _cell(row: Mapping[str, Any]) -> str:
    return nats(row["regret"]) + ("" if row["within"] else "!")


def _label(row: Mapping[str, Any]) -> str:
    goal = "" if row["goal"] == "loss=1" else f", {row['goal']}"
    return f"{row['protocol']}, {row['among']}{goal}"


def noise_said(result: Mapping[str, Any]) -> list[str]:
    """Sentences: by how much the final losses of repeated runs differ."""
    return [
        f"`{source}`: the final loss of a repeated run lies from the mean of such runs by "
        f"{', '.join(f'{nats(v)} ({role})' for role, v in known.items())} nats"
        for source, known in result["noise"].items()
        if known
    ]


def to_text(result: Mapping[str, Any]) -> str:
    """The tables, what was left out, last what the laws come to."""
    shown = (regret_table(result), choice_table(result))
    parts = [_plain(part) for table in shown for part in table.in_width(_WIDTH)]
    parts += _listed("Left out", left_out(result))
    parts += [f"  {MEANING}", f"  {RULES}", f"  {COVERED}"]
    parts += _listed("Noise", noise_said(result))
    return "\n\n".join([*parts, _plain(law_table(result)), f"  {_effort(result)}"])


def to_markdown(result: Mapping[str, Any], command: str) -> str:
    """A page: the laws first, every choice, what was fitted.

    Args:
        result: of `shape`.
        command: that made it.
    """
    shown = (law_table(result), regret_table(result), choice_table(result))
    done = dict.fromkeys(choice["protocol"] for choice in result["choices"])
    parts = [
        "# What the laws' choices cost",
        f"Made by `{command}`: {_effort(result)}. Do not edit.",
        "Laws are fitted to a few real runs, and choose among all that exist of one length.",
        *(MEANING, RULES, COVERED),
        f"The target is {TARGET:g} nats. Runs of one recipe differ, too:",
        _bullets(noise_said(result)),
        *(f"## {t.title}\n\n{_noted(t)}" for t in shown),
        "## What is fitted",
        _bullets(f"{name}: {FITTED[name]}" for name in done),
        "## Left out",
        _bullets(left_out(result)) or "Nothing.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _noted(table: Table) -> str:
    return "\n\n".join(part for part in (table.note, _grid(table)) if part)


def _effort(result: Mapping[str, Any]) -> str:
    laws: Sequence[Mapping[str, Any]] = [law for law in result["laws"] if law["choices"]]
    jobs = f"{result['jobs']} process{'es' * (result['jobs'] != 1)}"
    words = f"{len(laws)} law{'s' * (len(laws) != 1)}, {len(result['choices'])} choices"
    return f"{words} in {result['seconds']:.0f} s with {jobs}"
