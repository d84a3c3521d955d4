"""Fit a law to every domain of a study."""

from __future__ import annotations

from collections.abc import Callable

from cptlaw.fitting.domain import check_fixed
from cptlaw.fitting.one_law import fit_law
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import Fit
from cptlaw.fitting.selection import choose, fit_average
from cptlaw.laws import catalog
from cptlaw.studies.faults import sound
from cptlaw.studies.study import Study


def fit(
    study: Study,
    law: str | None = None,
    options: FitOptions = FitOptions(),
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Fit:
    """Fit a law to every domain of a study, jointly over all runs and phases of each.

    Bad data are left out first: a run that diverged, what follows a jump, a run that is there
    twice. The fit's study is the one without them; its `faults` tell of each.

    Args:
        study: runs and domains.
        law: a name of the catalogue; "paper" for the one of arXiv:2505.07796 that the study
            asks for; "auto" for the one that forecasts the study's own runs best, "average" for
            the mean of several, weighted by how well they do; left out, the default
            (`catalog.default_name`).
        options: how it is fitted.
        progress: is told of every domain, and of every law where several are tried.

    Raises:
        DataError: the law does not suit the study, or nothing sound is left of a domain.
        FitError: too few points for its parameters.
    """
    study = sound(study, options.keep)
    if law == "average":
        return fit_average(study, options, progress)
    if law == "auto":
        return choose(study, options, progress)
    name = catalog.resolve(law, study)
    check_fixed(catalog.example(name), options.fixed)
    return fit_law(study, name, options, progress)
