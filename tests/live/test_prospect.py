"""The end of a run from a part of it: what is seen moves and narrows what is foreseen."""

import numpy as np
import pytest

from bundled import default_fit, tiny
from cptlaw import forecast
from cptlaw.live.prospect import prospect_of
from following import ROLES, RUN


@pytest.fixture(scope="module")
def prospect():
    fitted = default_fit(RUN, roles=ROLES)
    history = tiny(roles=ROLES).history(RUN)
    return prospect_of(fitted, "pt", history, 2000)


def test_before_it_starts_it_is_the_forecast_with_its_interval(prospect):
    fitted = default_fit(RUN, roles=ROLES)
    usual = forecast(fitted, "cosine 800 to 1e-4", after="base", every=100).domains["pt"]
    none = np.empty(0, dtype=np.int64)
    found = prospect.given(none, np.empty(0), usual.step)
    np.testing.assert_allclose(found.loss, usual.loss, rtol=2e-4)
    wide = np.log(usual.high / usual.loss) / 2.131847
    np.testing.assert_allclose(found.scale[1:], wide[1:], rtol=0.1)
    np.testing.assert_allclose(found.scale[-1], wide[-1], rtol=0.02)


def test_what_is_seen_narrows_the_interval_the_more_the_later(prospect):
    step = np.arange(20, 800, 20)
    loss = prospect.given(step[:0], np.empty(0), step).loss
    end = np.array([800])
    scales = [prospect.given(step[:n], loss[:n], end).scale[0] for n in (0, 10, 20, 30, 39)]
    assert (np.diff(scales) < 0).all()
    assert scales[-1] < 0.7 * scales[0]


def test_a_run_that_lies_above_ends_above_but_by_no_more(prospect):
    step, end = np.arange(20, 600, 20), np.array([800])
    loss = prospect.given(step[:0], np.empty(0), step).loss
    usual = prospect.given(step, loss, end).loss[0]
    raised = prospect.given(step, 1.005 * loss, end).loss[0]
    assert 1.002 < raised / usual < 1.0055


def test_a_run_that_misses_by_more_than_was_said_makes_all_less_sure(prospect):
    step, end = np.arange(20, 600, 20), np.array([800])
    loss = prospect.given(step[:0], np.empty(0), step).loss
    far = np.where(np.arange(step.size) % 2, 1.05, 0.95)
    assert prospect.given(step, far * loss, end).scale[0] > (
        3 * prospect.given(step, loss, end).scale[0]
    )


def test_thousands_of_evaluations_count_as_some(prospect):
    step, end = np.arange(1, 601), np.array([800])
    loss = prospect.given(step[:0], np.empty(0), step).loss
    few = prospect.given(step[19::20], loss[19::20], end)
    many = prospect.given(step, loss, end)
    np.testing.assert_allclose(many.loss, few.loss, rtol=1e-3)
    np.testing.assert_allclose(many.scale, few.scale, rtol=0.1)
