"""What a fit's numbers do not tell, in words, and what would mend it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.newton import Minimum, whitening
from cptlaw.fitting.observations import Observations
from cptlaw.fitting.scores import Scores
from cptlaw.laws.law import Law
from cptlaw.laws.remedies import Remedy, place
from cptlaw.page import number
from cptlaw.studies.history import History

_LOOSE = 0.5
_NARROW = 0.8  # spread of a prior that says a lot by itself
_USUAL = 0.8  # of a prior's variance; what is left to the data is little
_ONE_CURVE = (
    "The data are one smooth LR curve, along which the loss falls with progress and with the LR "
    "at once. A run with an abrupt LR drop would tell them apart."
)


@dataclass(frozen=True)
class Diagnosis:
    """What a fit does not tell.

    Args:
        status: "ok", "at bound", "not identified" or "not converged".
        advice: each a sentence.
        loose: parameters that the data leave open.
        unseen: coefficients of terms that are zero at every fitted point.
        usual: parameters that their priors hold: about all that is known of them is what
            is usual. They are loose too, but the curve is none the worse for it.
    """

    status: str
    advice: tuple[str, ...]
    loose: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    usual: tuple[str, ...] = ()


def diagnose(
    minimum: Minimum,
    observed: Observations,
    params: Mapping[str, float],
    error: FloatArray,
    held: tuple[str, ...] = (),
) -> Diagnosis:
    """Say what is not identified, what rests at a bound, and what would mend it.

    Args:
        minimum: where the search ended, of a law with m terms and k shape parameters.
        observed: the n fitted points.
        params: values of the law's parameters.
        error: standard errors of coefficients and search coordinates, shape (m + k,).
        held: shape parameters that the data left open, held at a value without effect.
    """
    objective = minimum.place.objective
    law, fixed = objective.law, objective.fixed
    columns = minimum.place.columns.matrix.T
    absent = [
        name for name, column in zip(law.coefficients, columns, strict=True) if not np.any(column)
    ]
    bound = [
        name
        for name, rests in zip(law.parameters, minimum.at_bound, strict=True)
        if rests and name not in fixed and name not in absent
    ]
    settled = (*absent, *bound, *fixed)
    loose = [
        name
        for i, name in enumerate(law.parameters)
        if name not in settled and _is_loose(law, i, params[name], float(error[i]))
    ]
    confounded = [n for n in _confounded(law, observed) if n not in settled]
    loose = _with_their_shift(law, [n for n in law.parameters if n in (*loose, *confounded)], bound)
    advice = [
        *_of_the_runs(law, observed),
        *_sentences(law, absent, bound, loose, params, observed),
    ]
    advice += [
        f"{name}: the data leave it open; held at {number(params[name], 6)}, where it has no "
        "effect. " + law.remedies[name].advice
        for name in held
    ]
    usual = [n for n in held_by_priors(minimum) if n not in (*settled, *loose, *held)]
    advice += _usual_sentences(law, usual)
    status = "not identified" if absent or loose or held else "at bound" if bound else "ok"
    if not minimum.converged:
        advice.insert(0, "The search did not settle; the coefficients are the best it found.")
        status = "not converged"
    loose += [*held, *usual]
    return Diagnosis(status, tuple(advice), tuple(loose), tuple(absent), tuple(usual))


MISSES = "misses the data"


def missed(scores: Scores) -> tuple[str, ...]:
    """A sentence where a fit is worse than no law at all."""
    if not scores.r2 < 0:
        return ()
    return (
        f"The law misses these losses by more than their own mean would (R2 "
        f"{number(scores.r2, 2)}): do "
        "not use this fit. Are the learning rates and the units right?",
    )


def held_by_priors(minimum: Minimum) -> list[str]:
    """Parameters that are set mostly by their priors.

    Those whose variance, by the curvature of the objective with its priors, is at least four
    fifths of the prior's own.
    """
    objective = minimum.place.objective
    low, high = objective.bounds
    free = ~minimum.at_bound & (low < high)
    if not free.any():
        return []
    axes = whitening(minimum.place, free)
    left = np.zeros(minimum.z.size)
    left[free] = (axes**2).sum(axis=1)
    shares = (left * objective.drawn(minimum.z)).tolist()
    names = objective.law.parameters
    return [n for n, share in zip(names, shares, strict=True) if share >= _USUAL]


def _usual_sentences(law: Law, usual: list[str]) -> list[str]:
    """What priors hold, with the runs that would tell more, those of one mend together."""
    groups: dict[str, list[str]] = {}
    for name in usual:
        groups.setdefault(law.remedies[name].runs, []).append(name)
    return [
        f"{', '.join(names)}: set mostly by the built-in prior, not by your runs; {runs} would "
        "tell more."
        for runs, names in groups.items()
    ]


# --- what the runs cannot tell, whatever their losses ----------------------------------------


def _base(law: Law) -> list[str]:
    """Parameters of the pre-training that a CPT alone does not tell apart."""
    return [name for name, remedy in _in_order(law) if remedy.of_base]


def _annealing(law: Law) -> list[str]:
    """Coefficients of annealing, and the shape parameters that nothing else has."""
    mine = [t for t in law.terms if t.part == "annealing"]
    others = {
        s.name for t in law.terms if t.part != "annealing" for f in t.factors for s in f.shapes
    }
    own = {s.name for t in mine for f in t.factors for s in f.shapes} - others
    return [n for n in law.parameters if n in own or n in {t.coefficient for t in mine}]


def _confounded(law: Law, observed: Observations) -> list[str]:
    """Parameters that runs like these cannot tell apart, however little noise they have."""
    histories = observed.points.histories
    if _cpt_alone(observed) and len({h.pt_lr.tobytes() for h in histories}) == 1:
        return _base(law)
    return _annealing(law) if _one_smooth_curve(observed) else []


def _of_the_runs(law: Law, observed: Observations) -> list[str]:
    found: list[str] = []
    base = _base(law)
    if _cpt_alone(observed) and len(base) > 1:
        found.append(
            f"Only CPT losses were given; they cannot tell {', '.join(base[:-1])} and {base[-1]} "
            'apart. Add the PT log, or treat the base as unknown (after = "unknown:NAME", which '
            "init --unknown NAME writes)."
        )
    ends = _ends(observed)
    if len(ends) > 1 and len({_key(observed.points.histories[i]) for i in ends}) == 1:
        names = ", ".join(f"'{observed.runs[i]}'" for i in ends)
        found.append(
            f"{names} are the same run again: together they tell the noise, and no more of the "
            "law than one of them. A run with another LR would."
        )
    return found


def _cpt_alone(observed: Observations) -> bool:
    """Whether the losses are those of CPT runs from known bases, none of the bases themselves."""
    return all(h.is_cpt and h.unknown_base is None for h in observed.points.histories)


def _key(history: History) -> tuple[bytes, bytes, float, float | None, object]:
    lr = history.pt_lr.tobytes(), history.cpt_lr.tobytes()
    return *lr, history.replay, history.model_size, history.batch


def _ends(observed: Observations) -> list[int]:
    """Runs that no other fitted run goes on from."""
    pt = {id(h.pt_lr): h.pt_lr.tobytes() for h in observed.points.histories}
    lrs = [(pt[id(h.pt_lr)], h.cpt_lr.tobytes()) for h in observed.points.histories]
    different = sorted(set(lrs))  # so that what goes on from a run comes right after it
    after = dict(itertools.pairwise(different))

    def goes_on(lr: tuple[bytes, bytes]) -> bool:
        longer = after.get(lr)
        if longer is None:
            return False
        if lr[1]:
            return longer[0] == lr[0] and longer[1].startswith(lr[1])
        return longer[0].startswith(lr[0])

    return [i for i, lr in enumerate(lrs) if not goes_on(lr)]


def _one_smooth_curve(observed: Observations) -> bool:
    """Whether all runs are pre-trainings on one LR curve that falls smoothly from its peak."""
    histories = observed.points.histories
    if any(h.is_cpt or h.unknown_base for h in histories):
        return False
    if len({_key(histories[i]) for i in _ends(observed)}) > 1:
        return False
    lr = max(histories, key=lambda h: h.pt_lr.size).pt_lr
    peak = float(lr.max())
    fall = -np.diff(lr[int(np.flatnonzero(lr == peak)[0]) :])
    if fall.size < 2:
        return False
    smooth = fall.min() >= 0 and fall.max() <= 0.02 * peak and (fall > 0).mean() > 0.8
    return bool(smooth)


def _is_loose(law: Law, index: int, value: float, error: float) -> bool:
    """Whether a standard error is past half the value (half a unit of a logarithm)."""
    terms = len(law.terms)
    prior = law.terms[index].prior if index < terms else law.shapes[index - terms].prior
    if index < terms:
        if prior is not None and error <= 1.5 * prior.spread:
            return False  # what is usual bounds it
        return not error <= _LOOSE * abs(value)
    if prior is not None and prior.spread <= _NARROW and error <= 1.5 * prior.spread:
        return False  # what is usual bounds it
    if law.shapes[index - terms].scale == "linear":
        return not error <= _LOOSE * max(abs(value), 0.2)
    return not error <= _LOOSE


def _with_their_shift(law: Law, loose: list[str], bound: list[str]) -> list[str]:
    """Parameters that trade off against one another: one that is open leaves all open."""
    found = set(loose)
    for term in law.terms:
        tied = {name for factor in term.factors for name in factor.tied}
        group = {term.coefficient, *tied} if tied else set[str]()
        if group & {*loose, *bound}:
            found |= group - set(bound)
    return [name for name in law.parameters if name in found]


def _in_order(law: Law) -> list[tuple[str, Remedy]]:
    """Parameters with what would determine them, those of the base first."""
    remedies = law.remedies
    return sorted(((n, remedies[n]) for n in law.parameters), key=lambda pair: place(pair[1]))


def _sentences(
    law: Law,
    absent: list[str],
    bound: list[str],
    loose: list[str],
    params: Mapping[str, float],
    observed: Observations,
) -> list[str]:
    found: list[str] = []
    smooth = _one_smooth_curve(observed)
    if absent:
        found.append(
            f"{', '.join(absent)}: nothing in the data depends on it, so its value means nothing. "
            + law.remedies[absent[0]].if_absent
        )
    groups: dict[str, list[str]] = {}
    for name, remedy in _in_order(law):
        groups.setdefault(remedy.advice, []).append(name)
    for usual, mine in groups.items():
        advice = _ONE_CURVE if smooth and set(_annealing(law)) & set(mine) else usual
        at = [f"{n} = {number(params[n])}" for n in mine if n in bound]
        open_ = [n for n in mine if n in loose]
        if at:
            found.append(f"{', '.join(at)}: at its bound. {advice}")
        if open_:
            found.append(f"{', '.join(open_)}: not identified. {advice}")
    return found
