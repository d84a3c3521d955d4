"""The runs to do next as text."""

from __future__ import annotations

from cptlaw.decisions.pilot import Pilot, Pilots
from cptlaw.forecasting.design import base_of, run_words
from cptlaw.output.text.verdict import AS_SEEN, regret_words
from cptlaw.page import amount, number, percent, power, table, wrapped
from cptlaw.studies.study import Study

_AS_SURE = 0.95  # share of the expected regret that is left, above which a run lowers it little


_REGRET = (
    "Regret: how much lower, on average, the goal's loss of the best run would be than that of the "
    "run which now looks best, in nats. Each row counts the runs above it as done. It is of "
    f"the runs to choose from alone, {AS_SEEN}."
)


def cost_words(cost: float, unit: str) -> str:
    """A cost as people write it."""
    if unit == "FLOPs":
        return power(cost, 2)
    return amount(cost) if unit == "tokens" else number(cost)


def _spent(pilots: Pilots) -> str:
    unit = pilots.budget.unit
    spent, most = cost_words(pilots.cost, unit), cost_words(pilots.budget.amount, unit)
    return f"Together they cost {spent} of {most} {unit}."


def pilots_text(pilots: Pilots) -> str:
    """Which runs to do, why each, and what they do for the choice."""
    parts = [_runs(pilots.pilots, pilots.study)]
    if pilots.goal is not None and pilots.pilots:
        parts.append(wrapped(_choice(pilots)))
    parts += ["", _table(pilots), "", _spent(pilots)]
    if pilots.goal is not None:
        parts.append(wrapped(_REGRET))
    return "\n".join([*parts, *map(wrapped, pilots.notes)])


def _runs(pilots: tuple[Pilot, ...], study: Study | None) -> str:
    """What to run, in the schedule's own words."""
    if len(pilots) == 1:
        return wrapped(f"Do this run next: {_words(pilots[0], study)}. {pilots[0].reason}")
    several = [
        wrapped(f"{i}. {_words(each, study)}. {each.reason}", "", "   ")
        for i, each in enumerate(pilots, 1)
    ]
    return "\n".join(["Do these runs next:", *several])


def _words(pilot: Pilot, study: Study | None) -> str:
    assert pilot.run.schedule is not None
    return run_words(pilot.run, pilot.run.schedule, base_of(pilot.run, study))


def _choice(pilots: Pilots) -> str:
    """Which run looks best, and what the new runs do for that choice."""
    assert pilots.goal is not None
    before, after = pilots.pilots[0].regret_before, pilots.pilots[-1].regret_after
    goal = pilots.goal.weights.text
    said = f"Of the runs to choose from, {pilots.best} now looks best for the goal {goal}"
    said += f"; {pilots.rival} is the likeliest to be better." if pilots.rival else "."
    if before is None or after is None:
        return said
    said += f" If you chose now, the best would on average beat it by {regret_words(before)} nats"
    what = "this run" if len(pilots.pilots) == 1 else "these runs"
    if after >= _AS_SURE * before:
        return f"{said}; {what} will hardly change that choice, but make the forecasts surer."
    return f"{said}; after {what} by {regret_words(after)}."


def _table(pilots: Pilots) -> str:
    is_new = pilots.goal is None
    headers = ["run", pilots.budget.unit]
    if not is_new:
        headers += ["regret before", "regret after", "uncertainty removed"]
    rows: list[list[str]] = []
    for each in pilots.pilots:
        row = [each.run.name, cost_words(each.cost, pilots.budget.unit)]
        if not is_new:
            told = (number(each.regret_before, 3), number(each.regret_after, 3))
            row += [*told, percent(each.removed or 0.0)]
        rows.append(row)
    return table(headers, rows)
