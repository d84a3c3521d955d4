"""A plan in one paragraph of plain words."""

from __future__ import annotations

import math

from cptlaw.decisions.plan.knobs import is_drop, knob_words
from cptlaw.decisions.plan.result import Outcome, Plan
from cptlaw.output.text.verdict import AS_SEEN, regret_words
from cptlaw.page import number, quantity
from cptlaw.schedules.text import short

_NATURAL = (0.0, 1.0)  # ends that a share has anyway


def headline(plan: Plan) -> str:
    """What to run, and how sure that is."""
    said = [_what(plan), _at_an_end(plan), "" if plan.verdict is None else plan.verdict.first]
    return " ".join(sentence for sentence in [*said, _sure(plan)] if sentence)


def advice(plan: Plan) -> str:
    """What to run and how sure that is, why, what does not matter, and what binds."""
    return " ".join(said for said in (headline(plan), reasons(plan), _far(plan)) if said)


def reasons(plan: Plan) -> str:
    """What the recipe gives, what does not matter, and what binds."""
    said = [_outcome(plan), _against_default(plan), _flat(plan), _others(plan)]
    said.append(_binding(plan))
    return " ".join(sentence for sentence in said if sentence)


def recipe_words(outcome: Outcome) -> str:
    """A recipe in a few words."""
    recipe = outcome.recipe
    start = "" if recipe.start.is_scratch else f" from {recipe.start.text}"
    replay = f", replay {number(recipe.replay, 6)}" if recipe.data == "cpt" else ""
    batch = ""
    if "batch_tokens" in recipe.values and recipe.batch_tokens:
        batch = f", {number(recipe.batch_tokens, 6)} tokens a step"
    return f'"{short(recipe.schedule.text)}"{start}{replay}{batch}'


def _what(plan: Plan) -> str:
    if plan.feasible:
        return f"Run {recipe_words(plan.best)}."
    return (
        f"No recipe within these knobs keeps every limit; the nearest is "
        f"{recipe_words(plan.best)}. " + " ".join(plan.why)
    )


def _outcome(plan: Plan) -> str:
    level = next(iter(plan.losses.values())).level
    told: list[str] = []
    for role, each in plan.losses.items():
        reach = "" if each.low == each.high else f"{each.low:.3f} to {each.high:.3f}"
        change = f"{each.value - plan.reference[role]:+.3f}" if role in plan.reference else ""
        inside = "; ".join(part for part in (reach, change) if part)
        told.append(f"{role} {each.value:.3f}" + (f" ({inside})" if inside else ""))
    meaning = [] if plan.stability is None else [f"where {100 * level:.0f} % of such runs end"]
    if plan.reference:
        meaning.append(f"the change against {plan.reference_words}")
    brackets = f". In brackets: {', and '.join(meaning)}" if meaning else ""
    return f"It should end at {', '.join(told)} nats{brackets}."


def _against_default(plan: Plan) -> str:
    if plan.default is None or not math.isfinite(plan.default.value):
        return ""
    if plan.aim.kind == "cheapest":
        return ""
    gap = plan.default.value - plan.best.value
    usual = "a tenth of the base's peak, cosine to 0 and no replay"
    if plan.best.recipe.data == "pt":
        usual = "a cosine to a tenth of the fitted peak"
    if abs(gap) < 5e-4:
        return f"The common default, {usual}, is as good."
    more = "worse" if gap > 0 else "better, but lies outside these knobs or limits"
    unit = f" {plan.aim.unit}" if plan.aim.unit else ""
    return f"The common default, {usual}, is {abs(gap):.3f}{unit} {more}."


def _flat(plan: Plan) -> str:
    told: list[str] = []
    for knob in plan.knobs:
        if is_drop(knob.name):
            continue
        low, high = knob.flat_free
        if high > low:
            told.append(f"{knob_words(knob.name)} {quantity(low, 3)} to {quantity(high, 3)}")
    return f"Nearly as good: {'; '.join(told)}." if told and plan.feasible else ""


def _others(plan: Plan) -> str:
    near = [other for other in plan.alternatives if math.isfinite(other.behind)]
    if not near or plan.aim.kind == "cheapest":
        return ""
    first = min(near, key=lambda other: other.behind)
    return (
        f"The next best choice is {knob_words(first.knob)} {first.choice}: "
        f"{number(first.behind, 3)} worse."
    )


def _binding(plan: Plan) -> str:
    unit = f" {plan.aim.unit}" if plan.aim.unit else ""
    told = [
        f"{p.limit.text} ({p.looser.text} would gain {number(p.gain, 2)}{unit})"
        for p in plan.prices
    ]
    return f"Limits that cost something: {'; '.join(told)}." if told else ""


def _at_an_end(plan: Plan) -> str:
    """Which knobs are best at an end of their range, so that a wider one may do better."""
    ends = [
        f"{knob_words(k.name)} {quantity(k.value, 3)}"
        for k in plan.knobs
        if k.value in (k.low, k.high) and k.value not in _NATURAL and max(k.rise) > 0
    ]
    if not ends or not plan.feasible:
        return ""
    return (
        f"This lies at the end of the range that you gave ({', '.join(ends)}): beyond it "
        "may be better."
    )


def _sure(plan: Plan) -> str:
    if plan.stability is None:
        return ""
    told: list[str] = []
    if plan.feasible and plan.aim.kind != "cheapest":
        own = plan.verdict is not None and plan.verdict.status == "data"
        told.append(
            "if all these recipes were run, the best would beat this one by "
            f"{regret_words(plan.stability.regret)}{f' {plan.aim.unit}' if plan.aim.unit else ''} "
            f"on average{'' if own else f', {AS_SEEN}'}"
        )
    if plan.limits and plan.feasible:
        told.append(f"the limits hold in {100 * plan.stability.keeps:.0f} % of the refits")
    if plan.alternatives and plan.feasible:
        told.append(
            f"{100 * plan.stability.agree:.0f} % of the refits choose the same start and kinds"
        )
    return f"{told[0][0].upper()}{'; '.join(told)[1:]}." if told else ""


def _far(plan: Plan) -> str:
    if not plan.warnings:
        return ""
    return f"Beware: {plan.warnings[0]}" + (
        f" And {len(plan.warnings) - 1} more below." if len(plan.warnings) > 1 else ""
    )
