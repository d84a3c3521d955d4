"""Factors of a CPT whose pre-training nobody knows, along the effective LR (see `weights`).

What is left of a pre-training when a CPT begins are four numbers, which stand here for its learning
rates:

- S_pt, its progress, in the same units as that of the CPT, one for each open model;
- S_new, what it has been worth of training on D_cpt, c S_pt of `transfer`, one for each open model;
- q, the mean square of its weights relative to their start (`Weights.grown`);
- w, its last learning rate as a share of the highest of the CPTs: the noise that it has left fades
  along the CPT as all noise does.

These are this project's own forms; arXiv:2505.07796, section 6, has a fitted forward area.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cptlaw.errors import DataError
from cptlaw.laws import dual
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors.effective import (
    ALPHA,
    REFERENCE_LR,
    Clock,
    along,
    noise,
)
from cptlaw.laws.factors.transfer import (
    BETA,
    REPLAY_LATEX,
    REPLAY_TEXT,
    replay_shapes,
    spared,
)
from cptlaw.laws.factors.weights import Weights
from cptlaw.laws.law import Factor, Prior, Shape
from cptlaw.laws.points import Points, group_label
from cptlaw.laws.remedies import SHIFT, UNKNOWN_PAST

PROGRESS = Shape(
    "S_pt",
    1e-2,
    1e4,
    (2.0, 50.0),
    prior=Prior(10.0, 1.4),  # public ones: 1.4 (2,000 steps of .15M) to 50 (500k of 7B)
    remedy=UNKNOWN_PAST,
    latex=r"S_{\mathrm{pt}}",
)
WORTH = Shape(
    "S_new",
    1e-6,
    1e3,
    (1e-3, 0.1),
    prior=Prior(0.02, 2.0),
    remedy=SHIFT,
    latex=r"S_{\mathrm{new}}",
)
LEFT = Shape("w", 1e-4, 1e2, (0.02, 1.0), prior=Prior(0.1, 1.5), remedy=UNKNOWN_PAST)


@dataclass(frozen=True)
class OpenModels:
    """Bases whose pre-training nobody knows.

    Args:
        names: of the bases; what there is of each needs no name where there is one alone.
        weights: how their weights are moved.
        peak_lr: the highest learning rate of the CPTs.
    """

    names: tuple[str, ...]
    weights: Weights
    peak_lr: float

    @property
    def clock(self) -> Clock:
        """What progress is counted by."""
        return along(self.weights)

    def of_each(self, shape: Shape) -> tuple[Shape, ...]:
        """A shape parameter for each base."""
        if len(self.names) < 2:
            return (shape,)
        return tuple(
            replace(shape, name=f"{shape.name}[{name}]", latex=_labelled(shape, name))
            for name in self.names
        )

    def written(self, shape: Shape) -> tuple[str, str]:
        """How what there is of each base stands in an equation, as text and in LaTeX."""
        if len(self.names) < 2:
            return f"<{shape.name}>", f"<{shape.name}>"
        return f"{shape.name}[base]", rf"{shape.symbol}^{{(\mathrm{{base}})}}"

    def at(self, x: Points, values: Sequence[Dual]) -> Dual:
        """The value of every point's base, shape (n,).

        Raises:
            DataError: a point of another base.
        """
        group = x.group(self.names, "base")
        if (group < 0).any():
            other = group_label(x.histories[int(x.owner[group < 0][0])], "base")
            whose = f"open model '{other}'" if other else "a known pre-training"
            known = ", ".join(self.names)
            raise DataError(f"this law was fitted to {known} and says nothing of {whose}.")
        total = dual.constant(np.zeros(len(x)))
        for index, value in enumerate(values):
            total = total + value * (group == index).astype(np.float64)
        return total


def of_base(names: tuple[str, ...], which: str) -> Factor:
    """1 at the points that go on from the open model `which`, 0 elsewhere."""

    def indicator(x: Points) -> Dual:
        return dual.constant((x.group(names, "base") == names.index(which)).astype(np.float64))

    text = which.replace("_", r"\_")
    return Factor((), indicator, f"[{which}]", rf"[\mathrm{{{text}}}]", conventional=False)


def power_of_both(open_: OpenModels, exponent: Shape = ALPHA) -> Factor:
    """(S_pt + S_cpt)**-alpha, S_pt the progress that an open model had made."""
    own = open_.of_each(PROGRESS)
    move = _moved(open_)

    def power(x: Points, alpha: Dual, *given: Dual) -> Dual:
        done = open_.at(x, given[: len(own)]) + move(x, given[len(own) :])
        return dual.exp(dual.log(done) * -alpha)

    plain, latex = open_.written(PROGRESS)
    return Factor(
        (exponent, *own, *open_.weights.shapes),
        power,
        f"({plain} + S_cpt)^-<alpha>",
        rf"({latex} + S_{{\mathrm{{cpt}}}})^{{-<alpha>}}",
        conventional=False,
    )


def noise_after(open_: OpenModels, excess: bool) -> Factor:
    """The noise of a CPT, and what fades of the noise that the open model had at its end.

    Args:
        open_: the bases.
        excess: see `effective.noise`.
    """
    own = noise(open_.weights, excess)
    move, count = _moved(open_), len(open_.weights.shapes)

    def faded(x: Points, left: Dual, zeta: Dual, kappa: Dual, rho: Dual, *given: Dual) -> Dual:
        level = left * (open_.peak_lr * open_.weights.scale / REFERENCE_LR)
        if open_.weights.grown is not None:
            level = level / dual.sqrt(given[count - 1])
        old = dual.exp(dual.log(level) * zeta)
        return old * dual.exp(dual.log1p(kappa * move(x, given[:count])) * -rho)

    def whole(x: Points, left: Dual, *given: Dual) -> Dual:
        return own.function(x, *given) + faded(x, left, *given)

    def of_pre_training(x: Points, left: Dual, *given: Dual) -> Dual:
        return (own.hidden or own.function)(x, *given) + faded(x, left, *given)

    text = own.text.replace("n(", "n(<w>, ")
    return Factor(
        (LEFT, *own.shapes),
        whole,
        text,
        text,
        hidden=of_pre_training if excess else None,
        conventional=False,
    )


def learning_after(open_: OpenModels) -> Factor:
    """(S_new + S_cpt)^-beta, less by replay: what is left to learn of D_cpt.

    The strength of replay is always a parameter, so that what is not known of it widens forecasts.
    """
    news, progress = open_.of_each(WORTH), open_.of_each(PROGRESS)
    count, last = len(news), len(open_.weights.shapes)
    move = _moved(open_)

    def both(x: Points, beta: Dual, *given: Dual) -> tuple[Dual, Dual]:
        new = open_.at(x, given[:count])
        done = move(x, given[2 * count : 2 * count + last])
        hidden = new + done * new / open_.at(x, given[count : 2 * count])
        return (
            dual.exp(dual.log(new + done) * -beta),
            dual.exp(dual.log(hidden) * -beta),
        )

    def left(x: Points, beta: Dual, *given: Dual) -> Dual:
        learnt, hidden = both(x, beta, *given)
        return hidden + (learnt - hidden) * spared(x.r_pt, "cpt", given[2 * count + last :])

    def unlearnt(x: Points, beta: Dual, *given: Dual) -> Dual:
        return both(x, beta, *given)[1]

    (new, new_latex), (pt, pt_latex) = open_.written(WORTH), open_.written(PROGRESS)
    text, hidden = f"({new} + S_cpt)^-<beta>", f"({new}*(1 + S_cpt/{pt}))^-<beta>"
    latex = rf"({new_latex} + S_{{\mathrm{{cpt}}}})^{{-<beta>}}"
    hidden_latex = rf"({new_latex}\,(1 + S_{{\mathrm{{cpt}}}}/{pt_latex}))^{{-<beta>}}"
    return Factor(
        (BETA, *news, *progress, *open_.weights.shapes, *replay_shapes("cpt")),
        left,
        f"({hidden} + ({text} - {hidden})/{REPLAY_TEXT})",
        rf"\left({hidden_latex} + ({latex} - {hidden_latex})\,{REPLAY_LATEX}^{{-1}}\right)",
        hidden=unlearnt,
        conventional=False,
        tied=(BETA.name, *(shape.name for shape in news)),
    )


def _labelled(shape: Shape, name: str) -> str:
    label = name.replace("_", r"\_")
    return rf"{shape.symbol}^{{(\mathrm{{{label}}})}}"


def _moved(open_: OpenModels) -> Callable[[Points, Sequence[Dual]], Dual]:
    """Progress of the CPT at n points, for the shape parameters of the weights."""

    def moved(x: Points, given: Sequence[Dual]) -> Dual:
        return open_.clock.sums(x.blocks, *given).cpt

    return moved
