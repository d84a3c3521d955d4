"""What a plan asks of a fit: the ranges of its knobs, as a verdict needs them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from cptlaw.decisions.plan.branches import Branch
from cptlaw.decisions.plan.judge import Judge
from cptlaw.decisions.plan.knobs import Knobs, Numbers
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.design import Asked, design_of, reach_of
from cptlaw.forecasting.measured import GENTLER
from cptlaw.page import number
from cptlaw.studies.runs import Data


def asked_of_plan(judge: Judge) -> Asked:
    """All that the recipes of a plan may be."""
    every, maker = judge.branches, judge.maker
    starts = [maker.starts[branch.start].history for branch in every]
    peaks, replay = ends(every, "peak"), ends(every, "replay")
    sizes = {maker.model_size or history.model_size for history in starts}
    shapes = {(branch.family, branch.decay_shape) for branch in every}
    bent = [name for name in ("decay", "end", "power") if _differs(ends(every, name))]
    varies = {name for name in ("peak", "steps", "replay") if _differs(ends(every, name))}
    if len(shapes) > 1 or bent or any(family == "free" for family, _ in shapes):
        varies.add("schedule")
    if len(maker.starts) > 1:
        varies.add("start")
    return Asked(
        phase=maker.data,
        peaks=peaks,
        steps=ends(every, "steps")[1],
        falls=any(_falls(branch) for branch in every),
        replay=replay if maker.data == "cpt" else (0.0, 0.0),
        starts=tuple(float(h.pt_lr.size) for h in starts if h.pt_lr.size),
        size=sizes.pop() if len(sizes) == 1 else None,
        varies=frozenset(varies),
    )


def ends(branches: Iterable[Branch], name: str) -> tuple[float, float]:
    """Lowest and highest value of a knob over branches; 0 where none has it."""
    mine = list(branches)
    axes = [axis for branch in mine for axis in branch.axes if axis.name == name]
    listed = [value for branch in mine for key, value in branch.fixed if key == name]
    every = [*(axis.low for axis in axes), *(axis.high for axis in axes), *listed]
    return min(every, default=0.0), max(every, default=0.0)


def within_reach(fit: Fit, knobs: Knobs, phase: Data, anyway: bool) -> tuple[Knobs, str]:
    """The knobs without peak LRs that nothing is known of, and a sentence on what was left out.

    Peaks at which runs of the study diverged are left out even where one insists.

    Args:
        fit: fitted or published coefficients; of the latter all is left as it is.
        knobs: what may vary.
        phase: "cpt" or "pt".
        anyway: whether one insists.

    Raises:
        DataError: runs diverged at all the peaks that are asked for, or below.
    """
    design, given = design_of(fit, phase), knobs.numbers("peak")
    if design is None or given is None or not design.peaks:
        return knobs, ""
    reach = reach_of(fit).peak
    low, high = _digits(design.peaks[0] / (GENTLER * reach)), _digits(design.peaks[-1] * reach)
    why = f"{number(reach, 6)}x what you ran, beyond which forecasts were never checked"
    if anyway:
        low, high = 0.0, math.inf
    limit = fit.peak_limit
    diverged = limit is not None and limit <= high
    if limit is not None and diverged:
        known = [peak for peak in design.peaks if peak < limit]
        high, why = (
            math.sqrt(max(known, default=limit / 2) * limit),
            f"a run at {number(limit, 6)} diverged",
        )
        if given.values[0] > high:
            raise DataError(
                f"peak (--peak): a run of the study at {number(limit, 6)} diverged, so no peak "
                "LR above "
                f"{number(_digits(high), 6)} is planned. Give lower ones."
            )
    kept = [value for value in given.values if low <= value <= high]
    if len(kept) == len(given.values) or (not kept and not given.is_range):
        return knobs, ""
    if given.is_range:
        kept = [max(given.values[0], _digits(low)), min(given.values[1], _digits(high))]
        if kept[0] >= kept[1]:
            return knobs, ""
    cut = Numbers(tuple(kept), given.is_range)
    if cut.values[-1] == given.values[-1]:
        below = number(GENTLER * reach, 6)
        why, diverged = f"forecasts below 1/{below} of what you ran were never checked", False
    insist = "" if diverged else " --anyway looks at all."
    return replace(knobs, peak=cut), f"Peak LRs looked at: {cut.text} only ({why}).{insist}"


def _digits(value: float) -> float:
    return float(f"{value:.3g}") if math.isfinite(value) else value


def _differs(pair: tuple[float, float]) -> bool:
    return pair[1] > pair[0]


def _falls(branch: Branch) -> bool:
    """Whether recipes of a branch may end well below their peak."""
    if branch.family == "constant":
        return False
    if branch.family == "wsd":
        return ends([branch], "decay")[1] > 0
    return True
