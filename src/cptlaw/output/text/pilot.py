"""The runs to do next as text."""

from __future__ import annotations

from cptlaw.decisions.pilot import Pilot, Pilots
from cptlaw.forecasting.design import run_words
from cptlaw.page import number, percent, table, wrapped

_AS_SURE = 0.95  # share of the expected regret that is left, above which a run lowers it little


def pilots_text(pilots: Pilots) -> str:
    """Which runs to do, why each, and what they do for the choice."""
    parts = [_runs(pilots.pilots)]
    if pilots.goal is not None and pilots.pilots:
        parts.append(wrapped(_choice(pilots)))
    parts += ["", _table(pilots), "", f"{pilots.cost:.6g} of {pilots.budget.text}."]
    if pilots.goal is not None:
        parts.append("Regret in nats of the goal; each line counts with those above it.")
    return "\n".join([*parts, *pilots.notes])


def _runs(pilots: tuple[Pilot, ...]) -> str:
    """What to run, in the schedule's own words."""
    if len(pilots) == 1:
        return wrapped(f"Do this run next: {_words(pilots[0])}. {pilots[0].reason}")
    several = [
        wrapped(f"{i}. {_words(each)}. {each.reason}", "", "   ")
        for i, each in enumerate(pilots, 1)
    ]
    return "\n".join(["Do these runs next:", *several])


def _words(pilot: Pilot) -> str:
    assert pilot.run.schedule is not None
    return run_words(pilot.run, pilot.run.schedule)


def _choice(pilots: Pilots) -> str:
    """Which run looks best, and what the new runs do for that choice."""
    assert pilots.goal is not None
    before, after = pilots.pilots[0].regret_before, pilots.pilots[-1].regret_after
    rival = f" ({pilots.rival} is likeliest to be better)" if pilots.rival else ""
    said = f"As things stand {pilots.best} looks best for {pilots.goal.weights.text}{rival}."
    if before is None or after is None:
        return said
    said += f" The best run is expected to beat it by {number(before, 3)} nats"
    what = "that run" if len(pilots.pilots) == 1 else "those runs"
    if after >= _AS_SURE * before:
        return f"{said}; {what} will hardly change that choice, but make the forecasts surer."
    return f"{said}, by {number(after, 3)} after {what}."


def _table(pilots: Pilots) -> str:
    is_new = pilots.goal is None
    headers = ["run", pilots.budget.unit]
    if not is_new:
        headers += ["expected regret before", "after", "uncertainty removed"]
    rows: list[list[str]] = []
    for each in pilots.pilots:
        row = [each.run.name, f"{each.cost:.6g}"]
        if not is_new:
            told = (number(each.regret_before, 3), number(each.regret_after, 3))
            row += [*told, percent(each.removed or 0.0)]
        rows.append(row)
    return table(headers, rows)
