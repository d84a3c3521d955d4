"""Other people's runs -> ranges for a CPT of which there are no runs, and the first to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from cptlaw.decisions.pilot.budget import Budget
from cptlaw.decisions.pilot.choosing import Pilot
from cptlaw.decisions.pilot.first import first_pilots, usual_peak
from cptlaw.decisions.prior.options import PriorOptions
from cptlaw.decisions.prior.responses import completed, own_best, response
from cptlaw.decisions.prior.result import OwnBest, PriorPlan, PriorRange
from cptlaw.decisions.prior.sources import PriorSource, sources
from cptlaw.errors import DataError
from cptlaw.page import amount, number

_USUAL_PEAKS = 3.0  # factor by which peaks of models of one size differ
_PEAKS_APART = math.log(2)  # between the runs of a source
_SHARES_APART = 0.2
_BEYOND_RUN = 2.0  # times the highest peak that was run
_MOST_REPLAY = 0.9
_FEWEST_FAMILIES = 3
AS_GOOD_AS_NEW = 4.0
"""Passes up to which repeats are about worth new data (arXiv:2305.16264; cited)."""
MOST_PASSES = 15.0
"""Passes that still help, the fewest named by arXiv:2605.12715 (15 to 20; cited)."""
_PILOTS = 3
_PILOT_SHARE, _FEWEST = 0.1, 200  # of a pass, but not fewer steps
_CITED = (
    f"Passes: up to about {number(AS_GOOD_AS_NEW)} repeats are worth new data "
    "(arXiv:2305.16264), and 15 "
    "to 20 are the most that still helped (arXiv:2605.12715). Both are cited, not measured here; "
    "the laws behind these ranges know no overfitting."
)
_LEFT_OUT = (
    "Not used, as they tell nothing of these choices: a 7B model (one run, one peak, training loss "
    "alone) and printed laws of one peak without replay."
)


def plan_prior(
    options: PriorOptions,
    *,
    without: Iterable[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> PriorPlan:
    """What peak LR, replay and passes other people's runs leave, before there are own runs.

    Args:
        options: what is known of the model and the data.
        without: families of sources that are left out, to see whether the others foretell them.
        progress: is told of every source.

    Raises:
        DataError: no source is left that tells of a choice.
    """
    out = set(without)
    used = [source for source in sources() if source.family not in out]
    found = []
    for i, source in enumerate(used, start=1):
        progress(f"{source.name} ({i} of {len(used)}) ...")
        found.append(response(source, options))
    best = [own_best(each, options) for each in completed(found, options)]
    ratio, replay = _peaks(best), _shares(best)
    peak, note = _absolute(ratio, options)
    changes = {role: _changed(best, role, used) for role in ("pt", "cpt")}
    return PriorPlan(
        options,
        ratio,
        peak,
        replay,
        _passes(best),
        changes,
        {role: _final(loss, changes[role]) for role, loss in options.losses.items()},
        tuple(best),
        _pilots(options, peak),
        (note, *_beyond(options, used), _CITED, _LEFT_OUT),
    )


def _peaks(best: Sequence[OwnBest]) -> PriorRange:
    """The best peak of a model like none of these, as a share of its pre-training's."""
    own = {each.family: [] for each in best if each.peak is not None}
    for each in best:
        if each.peak is not None:
            own[each.family].append(math.log(each.peak.value))
    low, middle, high = (math.exp(v) for v in _next(own, _PEAKS_APART, "peak LR"))
    near = [each.peak for each in best if each.peak is not None]
    return PriorRange(
        min(low, *(n.low for n in near)),
        middle,
        min(max(high, *(n.high for n in near)), _BEYOND_RUN * max(n.high for n in near)),
    )


def _shares(best: Sequence[OwnBest]) -> PriorRange:
    """The best replay share of a model like none of these."""
    own = {each.family: [] for each in best if each.replay is not None}
    for each in best:
        if each.replay is not None:
            own[each.family].append(each.replay.value)
    low, middle, high = _next(own, _SHARES_APART, "replay")
    near = [each.replay for each in best if each.replay is not None]
    return PriorRange(
        max(0.0, min(low, *(n.low for n in near))),
        middle,
        min(_MOST_REPLAY, max(high, *(n.high for n in near))),
    )


def _next(own: Mapping[str, Sequence[float]], apart: float, what: str) -> tuple[float, ...]:
    """Where the next of such values lies in nine of ten cases, each family counting once.

    Args:
        own: family -> its values.
        apart: how far from one another the runs are that each was chosen from.
        what: they are of.
    """
    means = np.array([np.mean(values) for values in own.values()])
    n = means.size
    if n < _FEWEST_FAMILIES:
        raise DataError(f"too few sources tell of the {what}.")
    spread = math.sqrt(float(means.var(ddof=1)) + apart**2 / 4)
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, 0.95)) * spread * math.sqrt(1 + 1 / n)
    middle = float(means.mean())
    return middle - half, middle, middle + half


def _absolute(ratio: PriorRange, options: PriorOptions) -> tuple[PriorRange, str]:
    """The peak LR itself, and a sentence on the one of the pre-training."""
    if options.pt_peak is not None:
        peak, wide = options.pt_peak, 1.0
        note = f"The peaks are shares of the pre-training's, {number(peak, 6)} as given."
    else:
        peak, wide = usual_peak(options.model_size), _USUAL_PEAKS
        note = (
            f"The pre-training's peak was not given: {number(peak, 6)} is usual for the size, "
            "within a "
            f"factor of {number(wide, 6)}. Give it (--pt-peak) for a narrower range."
        )
    low, value, high = ratio.low * peak / wide, ratio.value * peak, ratio.high * peak * wide
    return PriorRange(low, value, high), note


def _passes(best: Sequence[OwnBest]) -> PriorRange:
    """As the sources' laws have it, which know no overfitting, within what others measured."""
    own = [each.passes for each in best]
    return PriorRange(1.0, min(float(np.median(own)), AS_GOOD_AS_NEW), max(MOST_PASSES, *own))


def _changed(best: Sequence[OwnBest], role: str, used: Sequence[PriorSource]) -> PriorRange:
    """Relative changes of a loss at each source's best, of those that measured it."""
    own = [
        np.expm1(each.changes[role])
        for each, source in zip(best, used, strict=True)
        if role in source.fit.domains
    ]
    return PriorRange(float(min(own)), float(np.median(own)), float(max(own)))


def _final(loss: float, change: PriorRange) -> PriorRange:
    return PriorRange(*(loss * (1 + part) for part in (change.low, change.value, change.high)))


def _beyond(options: PriorOptions, used: Sequence[PriorSource]) -> list[str]:
    """Sentences on how far the model is from all that was run."""
    largest = max(used, key=lambda source: source.model_size)
    found: list[str] = []
    if options.model_size > 1.5 * largest.model_size:
        found.append(
            f"The largest model behind this has {amount(largest.model_size)} parameters; "
            "how the best "
            f"choices move from there to {amount(options.model_size)} was not measured."
        )
    shortest = min(source.steps for source in used)
    longest = max(source.steps for source in used)
    steps = options.pass_steps
    if not shortest / 3 <= steps <= 3 * longest:
        found.append(
            f"One pass is {number(steps, 3)} steps of {number(options.batch_tokens, 6)} "
            "tokens; the runs behind "
            f"this have {number(shortest, 6)} to {number(longest, 6)}. The nearest length is taken."
        )
    return found


def _pilots(options: PriorOptions, peak: PriorRange) -> tuple[Pilot, ...]:
    """Short runs from the checkpoint that tell the most of what the ranges leave open."""
    steps = max(_FEWEST, round(_PILOT_SHARE * options.pass_steps))
    found = first_pilots(
        options.model_size,
        Budget(_PILOTS * steps * options.batch_tokens, "tokens"),
        peak=float(f"{peak.value:.2g}"),
        batch_tokens=options.batch_tokens,
        unknown="NAME",
    )
    return found.pilots
