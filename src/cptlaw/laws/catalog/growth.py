"""From what a study says of its optimizers to weights that grow or not, and their priors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from cptlaw.laws import factors as f
from cptlaw.laws.catalog.entries import Facts
from cptlaw.laws.factors.weights import DECAY, SIGMA, UNIT, USUAL_SIZE
from cptlaw.laws.law import Prior, Shape
from cptlaw.studies.history import History
from cptlaw.studies.optimization import ADAM, Growth, Kind, Optimization

TOLD_DECAY = 0.4
"""Spread (log) of `decay` where the weight decay is told: fits of runs with .1 are .05 to .12."""
OWN_SPREAD = 1.0
OWN_SIGMA: Mapping[str, Prior] = MappingProxyType(
    {
        "muon": Prior(0.4, OWN_SPREAD),
        "dynmuon": Prior(0.4, OWN_SPREAD),
        "normuon": Prior(0.1, OWN_SPREAD),
        "lion": Prior(0.005, OWN_SPREAD),
    }
)
"""Size of usual weights in learning rates of an optimizer. Muon's step has a root mean square of
1/sqrt(width) times its LR, and weights at first one of about 0.5/sqrt(width), some matrices 0;
Lion's learning rates are some times smaller than AdamW's."""
OWN_DECAY = 1.5
MOST_OF_ADAM = 5e-3
"""The highest learning rate that AdamW is run at; a higher one is in another unit."""
USUAL_PEAK = 1e-3  # of AdamW
UNTOLD = "untold"
EFFECTIVE_PEAK = 5e-4
"""The effective LR of the highest peak in a unit that is not AdamW's, so that the priors of what is
counted along it hold: AdamW's weights make 1e-3 of a peak of 1e-3 at first, 3e-4 late."""


def what_is_said(histories: Sequence[History]) -> tuple[Optimization, Optimization]:
    """What the histories say of their pre-training and of their CPT, taken together.

    The optimizer is the first that is named, the weight decay the largest, to which the others are
    in proportion, the weights' size at first the geometric mean.
    """
    cpt = [history.cpt_by for history in histories if history.is_cpt]
    return _together([history.pt_by for history in histories]), _together(cpt)


def _together(said: Sequence[Optimization]) -> Optimization:
    sizes = [by.init_std for by in said if by.init_std is not None]
    return Optimization(
        next((by.optimizer for by in said if by.optimizer is not None), None),
        max((by.weight_decay for by in said if by.weight_decay is not None), default=None),
        float(np.exp(np.mean(np.log(sizes)))) if sizes else None,
    )


def is_open(facts: Facts) -> bool:
    """Whether nothing tells if weights grow in the pre-training."""
    return facts.growth is None and _kind(facts) is None


def _kind(facts: Facts) -> Kind | None:
    """What is known of the optimizer of the pre-training, or of the CPT's if it has no name."""
    return facts.pt.kind if facts.pt.optimizer is not None else facts.cpt.kind


def clock_of(facts: Facts) -> f.Clock:
    """The clock of the effective LR of a study."""
    return f.along(weights_of(facts))


def weights_of(facts: Facts) -> f.Weights:
    """How the weights of a study are moved, with priors where something is told."""
    pt = _kind(facts) or Kind(facts.growth or usual_growth(facts), _likely_unit(facts))
    cpt = facts.cpt.kind or pt
    cpt = cpt if facts.has_cpt and cpt.unit != pt.unit else pt
    told = _largest(facts)
    found = f.Weights(
        decay=None if told == 0 else _decay(facts, pt.unit, told),
        unit=None if cpt is pt else _unit(facts, pt.unit, cpt.unit),
        pt_grow=pt.growth == "grows",
        cpt_grow=cpt.growth == "grows",
        told_decay=told,
        scale=1.0 if pt.unit == ADAM and pt.growth == "grows" else EFFECTIVE_PEAK / facts.peak_lr,
    )
    if not (found.pt_grow or found.cpt_grow):
        return replace(found, sigma=None, decay=None)
    return replace(found, sigma=_sigma(facts, pt.unit))


def usual_growth(facts: Facts) -> Growth:
    """What is taken of weights where nobody tells: that they grow, in AdamW's unit."""
    return "grows" if _likely_unit(facts) == ADAM else "held"


def _likely_unit(facts: Facts) -> str:
    """The unit of learning rates that nobody told: AdamW's, if it is run at such ones."""
    return ADAM if facts.peak_lr <= MOST_OF_ADAM else UNTOLD


def _largest(facts: Facts) -> float | None:
    """The largest weight decay that is told of any phase."""
    told = [by.weight_decay for by in (facts.pt, facts.cpt) if by.weight_decay is not None]
    return max(told, default=None)


def _sigma(facts: Facts, unit: str) -> Shape:
    """The size of the weights at first, around what is told or usual."""
    usual = _usual_sigma(facts, unit)
    size = (facts.pt.init_std or USUAL_SIZE) / USUAL_SIZE
    return _around(SIGMA, usual.centre * size, usual.spread)


def _usual_sigma(facts: Facts, unit: str) -> Prior:
    """The size of usual weights in learning rates of a unit."""
    if unit == ADAM and SIGMA.prior is not None:
        return SIGMA.prior
    return OWN_SIGMA.get(unit, Prior(USUAL_SIZE * facts.peak_lr / USUAL_PEAK, OWN_SPREAD))


def _decay(facts: Facts, unit: str, told: float | None) -> Shape:
    """The weight decay, around what is told or usual; it takes off decay * LR a step."""
    if told is not None:
        return _around(DECAY, told, TOLD_DECAY)
    if unit == ADAM or DECAY.prior is None:
        return DECAY
    return _around(DECAY, DECAY.prior.centre * USUAL_PEAK / facts.peak_lr, OWN_DECAY)


def _unit(facts: Facts, pt: str, cpt: str) -> Shape:
    """What a learning rate of the CPT's optimizer is worth in those of the pre-training's."""
    return _around(UNIT, _usual_sigma(facts, pt).centre / _usual_sigma(facts, cpt).centre, 1.5)


def _around(shape: Shape, centre: float, spread: float) -> Shape:
    """A shape parameter with its prior, and its starts, around a value."""
    assert shape.prior is not None
    usual, wider = shape.prior.centre, max(1.0, spread / shape.prior.spread)
    within = min(max(centre, shape.low), shape.high)
    low, high = (within * (start / usual) ** wider for start in shape.start)
    start = max(low, shape.low), min(high, shape.high)
    return replace(shape, prior=Prior(within, spread), start=start)
