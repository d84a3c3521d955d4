"""Fit a law to every domain of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cptlaw.fitting.objective import DELTA, PRIOR_WEIGHT
from cptlaw.fitting.one_law import Options, fit_named
from cptlaw.fitting.result import Fit
from cptlaw.fitting.selection import choose, fit_average
from cptlaw.laws import catalog
from cptlaw.laws.areas import Convention
from cptlaw.studies.study import Study


def fit(
    study: Study,
    law: str | None = None,
    *,
    convention: Convention | None = None,
    fixed: Mapping[str, float] | None = None,
    ood_law: str = "eq6",
    delta: float = DELTA,
    seed: int = 0,
    priors: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> Fit:
    """Fit a law to every domain of a study, jointly over all runs and phases of each.

    Args:
        study: runs and domains.
        law: a name of the catalogue; "paper" for the one of arXiv:2505.07796 that the study
            asks for; "auto" for the one that forecasts the study's own runs best, "average" for
            the mean of several, weighted by how well they do; left out, the default
            (`catalog.default_name`).
        convention: how areas are counted and which points are fitted; left out, both ways to
            count the initial warm-up are fitted and the one with the lower objective is kept.
        fixed: shape parameters that keep a value, such as {"lambda": 0.999}. lambda is fitted
            like the others unless it is given here, but the published 0.999 is kept as long as
            the data do not speak clearly against it; the summary says which.
        ood_law: "eq6" (a weighted sum of the fitted D_pt and D_cpt losses), or a law of the
            catalogue for the out-of-domain sets.
        delta: of the Huber objective, in log loss.
        seed: 0 searches from a fixed set of starts; any other number adds as many of its own,
            to see that they do not matter.
        priors: whether shape parameters are drawn to what other runs have shown (docs/laws.md).
        progress: is told what is tried where several laws are.

    Raises:
        DataError: the law does not suit the study.
        FitError: too few points for its parameters.

    Source: arXiv:2505.07796, section 3.3 (objective), Eq. 6 (out-of-domain sets).
    """
    options = Options(
        Convention(warmup="auto") if convention is None else convention,
        fixed or {},
        ood_law,
        delta,
        seed,
        PRIOR_WEIGHT if priors else 0.0,
    )
    if law == "average":
        return fit_average(study, options, progress)
    if law == "auto":
        return choose(study, options, progress)
    return fit_named(study, catalog.resolve(law, study), options)
