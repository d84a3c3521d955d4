"""A plan as tables and words."""

from __future__ import annotations

import math

from cptlaw.decisions.cost import COSTS
from cptlaw.decisions.plan.knobs import is_drop, knob_words
from cptlaw.decisions.plan.result import Outcome, Plan
from cptlaw.output.text.advice import headline, reasons
from cptlaw.output.text.verdict import verdict_text
from cptlaw.page import bullets, number, power, quantity, table, wrapped

_SHOWN = 10  # recipes of the front
_COSTS = {"flops": "FLOPs"}


_KNOBS_SAID = (
    "% of refits: where the best value lies if the fit is made again with random weights of the "
    "runs.",
    "as good: values that cost next to nothing, with the other knobs as in the plan, or each at "
    "its best. low end, high end: what the ends of the range would cost.",
)


def plan_text(plan: Plan) -> str:
    """The advice, then the tables behind it."""
    measure = "" if plan.aim.measure == "loss" else f", {plan.aim.measure}"
    head = f"goal: {plan.aim.text}{measure}"
    if plan.limits:
        head += f"; limits: {', '.join(limit.text for limit in plan.limits)}"
    before = f"Do this run first: {plan.first_run} As things stand:"
    first = [wrapped(before)] if plan.first_run else []
    first.append(verdict_text(headline(plan), () if plan.verdict is None else plan.verdict.lines))
    first += [wrapped(plan.cut)] if plan.cut else []
    parts = [*first, "", head, "", wrapped(reasons(plan)), "", _outcomes(plan)]
    for part in (_knobs(plan), _listed(plan), _front(plan)):
        if part:
            parts += ["", part]
    parts += [*(wrapped(w, "! ", "  ") for w in plan.warnings)]
    parts += [*(wrapped(n, "- ", "  ") for n in plan.notes)]
    parts.append(f"{plan.looked_at:,} recipes were looked at in {plan.seconds:.1f} s.")
    return "\n".join(parts)


def _outcomes(plan: Plan) -> str:
    """The recipe beside the common default."""
    outcomes: list[tuple[str, Outcome]] = [("this plan", plan.best)]
    if plan.default is not None:
        outcomes.append(("common default", plan.default))
    roles, costs = list(plan.best.losses), [c for c in COSTS if c in plan.best.costs]
    rows: list[list[str]] = []
    for name, outcome in outcomes:
        row = [name, number(outcome.value, 5)]
        for role in roles:
            each = plan.losses[role]
            reach = f" ({each.low:.3f}-{each.high:.3f})" if each.low < each.high else ""
            own = outcome is plan.best
            row.append(f"{outcome.losses[role]:.4f}" + (reach if own else ""))
        rows.append([*row, *(_cost(c, outcome.costs[c]) for c in costs)])
    return table(["", "goal", *roles, *(_COSTS.get(c, c) for c in costs)], rows)


def _cost(name: str, value: float) -> str:
    return power(value, 2) if name == "flops" else quantity(value, 3)


def _knobs(plan: Plan) -> str:
    """What each knob that varies does."""
    if not plan.knobs:
        return ""
    rows: list[list[str]] = []
    for knob in plan.knobs:
        sure = None if plan.stability is None else plan.stability.knobs.get(knob.name)
        rows.append(
            [
                knob_words(knob.name),
                quantity(knob.value, 3),
                "-" if sure is None else f"{quantity(sure.low, 3)} to {quantity(sure.high, 3)}",
                f"{quantity(knob.flat[0], 3)} to {quantity(knob.flat[1], 3)}",
                f"{quantity(knob.flat_free[0], 3)} to {quantity(knob.flat_free[1], 3)}",
                f"{quantity(knob.low, 3)}: {_rise(knob.rise[0])}",
                f"{quantity(knob.high, 3)}: {_rise(knob.rise[1])}",
            ]
        )
    level = next(iter(plan.losses.values())).level
    headers = ["knob", "best", f"{100 * level:.0f} % of refits", "as good", "as good, others free"]
    return "\n".join([table([*headers, "low end", "high end"], rows), *bullets(_KNOBS_SAID)])


def _rise(rise: float) -> str:
    if not math.isfinite(rise):
        return "breaks a limit"
    return f"+{rise:.3f}" if rise < 100 else f"+{number(rise, 3)}"


def _listed(plan: Plan) -> str:
    if not plan.alternatives:
        return ""
    rows = [
        [f"{knob_words(o.knob)} {o.choice}", number(o.value, 5), _rise(o.behind)]
        for o in plan.alternatives
    ]
    return table(["instead", "goal", "worse by"], rows)


def _front(plan: Plan) -> str:
    """Some of the recipes of which none is better in everything."""
    if len(plan.front) < 2:
        return ""
    every = -(-len(plan.front) // _SHOWN)
    roles = list(plan.best.losses)
    cost = "tokens" if "tokens" in plan.best.costs else "steps"
    shown = list(plan.front[::every])
    varied = [
        k for k in plan.best.recipe.values if len({o.recipe.values.get(k) for o in shown}) > 1
    ]
    varied = [k for k in varied if not is_drop(k)]
    rows = [
        [
            o.recipe.start.text + " " + o.recipe.family,
            *(f"{o.losses[role]:.4f}" for role in roles),
            quantity(o.costs[cost], 3),
            *(quantity(o.recipe.values[k], 3) if k in o.recipe.values else "-" for k in varied),
        ]
        for o in shown
    ]
    return table(
        ["start and kind", *roles, cost, *(knob_words(k) for k in varied)],
        rows,
        "Trade-offs: no row beats another in everything",
    )
