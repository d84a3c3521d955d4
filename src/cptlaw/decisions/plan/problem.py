"""The problem that a plan solves: which recipes there are, and what judges them."""

from __future__ import annotations

from cptlaw.decisions.plan.aim import Aim
from cptlaw.decisions.plan.branches import branches
from cptlaw.decisions.plan.checks import check_batches, check_phase
from cptlaw.decisions.plan.judge import Judge, Reference
from cptlaw.decisions.plan.knobs import Knobs
from cptlaw.decisions.plan.limit import Limit
from cptlaw.decisions.plan.options import PlanOptions
from cptlaw.decisions.plan.recipe import RecipeMaker
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.fitting.start import Start, starts_of
from cptlaw.laws.points import Points
from cptlaw.page import number
from cptlaw.studies.runs import Data


def judge_of(
    fit: Fit, aim: Aim, limits: tuple[Limit, ...], knobs: Knobs, options: PlanOptions
) -> Judge:
    """What judges the recipes that knobs make.

    Args:
        fit: fitted or published coefficients.
        aim: what is made low.
        limits: what may not be exceeded.
        knobs: what may vary.
        options: what is taken for given.

    Raises:
        DataError: knobs that the law does not cover, a start that there is not, or changes
            against a run from scratch.
    """
    asked = starts_of(fit, knobs.starts, options.base_schedule)
    own = tuple(start.of_size(options.model_size) for start in asked)
    phase: Data = options.data or ("cpt" if "cpt" in fit.domains else "pt")
    check_phase(fit, own, phase, knobs)
    given = options.batch_tokens
    maker = RecipeMaker(
        starts=own,
        data=phase,
        model_size=options.model_size,
        batch_tokens=_usual_batch(fit, phase) if given is None else given,
        sequences=_sequences(fit),
        domain_tokens=options.prices.domain_tokens,
    )
    check_batches(fit, maker, knobs)
    reference = _reference(fit, own[0] if options.reference is None else _one(fit, options))
    if _is_relative(aim, limits) and not reference.losses:
        raise DataError(
            "changes are against the loss at the start, but a run from scratch has none. Give "
            "plain losses, or reference (--reference RUN@STEP)."
        )
    return Judge(
        fit=fit,
        maker=maker,
        branches=branches(knobs, own),
        aim=aim,
        limits=limits,
        prices=options.prices,
        roles=_roles(fit, aim, limits),
        reference=reference,
    )


def assumptions(judge: Judge, options: PlanOptions) -> list[str]:
    """What was taken for granted, each a sentence."""
    told: list[str] = []
    batch = judge.maker.batch_tokens
    if options.batch_tokens is None and batch is not None:
        told.append(f"A step has {number(batch, 6)} tokens, as in the fitted runs.")
    several = len(judge.maker.starts) > 1 and options.reference is None
    if several and _is_relative(judge.aim, judge.limits):
        told.append(
            f"changes are against {judge.reference.words} for all starts; another: reference "
            "(--reference)."
        )
    return told


def _is_relative(aim: Aim, limits: tuple[Limit, ...]) -> bool:
    return aim.measure == "change" or any(limit.kind != "absolute" for limit in limits)


def _roles(fit: Fit, aim: Aim, limits: tuple[Limit, ...]) -> tuple[str, ...]:
    """The domains that are predicted: D_pt and D_cpt, and all that are weighed or limited."""
    both = [role for role in ("pt", "cpt") if role in fit.domains]
    limited = [limit.quantity for limit in limits if not limit.is_cost]
    return tuple(dict.fromkeys([*both, *aim.weights, *limited]))


def _one(fit: Fit, options: PlanOptions) -> Start:
    """The checkpoint that changes are against."""
    text = options.reference or ""
    if not text.strip():
        raise DataError("reference (--reference) is empty; give RUN or RUN@STEP.")
    first, *others = starts_of(fit, (text,), options.base_schedule)
    if others:
        raise DataError(f"reference = '{text}': expected one checkpoint, RUN or RUN@STEP.")
    return first.of_size(options.model_size)


def _reference(fit: Fit, start: Start) -> Reference:
    """A start with its losses; none from scratch."""
    if not start.history.has_base:
        return Reference(start.words, {})
    place = Points.at_ends([start.history], fit.convention)
    losses = {role: float(domain.loss(place)[0]) for role, domain in fit.domains.items()}
    return Reference(start.words, losses, place)


def _usual_batch(fit: Fit, phase: Data) -> float | None:
    """Tokens per step of the fitted runs, where they share it; of those of that phase first."""
    if fit.study is None:
        return None
    runs = [r for r in fit.study.runs if r.data == phase] or list(fit.study.runs)
    found = {r.batch_tokens for r in runs}
    return found.pop() if len(found) == 1 else None


def _sequences(fit: Fit) -> dict[float, int | None]:
    runs = fit.study.runs if fit.study is not None else ()
    return {r.batch_tokens: r.sequence_length for r in runs if r.batch_tokens is not None}
