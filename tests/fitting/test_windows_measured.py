"""Training losses of a 20M model: the coarser the log, the more it matters what a value is."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import Convention, FitOptions, Study, datasets, fit
from cptlaw.fitting.observations import observe

FITTED, HELD_OUT = ("cpt-const", "cpt-twostage"), ("cpt-cosine", "half-wsd")


@pytest.fixture(scope="module")
def logged():
    """A study of training losses, each the mean over the 25 steps since the row before."""
    study = datasets.load("grid-20m")
    kept = ("base", *FITTED, *HELD_OUT)
    runs = [study.run(name) for name in kept]
    own = {r.name: {"x": replace(r.curves["train_loss"], window=25)} for r in runs[1:]}
    return Study({"cpt": "x"}, tuple(replace(r, curves=own.get(r.name, {})) for r in runs))


def coarser(curve, rows):
    """The log that would have been, had it been written so many times less often."""
    whole = len(curve) // rows * rows
    loss = curve.loss[:whole].reshape(-1, rows).mean(axis=1)
    return replace(curve, steps=curve.steps[rows - 1 : whole : rows], loss=loss, window=25 * rows)


def error(study, rows, **told):
    """Mean relative error on the fine logs of the held-out runs, of a fit to coarse ones."""
    options = FitOptions(Convention(warmup="as-is"))
    own = {
        run.name: {"x": replace(coarser(run.curves["x"], rows), **told)}
        for run in study.runs
        if run.name in FITTED
    }
    runs = tuple(replace(run, curves=own.get(run.name, {})) for run in study.runs)
    domain = fit(replace(study, runs=runs), "effective", options).domain("cpt")
    fine = observe(study.without(FITTED), "cpt", options.convention)
    return float(np.abs(domain.loss(fine.points) / fine.loss - 1.0).mean())


@pytest.mark.parametrize("rows", [1, 4, 8])
def test_the_error_does_not_grow_with_the_window(logged, rows):
    assert error(logged, rows) < 0.0115


@pytest.mark.parametrize(("rows", "least"), [(4, 0.02), (8, 0.03)])
def test_taken_for_losses_of_single_steps_they_mislead(logged, rows, least):
    assert error(logged, rows, window=1) > least
