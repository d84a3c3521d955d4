"""Forecasts without a law."""

import numpy as np
import pytest

from cptlaw import Curve, Run, Schedule, Study, datasets
from cptlaw.errors import DataError
from cptlaw.fitting.observations import observe
from cptlaw_evidence.laws.baselines import fit_baseline
from cptlaw_evidence.sources.splits import keeping

LOSS = {100: 4.0, 200: 3.5, 300: 3.3, 400: 3.2}


def branch(start, loss):
    """The constant run annealed from a step; its losses at its start, halfway and at its end."""
    return Run(
        f"from-{start}",
        {"loss": Curve(np.array([0, 20, 40]), np.array(loss))},
        schedule=Schedule.parse("linear 40 to 0 from=1e-3"),
        after="constant",
        after_step=start,
        data="pt",
    )


@pytest.fixture(scope="module")
def study():
    constant = Run(
        "constant",
        {"loss": Curve(np.array([*LOSS]), np.array([*LOSS.values()]))},
        schedule=Schedule.constant(1e-3, 400),
    )
    branches = (
        branch(100, [4.0, 3.9, 3.8]),
        branch(200, [3.5, 3.3, 3.1]),
        branch(300, [3.3, 3.0, 2.9]),
    )
    return Study({"loss": "loss"}, (constant, *branches))


def forecast(study, name, cuts):
    """Step since the branch -> forecast, of the run that was fitted least."""
    fitted = fit_baseline(keeping(study, cuts), name)
    observed = observe(study, "loss", fitted.convention)
    mine = observed.run == observed.runs.index("from-300")
    value = fitted.domain("loss").loss(observed.points)[mine]
    return dict(zip(observed.step[mine].tolist(), value.tolist(), strict=True))


WHOLE = {"constant": None, "from-100": None, "from-200": None}


def test_the_last_loss_goes_on(study):
    assert forecast(study, "last-value", {**WHOLE, "from-300": 0}) == {20: 3.3, 40: 3.3}
    assert forecast(study, "last-value", {**WHOLE, "from-300": 20})[40] == 3.0


def test_the_trend_fades(study):
    (first, second) = forecast(study, "damped-trend", {**WHOLE, "from-300": 20}).values()
    assert second < first < 3.3


def test_the_same_drop_as_earlier_branches(study):
    got = forecast(study, "same-drop", {**WHOLE, "from-300": 0})
    assert got == pytest.approx({20: 3.3 - 0.15, 40: 3.3 - 0.3})
    assert forecast(study, "same-drop", {**WHOLE, "from-300": 20})[40] == pytest.approx(3.0 - 0.15)


def test_a_drop_must_have_been_seen(study):
    with pytest.raises(DataError, match="no fitted run goes from its peak"):
        forecast(study, "same-drop", {"constant": None, "from-300": 0})


def test_drops_are_of_pre_training():
    with pytest.raises(DataError, match="of pre-training alone"):
        fit_baseline(datasets.load("tiny-cpt"), "same-drop")
