"""Fits of the bundled runs, each made once in a test run, whichever tests ask for it."""

from functools import cache

from cptlaw import Convention, FitOptions, Study, datasets, fit

GIVEN = FitOptions(Convention(), fixed={"lambda": 0.98})
# Nearly all shape parameters of Eq. 4, for tests of what is done with fits: these are quick.
MOST_GIVEN = FitOptions(Convention(), fixed={"alpha": 0.8, "lambda": 0.98, "E": 12.0})
REPLAY = "mixed-const-replay0.25"
FIRST = ("base", "annealed", "cpt-const")


@cache
def tiny(*without, roles=()):
    """tiny-cpt without the losses of some runs, of all its domains or of some."""
    study = datasets.load("tiny-cpt")
    if roles:
        study = Study({role: study.domains[role] for role in roles}, study.runs)
    return study.without(without) if without else study


def few(*names):
    """Some runs of tiny-cpt, with D_pt and D_cpt alone."""
    study = datasets.load("tiny-cpt")
    runs = tuple(run for run in study.runs if run.name in names)
    return Study({role: study.domains[role] for role in ("pt", "cpt")}, runs, study.origin)


@cache
def default_fit(*without, roles=()):
    """The default law fitted to `tiny`."""
    return fit(tiny(*without, roles=roles))


@cache
def given_fit(*without, law="paper", roles=()):
    """A law of the paper fitted to `tiny`, its convention and lambda given."""
    return fit(tiny(*without, roles=roles), law, options=GIVEN)


@cache
def grid_fit():
    """The default law fitted to D_pt and D_cpt of the FIRST runs of tiny-grid."""
    grid = datasets.load("tiny-grid")
    few = tuple(run for run in grid.runs if run.name in FIRST)
    return fit(Study({"pt": "pt", "cpt": "code"}, few, grid.origin))
