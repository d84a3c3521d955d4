"""The runs to do next as text."""

from __future__ import annotations

from cptlaw.decisions.pilot import Pilots
from cptlaw.page import number, percent, table


def pilots_text(pilots: Pilots) -> str:
    """The runs as a table, and why each."""
    unit, is_new = pilots.budget.unit, pilots.goal is None
    headers = ["run", unit]
    if not is_new:
        headers += ["expected regret before", "after", "uncertainty removed"]
    rows: list[list[str]] = []
    for each in pilots.pilots:
        row = [each.run.name, f"{each.cost:.6g}"]
        if not is_new:
            told = (number(each.regret_before, 3), number(each.regret_after, 3))
            row += [*told, percent(each.removed or 0.0)]
        rows.append(row)
    lines = [table(headers, rows), ""]
    for each in pilots.pilots:
        run = each.run
        assert run.schedule is not None
        at = "" if run.after_step is None else f"@{run.after_step}"
        start = "" if run.after is None else f", after {run.after}{at}"
        replay = f", replay {run.replay:g}" if run.replay else ""
        lines += [f"{run.name}: {run.schedule.text}{start}{replay}", f"  {each.reason}"]
    lines += ["", f"{pilots.cost:.6g} of {pilots.budget.text}."]
    if not is_new and pilots.goal is not None:
        rival = f"; {pilots.rival} is likeliest to be better" if pilots.rival else ""
        lines.append(f"Now {pilots.best} looks best ({pilots.goal.weights.text}){rival}.")
        lines.append("Regret in nats of the goal; each line counts with those above it.")
    return "\n".join([*lines, *pilots.notes])
