"""What choices cost, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cptlaw.forecasting.intervals import LEVEL
from cptlaw_evidence.pages import (
    Table,
    bullets,
    counted,
    effort,
    left_out,
    listed,
    lowest,
    nats,
    page,
    section,
    within_width,
)
from cptlaw_evidence.regret.summary import TARGET

FITTED = {
    "two-peaks": "six runs of a 124M model: constant 50k, cosine to 10 % 25k and WSD 20 % 25k at "
    "peaks 5e-4 and 1e-3",
    "peak-up": "those three at peak 5e-4",
    "peak-down": "those three at peak 1e-3",
    "grid-schedule": "the bundled grid's base, annealed base, constant and two-stage CPT",
    "grid-replay": "these and constant CPT with 25 % replay",
    "grid-far": "base, annealed base, constant and two-stage CPT on the farther D_cpt",
    "20m-near": "the 20M grid's base, annealed base, constant and two-stage CPT",
    "20m-replay": "these and constant CPT with 25 % replay",
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
    "its peak; of CPT runs, at half the base's peak, or at the base's where no cosine was run "
    "lower (the farther D_cpt, the 20M grid). A tenth of the base's peak, which many take, was run "
    "nowhere."
)
COVERED = (
    "Covered: of the choices that are not the best run, those whose measured difference to it lies "
    f"in the {100 * LEVEL:.0f} % interval of the predicted difference (domains taken as "
    "independent), which then holds 0 too: it says that the two cannot be told apart. ! "
    f"marks a choice that it does not cover. Reach: its mean half-width, nats. Warned: regrets "
    f"above {TARGET:g} nats where a forecast of the chosen run says that it leaves what was "
    "fitted. Expected: the regret that a plan would state for the chosen run, beforehand."
)


def law_table(result: Mapping[str, Any]) -> Table:
    """What the choices of each law come to, and of those who ask none."""
    headers = ("", "choices", "mean", "worst", "expected", f"<= {nats(TARGET).rstrip('0')}")
    rows: list[tuple[str, ...]] = []
    for law in sorted((x for x in result["laws"] if x["choices"]), key=_rank):
        rows.append(
            (
                law["law"],
                f"{law['choices']} of {law['all_choices']}",
                nats(law["mean"]),
                nats(law["worst"]),
                nats(law["expected"]),
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
        rows.append((f"({rule})", count, *worth, "-", kept, "-", "-", "-"))
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
    best = tuple(lowest([word.rstrip("!") for word in row[1:]]) for row in rows)
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
    parts = [
        *within_width([regret_table(result), choice_table(result)]),
        *listed("Left out", left_out(result)),
        *(f"  {words}" for words in (MEANING, RULES, COVERED)),
        *listed("Noise", noise_said(result)),
        *within_width([law_table(result)]),
    ]
    return "\n\n".join([*parts, f"  {_effort(result)}"])


def to_markdown(result: Mapping[str, Any], command: str) -> str:
    """A page: the laws first, every choice, what was fitted.

    Args:
        result: of `shape`.
        command: that made it.
    """
    done = dict.fromkeys(choice["protocol"] for choice in result["choices"])
    parts = [
        "Laws are fitted to a few real runs, and choose among all that exist of one length.",
        *(MEANING, RULES, COVERED),
        f"The target is {TARGET:g} nats. Runs of one recipe differ, too:",
        bullets(noise_said(result)),
        *(section(t) for t in (law_table(result), regret_table(result), choice_table(result))),
        "## What is fitted",
        bullets(f"{name}: {FITTED[name]}" for name in done),
        "## Left out",
        bullets(left_out(result), "Nothing."),
    ]
    return page("What the laws' choices cost", command, _effort(result), parts)


def _effort(result: Mapping[str, Any]) -> str:
    laws = counted(sum(bool(law["choices"]) for law in result["laws"]), "law")
    return effort(f"{laws}, {len(result['choices'])} choices", result)
