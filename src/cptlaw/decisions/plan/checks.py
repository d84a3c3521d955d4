"""Whether a plan can be made: what the law covers, and where anything is known."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from cptlaw.decisions.cost import COSTS
from cptlaw.decisions.plan.aim import Aim
from cptlaw.decisions.plan.asked import ends
from cptlaw.decisions.plan.judge import Judge, end
from cptlaw.decisions.plan.knobs import Knobs, Numbers
from cptlaw.decisions.plan.limit import Limit
from cptlaw.decisions.plan.recipe import RecipeMaker
from cptlaw.decisions.weights import Weights
from cptlaw.errors import DataError, suggestion
from cptlaw.fitting.result import Fit
from cptlaw.fitting.start import Start, open_models, start_from
from cptlaw.forecasting.extrapolation import check_known
from cptlaw.forecasting.verdict import Verdict
from cptlaw.laws.catalog import that_see
from cptlaw.page import number
from cptlaw.studies.runs import Data, batch_label


def check_wanted(aim: Aim, limits: Iterable[Limit], known: Iterable[str]) -> None:
    """Whether every domain that counts is one of a fit's.

    Raises:
        DataError: one that is not; or the cheapest run without a loss to reach.
    """
    roles, limits = list(known), list(limits)
    if aim.kind != "cheapest":
        Weights(aim.weights).check(roles)
    for limit in limits:
        if not limit.is_cost and limit.quantity not in roles:
            raise DataError(f"limit '{limit.text}': {suggestion(limit.quantity, [*roles, *COSTS])}")
    if aim.kind == "cheapest" and all(limit.is_cost for limit in limits):
        raise DataError(
            "the cheapest run needs a loss to reach, else the best is not to train: give a "
            "limit such as cpt<=2.6 (--limit)."
        )


def check_phase(fit: Fit, own: Sequence[Start], phase: Data, knobs: Knobs) -> None:
    """Whether the law covers what is asked for."""
    for start in own:
        if start.history.is_cpt:
            raise DataError(
                f"after = '{start.text}' is a CPT checkpoint; a plan starts from a pre-training "
                "checkpoint. Forecast its continuations one by one (cptlaw forecast)."
            )
    leaves = [leaf for d in fit.domains.values() for leaf in d.leaves]
    knows = any(t.part == "shift" for leaf in leaves for t in leaf.law.terms)
    if phase == "cpt" and not (knows or "cpt" in fit.domains):
        raise DataError(
            "this fit is of pre-training alone; it knows no shift. Fit a study with CPT runs, or "
            'plan pre-training with data = "pt" (--data pt).'
        )
    if phase == "pt" and any(s.history.unknown_base is not None for s in own):
        raise DataError("D_pt training of an open model cannot be planned: nobody knows its past.")
    sized = all(s.history.model_size for s in own)
    if not sized and any(d.depends_on_size for d in fit.domains.values()):
        raise DataError("this fit depends on the model size; give model_size (--model-size N).")
    based = [s.history.has_base for s in own]
    if phase == "cpt" and not all(based):
        if models := open_models(fit):
            raise DataError(start_from(models))
        raise DataError("a CPT plan needs its base: after = 'RUN' or 'RUN@STEP' (--after).")
    if phase == "pt" and knobs.numbers("replay") != Numbers((0.0,)):
        raise DataError("replay belongs to a CPT run, but this plan is of D_pt training.")
    share = knobs.numbers("replay")
    if not any(leaf.law.sees("replay") for leaf in leaves) and share and len(share.values) > 1:
        raise DataError(
            f"replay (--replay) varies, but law {leaves[0].law.name} does not see it: its losses "
            "are the same at every share, so the choice would mean nothing. Fix the share, or fit "
            "runs of several shares with a law that sees them (the default one)."
        )
    if knobs.batch_tokens is not None and not any(leaf.law.sees("batch") for leaf in leaves):
        law, *_ = that_see("batch")
        raise DataError(
            "the fitted law does not see the batch, so it cannot vary. Fit runs of several batches "
            f"with law {law} (cptlaw fit --law {law})."
        )


def check_batches(fit: Fit, maker: RecipeMaker, knobs: Knobs) -> None:
    """Whether the CPT batches are among the fitted ones, where each has its own shift."""
    leaves = [leaf for domain in fit.domains.values() for leaf in domain.leaves]
    if maker.data == "pt" or not any(leaf.law.sees("batch") for leaf in leaves):
        return
    labels = sorted({label for leaf in leaves for label in leaf.facts.batches})
    given = knobs.numbers("batch_tokens")
    for batch in (maker.batch_tokens,) if given is None else given.values:
        label = batch_label(batch, None if batch is None else maker.sequences.get(batch))
        if label not in labels or (given is not None and given.is_range):
            raise DataError(
                f"each fitted batch has a shift of its own, and none is known in between: list "
                f"those to choose from (--batch). Fitted, tokens x sequence length: "
                f"{', '.join(labels)}."
            )


def check_decided(found: Verdict) -> None:
    """Whether anything at all is known of what a plan may choose.

    Raises:
        DataError: naming the knob of which nothing is, why, and the run that would tell.
    """
    for choice in found.having("unknown"):
        option = {"start": "--after", "size": "--model-size", "schedule": "--family"}.get(
            choice.name, f"--{choice.name}"
        )
        mend = f" Do this run first: {choice.mend}." if choice.mend else ""
        raise DataError(
            f"{choice.words} ({option}): {choice.sentence}{mend} Or insist: anyway = True "
            "(--anyway)."
        )


def check_reach(judge: Judge) -> None:
    """Whether the extremes of peak and steps lie where anything is known, from every start."""
    for start in range(len(judge.maker.starts)):
        mine = [branch for branch in judge.branches if branch.start == start]
        extremes = [ends(mine, name) for name in ("peak", "steps")]
        values = {**{axis.name: axis.low for axis in mine[0].axes}, **dict(mine[0].fixed)}
        for peak, steps in itertools.product(*extremes):
            corner = judge.maker.recipe(mine[0], {**values, "peak": peak, "steps": steps})
            try:
                check_known(judge.fit, end(corner, judge.fit))
            except DataError as error:
                raise DataError(
                    f"knobs at peak {number(peak, 6)} and {number(steps, 6)} steps: {error}"
                ) from None
