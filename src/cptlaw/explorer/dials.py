"""What can be turned for a fit: each knob with the range that is worth a look."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cptlaw.decisions.plan.knobs import DECAYS, KNOBS
from cptlaw.explorer.state import FORMS, Choice
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.start import open_models
from cptlaw.forecasting.extrapolation import fitted_range
from cptlaw.schedules.usual import rounded
from cptlaw.studies.runs import Data, Run

PUBLISHED_BASE = "warmup 500 to 2e-4 | constant 39500"
_AROUND = 10.0  # times below the lowest, and above the highest fitted peak
_LONGER = 50.0  # times the longest fitted run
_SHORTER = 20.0


@dataclass(frozen=True)
class Dial:
    """A knob that is a number.

    Args:
        name: field of `Choice`.
        words: what it is.
        low: where its slider begins.
        high: where it ends.
        is_log: whether it moves by factors.
        is_whole: whether only whole numbers are.
        fitted: lowest and highest value of the fitted runs, None where they do not say.
        families: forms of the schedule that have it; none given, all.
        shapes: shapes of a WSD's decay that have it; none given, all.
    """

    name: str
    words: str
    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False
    fitted: tuple[float, float] | None = None
    families: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origin:
    """A run that one can go on from.

    Args:
        name: of the run, or "unknown:NAME".
        steps: its last step; 0 where no step of it can be chosen.
        branch: the step that the fitted runs went on from most often.
        potential: loss potential at that step.
    """

    name: str
    steps: int
    branch: int
    potential: float


def phase_of(fit: Fit) -> Data:
    """What the page's run trains on: D_cpt wherever the fit knows a shift."""
    terms = [term for leaf in leaves_of(fit) for term in leaf.law.terms]
    return "cpt" if any(term.part == "shift" for term in terms) else "pt"


def leaves_of(fit: Fit) -> list[DomainFit]:
    """The fits of single laws that a fit is made of."""
    return [leaf for domain in fit.domains.values() for leaf in domain.leaves]


def origins_of(fit: Fit) -> tuple[Origin, ...]:
    """The runs that one can go on from, those of the fitted CPT runs first."""
    if phase_of(fit) == "pt":
        return ()
    models, study = open_models(fit), fit.study
    if models:
        return tuple(Origin(name, 0, 0, 0.0) for name in models)
    if study is None:
        return ()
    cpt = [r for r in study.runs if r.data == "cpt" and r.after is not None]
    used = [run.after for run in cpt]
    names = sorted(
        (run.name for run in study.runs if run.data == "pt" and run.schedule is not None),
        key=lambda name: -used.count(name),
    )
    found: list[Origin] = []
    for name in names:
        run = study.run(name)
        if run.unknown_base is not None or not run.steps:
            continue
        at = [r.after_step or run.steps for r in cpt if r.after == name] or [run.steps]
        branch = max(set(at), key=at.count)
        found.append(Origin(name, run.steps, branch, potential_at(fit, name, branch)))
    return tuple(found)


def potential_at(fit: Fit, run: str, step: int) -> float:
    """The loss potential of a checkpoint: its LR over the peak of its pre-training."""
    assert fit.study is not None
    lr = fit.study.history(run, step).pt_lr
    highest = float(lr.max(initial=0.0))
    return float(lr[-1]) / highest if highest > 0 else 0.0


def first_choice(fit: Fit) -> Choice:
    """The run that the page opens with: as long and as high as the fitted ones."""
    origins, phase = origins_of(fit), phase_of(fit)
    longest = _most(fit, f"{phase}_steps", 20_000.0)
    peaks = fitted_range(fit, f"{phase}_peak_lr") or (1e-4, 2e-4)
    start, base = "", ""
    if origins:
        first = origins[0]
        start = first.name if first.branch in (0, first.steps) else f"{first.name}@{first.branch}"
    elif phase == "cpt":
        base = PUBLISHED_BASE
    return Choice(
        start=start,
        base=base,
        peak=rounded(peaks[1]),
        steps=max(round(longest), 2),
        family="cosine",
        model_size=None if fit.study is not None or not _sees_size(fit) else 1e9,
    )


def dials_of(fit: Fit) -> tuple[Dial, ...]:
    """The knobs that are numbers, with ranges that suit the fit."""
    phase = phase_of(fit)
    peaks = fitted_range(fit, f"{phase}_peak_lr") or (1e-4, 2e-4)
    longest = _most(fit, f"{phase}_steps", 20_000.0)
    sizes = fitted_range(fit, "model_size") or (1e8, 1e9)
    found = [
        Dial(
            "peak",
            KNOBS["peak"].words,
            max(rounded(peaks[0] / _AROUND), 1e-9),
            min(rounded(peaks[1] * _AROUND / 2), 1.0),
            is_log=True,
            fitted=fitted_range(fit, f"{phase}_peak_lr"),
        ),
        Dial(
            "steps",
            KNOBS["steps"].words,
            max(math.ceil(longest / _SHORTER), 20),
            max(round(longest * _LONGER), 1000),
            is_log=True,
            is_whole=True,
            fitted=_lengths(fit, phase, longest),
        ),
        Dial("warmup", "warm-up share", 0.0, 0.5),
        Dial("decay", "decay share", 0.01, 1.0, families=("wsd",)),
        Dial("power", "power of the decay", 0.5, 6.0, families=("power",), shapes=("power",)),
        Dial(
            "end", "final LR / peak", 0.0, 1.0, families=tuple(f for f in FORMS if f != "constant")
        ),
    ]
    if phase == "cpt" and any(leaf.law.sees("replay") for leaf in leaves_of(fit)):
        replay = fitted_range(fit, "replay")
        found.append(Dial("replay", "replay share", 0.0, 0.9, fitted=replay))
    if _sees_size(fit):
        low, high = sizes[0] / 10, sizes[1] * 10
        found.append(Dial("model_size", "model size", low, high, is_log=True, fitted=sizes))
    return tuple(found)


def shapes_of(family: str) -> tuple[str, ...]:
    """The shapes of decay that a form of schedule can have."""
    return DECAYS if family == "wsd" else ()


def batch_of(fit: Fit) -> float | None:
    """Tokens per step that all fitted runs of the page's phase share, None if they do not."""
    runs: tuple[Run, ...] = () if fit.study is None else fit.study.runs
    found = {run.batch_tokens for run in runs if run.data == phase_of(fit)}
    return found.pop() if len(found) == 1 else None


def _sees_size(fit: Fit) -> bool:
    return any(domain.depends_on_size for domain in fit.domains.values())


def _most(fit: Fit, quantity: str, default: float) -> float:
    found = fitted_range(fit, quantity)
    return default if found is None or not np.isfinite(found[1]) else found[1]


def _lengths(fit: Fit, phase: Data, longest: float) -> tuple[float, float] | None:
    return None if fitted_range(fit, f"{phase}_steps") is None else (1.0, longest)
