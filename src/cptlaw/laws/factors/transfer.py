"""Factors of a transfer: what CPT makes forget, what it teaches, what replay takes back.

With S_cpt the progress since the transfer (of any clock, by default the sum of the effective LR):

- on D_pt the shift is B * ((1 + (E S_cpt)^p)^b - 1) / b: Eq. 3 of arXiv:2505.07796 with beta = -b
  and an onset p. p = 1 starts at full slope; above it forgetting starts slowly, which makes the
  curve S-shaped. b < 0 ends at B / -b, b = 0 is a logarithm;
- on D_cpt the pre-training has been worth a share c of D_cpt training, and the loss has a term
  D * (c S_pt + S_cpt)^-beta. That is Eq. 3 with E = 1 / (c S_pt), so that the shift depends on
  the start; the hidden PT curve has D * (c S)^-beta;
- replay multiplies the shift by 1 / (1 + h * (r_pt / r_cpt)^k).

The onset is that of a Burr distribution. It and the forms of D_cpt and of replay are this
project's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.caching import remembers
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors.effective import EFFECTIVE, Clock
from cptlaw.laws.law import Factor, Prior, Shape
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import REPETITION, REPLAY, SHIFT, SHIFT_RATE, START

RATE = Shape("E", 1e-3, 1e8, (2.0, 50.0), prior=Prior(7.0, 0.5), remedy=SHIFT_RATE)
BEND = Shape("b", -3.0, 0.95, (-0.8, 0.2), "linear", prior=Prior(-0.5, 0.25), remedy=SHIFT)
ONSET = Shape("p", 0.2, 6.0, (0.6, 2.5), prior=Prior(1.2, 0.6), remedy=SHIFT)
WORTH = Shape("c", 1e-5, 1.0, (0.005, 0.3), prior=Prior(0.05, 2.0), remedy=START)
BETA = Shape("beta", 1e-3, 8.0, (0.15, 1.0), prior=Prior(0.37, 1.0), remedy=SHIFT)
REPLAY_PT = Shape("h", 0.01, 1e3, (4.0, 40.0), prior=Prior(14.0, 0.5), remedy=REPLAY)
REPLAY_CPT = Shape("h", 1e-3, 1e2, (0.05, 1.0), prior=Prior(0.25, 1.0), remedy=REPLAY)
POWER_PT = Shape("k", 0.3, 1.5, (0.6, 1.0), prior=Prior(0.8, 0.15), remedy=REPLAY)
POWER_CPT = Shape("k", 0.3, 1.5, (0.7, 1.1), prior=Prior(0.9, 0.15), remedy=REPLAY)
OVERFIT = Shape("omega", 0.2, 5.0, (0.7, 1.5), prior=Prior(1.0, 0.5), remedy=REPETITION)
NO_D_CPT = 1e12  # stands in for r_pt / r_cpt on D_pt alone, where replay leaves nothing
REPLAY_TEXT = "(1 + <h>*(r_pt/r_cpt)^<k>)"
REPLAY_LATEX = r"(1 + <h>\,(r_{\mathrm{pt}}/r_{\mathrm{cpt}})^{<k>})"


def since_transfer(blocks: Blocks, moved: Dual) -> Dual:
    """Progress of the CPT after every block, for the progress in each, shape (m,)."""
    return blocks.total(moved * blocks.is_cpt.astype(np.float64))


def before_transfer(blocks: Blocks, moved: Dual) -> Dual:
    """Progress of the PT after every block, frozen at the transfer, shape (m,)."""
    return blocks.total(moved * (~blocks.is_cpt).astype(np.float64))


def replay_shapes(role: str) -> tuple[Shape, Shape]:
    """The h and the k of a domain."""
    return (REPLAY_CPT, POWER_CPT) if role == "cpt" else (REPLAY_PT, POWER_PT)


def spared(r_pt: FloatArray, role: str, fitted: Sequence[Dual] = ()) -> Dual:
    """What replay leaves of a shift, shape (n,): 1 without replay, 0 on D_pt alone.

    Args:
        r_pt: share of D_pt, shape (n,).
        role: of the domain; it decides what is usual.
        fitted: h and k; the usual ones if left out, for shares that do not vary.
    """
    usual = (shape.prior for shape in replay_shapes(role))
    h, k = fitted or (dual.constant(np.array([p.centre])) for p in usual if p)
    new = 1.0 - r_pt
    ratio = np.where(new > 0, r_pt / np.where(new > 0, new, 1.0), NO_D_CPT)
    return (dual.power(ratio, k) * h + 1.0).inverse()


class _Odds(NamedTuple):
    """r_pt / r_cpt of every share that occurs, its logarithm, and which of them each point has."""

    ratio: FloatArray
    log_ratio: FloatArray
    place: IntArray


@remembers(1)
def _odds(x: Points) -> _Odds:
    share, place = np.unique(x.r_pt, return_inverse=True)
    new = 1.0 - share
    ratio = np.where(new > 0, share / np.where(new > 0, new, 1.0), NO_D_CPT)
    return _Odds(ratio, np.log(np.where(ratio > 0, ratio, 1.0)), place)


def _spared(x: Points, role: str, fitted: Sequence[Dual]) -> tuple[FloatArray, list[FloatArray]]:
    """As `spared` at the points, shape (n,), and its derivatives in the fitted h and k."""
    odds = _odds(x)
    usual = [shape.prior.centre for shape in replay_shapes(role) if shape.prior]
    h, k = (float(one.value[0]) for one in fitted) if fitted else usual
    power = np.where(odds.ratio > 0, np.exp(k * odds.log_ratio), 0.0)
    left = 1.0 / (h * power + 1.0)
    if not fitted:
        return left[odds.place], []
    bent = -power * left * left
    return left[odds.place], [bent[odds.place], (bent * h * odds.log_ratio)[odds.place]]


def forgetting(replay: bool, clock: Clock = EFFECTIVE, rate: Shape = RATE) -> Factor:
    """((1 + (E*S_cpt)^p)^b - 1) / b, less by replay: how much of D_pt is forgotten.

    Args:
        replay: whether the strength of replay is fitted; it is the usual one otherwise.
        clock: what progress is counted by.
        rate: E, where another prior is wanted.
    """
    last = len(clock.shapes)

    def forgotten(x: Points, speed: Dual, bend: Dual, onset: Dual, *more: Dual) -> Dual:
        gone, *slopes = clock.rows(x.blocks, *more[:last])[1]
        numbers = (float(one.value[0]) for one in (speed, bend, onset))
        risen, by_gone, *by_own = _risen(gone, *numbers)
        left, by_replay = _spared(x, "pt", more[last:])
        if not dual.sloped(speed):
            return dual.chained(risen * left, (), speed)
        rows, by_gone = np.empty((3 + len(more), gone.size)), by_gone * left
        beside = [*[left] * 3, *[by_gone] * len(slopes), *[risen] * len(by_replay)]
        for i, each in enumerate((*by_own, *slopes, *by_replay)):
            np.multiply(each, beside[i], out=rows[i])
        return dual.chained(risen * left, rows, speed, bend, onset, *more)

    written = "((1 + (<E>*S_cpt)^<p>)^<b> - 1)/<b>"
    latex = r"\frac{(1 + (<E>\,S_{\mathrm{cpt}})^{<p>})^{<b>} - 1}{<b>}"
    return Factor(
        (rate, BEND, ONSET, *clock.shapes, *(replay_shapes("pt") if replay else ())),
        forgotten,
        written + (f"/{REPLAY_TEXT}" if replay else ""),
        latex + (rf"\,{REPLAY_LATEX}^{{-1}}" if replay else ""),
        conventional=False,
        tied=(RATE.name, BEND.name, ONSET.name),
    )


def _risen(gone: FloatArray, speed: float, bend: float, onset: float) -> tuple[FloatArray, ...]:
    """((1 + (speed * gone)^onset)^bend - 1) / bend, and its slopes in the four; (n,) each."""
    live = gone > 0
    safe = np.where(live, gone, 1.0)
    log_reach = np.log(speed * safe)
    reached = np.exp(onset * log_reach) * live
    level = np.log1p(reached)
    grown, turn = dual.mean_growth(bend * level)
    value = level * grown
    # d value / d level is e**(bend * level), which is 1 + bend * value.
    by_log = (1.0 + bend * value) * (reached / (1.0 + reached))
    by_reach = onset * by_log
    return value, by_reach / safe, by_reach / speed, level * level * turn, by_log * log_reach


def learning(replay: bool, clock: Clock = EFFECTIVE) -> Factor:
    """(c*S_pt + S_cpt)^-beta, less by replay: what is left to learn of D_cpt.

    Its hidden PT curve is (c*S)^-beta, S the progress of both phases, and so is all of it under
    nothing but replay.

    Args:
        replay: whether the strength of replay is fitted; it is the usual one otherwise.
        clock: what progress is counted by.
    """
    last = len(clock.shapes)

    def left(x: Points, worth: Dual, beta: Dual, *more: Dual) -> Dual:
        c, power = float(worth.value[0]), -float(beta.value[0])
        whole, gone, before = clock.rows(x.blocks, *more[:last])
        learnt, by_learnt, d_learnt = _power(c * before[0] + gone[0], power)
        hidden, by_hidden, d_hidden = _power(c * whole[0], power)
        spared, by_replay = _spared(x, "cpt", more[last:])
        kept = 1.0 - spared
        by_learnt, by_hidden = by_learnt * spared, by_hidden * kept
        rows = [by_learnt * before[0] + by_hidden * whole[0], d_learnt * spared + d_hidden * kept]
        for old, new in zip(before[1:], gone[1:], strict=True):
            rows.append(by_learnt * (c * old + new) + by_hidden * (c * (old + new)))
        rows += [each * (learnt - hidden) for each in by_replay]
        return dual.chained(hidden * kept + learnt * spared, rows, worth, beta, *more)

    def unlearnt(x: Points, worth: Dual, beta: Dual, *more: Dual) -> Dual:
        whole = clock.sums(x.blocks, *more[:last]).whole
        return dual.exp(dual.log(whole * worth) * -beta)

    text = "(<c>*S_pt + S_cpt)^-<beta>"
    latex = r"(<c>\,S_{\mathrm{pt}} + S_{\mathrm{cpt}})^{-<beta>}"
    more = (
        ("(<c>*S)^-<beta> + (" + text + f" - (<c>*S)^-<beta>)/{REPLAY_TEXT}"),
        rf"\left((<c>\,S)^{{-<beta>}} + ({latex} - (<c>\,S)^{{-<beta>}})\,{REPLAY_LATEX}^{{-1}}"
        r"\right)",
    )
    return Factor(
        (WORTH, BETA, *clock.shapes, *(replay_shapes("cpt") if replay else ())),
        left,
        f"({more[0]})" if replay else text,
        more[1] if replay else latex,
        hidden=unlearnt,
        conventional=False,
        tied=(WORTH.name, BETA.name),
    )


def _power(base: FloatArray, power: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """base**power, its slope in the base and in -power, shape (n,) each."""
    log_base = np.log(base)
    value = np.exp(power * log_base)
    return value, value * power / base, -log_base * value


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
