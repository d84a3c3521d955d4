"""Factors of a transfer: what CPT makes forget, what it teaches, what replay takes back.

With S_cpt the progress since the transfer (of any clock, by default the sum of the effective LR):

- on D_pt the shift is B * ((1 + E S_cpt)^b - 1) / b, Eq. 3 of arXiv:2505.07796 with beta = -b;
  b = 0 is a logarithm;
- on D_cpt the pre-training has been worth a share c of D_cpt training, and the loss has a term
  D * (c S_pt + S_cpt)^-beta. That is Eq. 3 with E = 1 / (c S_pt), so that the shift depends on
  the start; the hidden PT curve has D * (c S)^-beta;
- replay multiplies the shift by 1 / (1 + h * (r_pt / r_cpt)^0.9). The power is that of the
  final D_pt shifts read off figure 12 of the same paper, which h = 4.2 gives to 2 %.

The forms of D_cpt and of replay are this project's own.
"""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors.effective import EFFECTIVE, Clock
from cptlaw.laws.law import Factor, Prior, Shape
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import REPETITION, REPLAY, SHIFT, SHIFT_RATE, START

RATE = Shape("E", 1e-3, 1e8, (5.0, 500.0), prior=Prior(60.0, 2.0), remedy=SHIFT_RATE)
BEND = Shape("b", -3.0, 0.95, (-0.5, 0.5), "linear", prior=Prior(0.0, 0.5), remedy=SHIFT)
WORTH = Shape("c", 1e-5, 1.0, (0.005, 0.3), prior=Prior(0.05, 2.0), remedy=START)
BETA = Shape("beta", 1e-3, 8.0, (0.15, 1.0), prior=Prior(0.37, 1.0), remedy=SHIFT)
REPLAY_PT = Shape("h", 0.01, 1e3, (2.0, 20.0), prior=Prior(6.0, 0.7), remedy=REPLAY)
REPLAY_CPT = Shape("h", 1e-3, 1e2, (0.05, 1.0), prior=Prior(0.25, 1.0), remedy=REPLAY)
OVERFIT = Shape("omega", 0.2, 5.0, (0.7, 1.5), prior=Prior(1.0, 0.5), remedy=REPETITION)
REPLAY_POWER = 0.9
REPLAY_TEXT = "(1 + <h>*(r_pt/r_cpt)^0.9)"
REPLAY_LATEX = r"(1 + <h>\,(r_{\mathrm{pt}}/r_{\mathrm{cpt}})^{0.9})"


def since_transfer(blocks: Blocks, moved: Dual) -> Dual:
    """Progress of the CPT after every block, for the progress in each, shape (m,)."""
    return blocks.total(moved * blocks.is_cpt.astype(np.float64))


def before_transfer(blocks: Blocks, moved: Dual) -> Dual:
    """Progress of the PT after every block, frozen at the transfer, shape (m,)."""
    return blocks.total(moved * (~blocks.is_cpt).astype(np.float64))


def replay_factor(r_pt: FloatArray, h: Dual | float) -> Dual | FloatArray:
    """What replay leaves of a shift, shape (n,): 1 without replay, 0 on D_pt alone."""
    new = 1.0 - r_pt
    ratio = np.where(new > 0, r_pt / np.where(new > 0, new, 1.0), 1e12) ** REPLAY_POWER
    return 1.0 / (1.0 + h * ratio)


def replay_shape(role: str) -> Shape:
    """The h of a domain."""
    return REPLAY_CPT if role == "cpt" else REPLAY_PT


def replay_strength(role: str, replay: bool, given: Dual | None) -> Dual | float:
    """The h that is fitted, or the usual one where the share does not vary."""
    usual = replay_shape(role).prior
    assert usual is not None
    return given if replay and given is not None else usual.centre


def forgetting(replay: bool, clock: Clock = EFFECTIVE) -> Factor:
    """((1 + E*S_cpt)^b - 1) / b, less by replay: how much of D_pt is forgotten.

    Args:
        replay: whether the strength h of replay is fitted; it is the usual one otherwise.
        clock: what progress is counted by.
    """
    last = len(clock.shapes)

    def forgotten(x: Points, rate: Dual, bend: Dual, *more: Dual) -> Dual:
        gone = since_transfer(x.blocks, clock.moved(x.blocks, *more[:last]))
        h = replay_strength("pt", replay, more[last] if replay else None)
        return dual.box(dual.log1p(rate * gone[x.blocks.ends]), bend) * replay_factor(x.r_pt, h)

    written = "((1 + <E>*S_cpt)^<b> - 1)/<b>"
    latex = r"\frac{(1 + <E>\,S_{\mathrm{cpt}})^{<b>} - 1}{<b>}"
    return Factor(
        (RATE, BEND, *clock.shapes, *((REPLAY_PT,) if replay else ())),
        forgotten,
        written + (f"/{REPLAY_TEXT}" if replay else ""),
        latex + (rf"\,{REPLAY_LATEX}^{{-1}}" if replay else ""),
        conventional=False,
        tied=(RATE.name, BEND.name),
    )


def learning(replay: bool, clock: Clock = EFFECTIVE) -> Factor:
    """(c*S_pt + S_cpt)^-beta, less by replay: what is left to learn of D_cpt.

    Its hidden PT curve is (c*S)^-beta, S the progress of both phases, and so is all of it under
    nothing but replay.

    Args:
        replay: whether the strength h of replay is fitted; it is the usual one otherwise.
        clock: what progress is counted by.
    """
    last = len(clock.shapes)

    def both(x: Points, worth: Dual, beta: Dual, *more: Dual) -> tuple[Dual, Dual]:
        moved = clock.moved(x.blocks, *more[:last])
        gone = since_transfer(x.blocks, moved)
        known = before_transfer(x.blocks, moved) * worth
        return (
            dual.exp(dual.log((known + gone)[x.blocks.ends]) * -beta),
            dual.exp(dual.log((known + gone * worth)[x.blocks.ends]) * -beta),
        )

    def left(x: Points, worth: Dual, beta: Dual, *more: Dual) -> Dual:
        learnt, hidden = both(x, worth, beta, *more)
        h = replay_strength("cpt", replay, more[last] if replay else None)
        return hidden + (learnt - hidden) * replay_factor(x.r_pt, h)

    def unlearnt(x: Points, worth: Dual, beta: Dual, *more: Dual) -> Dual:
        return both(x, worth, beta, *more)[1]

    text = "(<c>*S_pt + S_cpt)^-<beta>"
    latex = r"(<c>\,S_{\mathrm{pt}} + S_{\mathrm{cpt}})^{-<beta>}"
    more = (
        ("(<c>*S)^-<beta> + (" + text + f" - (<c>*S)^-<beta>)/{REPLAY_TEXT}"),
        rf"\left((<c>\,S)^{{-<beta>}} + ({latex} - (<c>\,S)^{{-<beta>}})\,{REPLAY_LATEX}^{{-1}}"
        r"\right)",
    )
    return Factor(
        (WORTH, BETA, *clock.shapes, *((REPLAY_CPT,) if replay else ())),
        left,
        f"({more[0]})" if replay else text,
        more[1] if replay else latex,
        hidden=unlearnt,
        conventional=False,
        tied=(WORTH.name, BETA.name),
    )


def repetition() -> Factor:
    """(passes over the D_cpt data - 1)^omega, 0 in the first: what is overfitted to them.

    Source: after arXiv:2603.16177 and 2605.01640, where repeated domain data add such a term.
    """

    def overfitted(x: Points, omega: Dual) -> Dual:
        return dual.power(x.repeats, omega)

    return Factor(
        (OVERFIT,),
        overfitted,
        "max(passes - 1, 0)^<omega>",
        r"\max(\mathrm{passes} - 1, 0)^{<omega>}",
        conventional=False,
    )
