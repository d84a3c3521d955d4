"""Parts of a study to fit, so that the rest can be forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import BoolArray
from cptlaw.errors import DataError
from cptlaw.fitting.observations import Observations, observe
from cptlaw.fitting.options import Target
from cptlaw.fitting.result import Fit
from cptlaw.laws import catalog
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

ORIGINS = (1 / 3, 2 / 3)
"""Shares of the last runs that are fitted, the rest forecast."""
_FOLDS = 8  # of a comparison
_FEW_FOLDS = 4  # of trials, which every candidate law goes through


@dataclass(frozen=True)
class Part:
    """A part of a study.

    Args:
        words: what it is, such as "without cpt-cosine".
        study: the same runs with some losses taken out.
        target: the kind of forecast that the rest asks for.
    """

    words: str
    study: Study
    target: Target = "run"


def last_runs(study: Study) -> list[str]:
    """Runs with losses that no other goes on from and that a law of the CPT covers."""
    bases = {run.after for run in study.runs}
    last = [r.name for r in study.runs if r.name not in bases and r.curves]
    return [name for name in last if not study.is_hidden_cpt(study.run(name))]


def parts_of(study: Study) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Parts of a study to fit, and the runs that are in all of them.

    Each of the last runs is left out in turn, in eight groups where there are more; and the last
    runs are cut after one and two thirds of their steps. A run stays in without which the study
    would vary in less, or have no CPT.
    """
    runs, kept = _without_runs(study, _FOLDS)
    return (*runs, *_beginnings(study)), kept


def trial_parts(study: Study, target: Target) -> tuple[Part, ...]:
    """Parts whose rest is a forecast of that kind; "any" for those of runs and horizons.

    Args:
        study: runs and domains.
        target: "run" (the last runs are left out in turn, in up to four groups), "horizon" (they
            are cut after one and two thirds of their steps), "peak" (those at the highest, and at
            the lowest, peak LR are left out), "start" (those from the latest, and from the
            earliest, start).
    """
    if target == "horizon":
        return tuple(_beginnings(study))
    if target == "run":
        return _without_runs(study, _FEW_FOLDS)[0]
    if target == "peak":
        return tuple(_without_ends(study, "peak", _peak))
    if target == "start":
        return tuple(_without_ends(study, "start", _start))
    return (*trial_parts(study, "horizon"), *trial_parts(study, "run"))


def unseen(study: Study, part: Study, role: str, fit: Fit) -> tuple[Observations, BoolArray]:
    """The n losses of one domain, and which of them a fit to a part does not see, shape (n,)."""
    full = observe(study, role, fit.convention)
    seen = observe(part, role, fit.convention)
    known = {(seen.runs[r], s) for r, s in _places(seen)}
    return full, np.array([(full.runs[r], s) not in known for r, s in _places(full)])


def _beginnings(study: Study) -> Iterator[Part]:
    for share in ORIGINS:
        with suppress(DataError):  # a domain without a point so early
            words = f"to {100 * share:.0f} % of the last runs"
            yield Part(words, study.beginning(share), "horizon")


def _without_runs(study: Study, folds: int) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Parts without some of the last runs, and the runs that cannot be left out."""
    last, parts, kept = last_runs(study), list[Part](), list[str]()
    for names in (last[i::folds] for i in range(min(folds, len(last)) if len(last) > 1 else 0)):
        part = _left_out(study, names)
        if part is None:
            kept += names
        else:
            parts.append(Part(f"without {', '.join(names)}", part))
    return tuple(parts), tuple(kept)


def _without_ends(
    study: Study, target: Target, value: Callable[[Study, Run], float | None]
) -> Iterator[Part]:
    """Parts without the last runs at the highest, and at the lowest, of a value."""
    known = {name: v for name in last_runs(study) if (v := value(study, study.run(name)))}
    ends = sorted(set(known.values()))
    for end in dict.fromkeys((ends[-1], ends[0]) if len(ends) > 1 else ()):
        names = [name for name, own in known.items() if own == end]
        part = _left_out(study, names)
        if part is not None:
            yield Part(f"without {', '.join(names)}", part, target)


def _peak(_: Study, run: Run) -> float | None:
    return None if run.schedule is None else float(f"{run.schedule.peak:.3g}")


def _start(study: Study, run: Run) -> float | None:
    return float(study.before(run).steps) if run.data == "cpt" else None


def _left_out(study: Study, names: Sequence[str]) -> Study | None:
    """The study without some runs, None where a law would not see all that it is asked."""
    try:
        part = study.without(names)
    except DataError:
        return None
    fitted = [r for r in part.runs if r.curves and not part.is_hidden_cpt(r)]
    no_cpt = study.has_cpt and all(r.data == "pt" for r in fitted)
    lost = catalog.varies(part) != catalog.varies(study)
    return None if no_cpt or lost or not fitted else part


def _places(observed: Observations) -> list[tuple[int, int]]:
    return list(zip(observed.run.tolist(), observed.step.tolist(), strict=True))
