"""From errors of runs to rows of figures."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw_evidence.accuracy.errors import Forecast, RunErrors
from cptlaw_evidence.accuracy.rows import Outcome, rank_correlation, rows_of
from cptlaw_evidence.sources.source import Candidate, Protocol

PROTOCOL = Protocol("p", "s", "some", "others", lambda source: ())


def errors(run, mae, final_error=0.0, predicted=3.0, domain="loss", right=None):
    return RunErrors(
        run, domain, 10, mae, mae / 3, 2 * mae, final_error, predicted, mae**2, 3.0, 0.1, right
    )


def outcome(split, *found, why="", forecasts=(), name=""):
    name = name or f"split {split}"
    return Outcome("p", split, name, "eq1", found, forecasts, "eq1", 0.5, why)


def forecast(run, predicted, final, group="9 steps"):
    return Forecast(Candidate(run, group, final), "loss", predicted)


def one_row(*outcomes, noise=None):
    (row,) = rows_of(PROTOCOL, "eq1", outcomes, noise or {})
    return row


def test_r2_is_over_all_points_of_a_split():
    rng = np.random.default_rng(0)
    runs = [(rng.normal(3, 0.3, n), rng.normal(0, 0.1, n)) for n in (5, 9)]
    found = [
        replace(errors(f"{n}", 0.1), n=y.size, mse=(e**2).mean(), mean=y.mean(), variance=y.var())
        for n, (y, e) in enumerate(runs)
    ]
    every, wrong = (np.concatenate(parts) for parts in zip(*runs, strict=True))
    expected = 1 - (wrong**2).sum() / ((every - every.mean()) ** 2).sum()
    assert one_row(outcome(0, *found))["r2"] == pytest.approx(expected)
    flat = replace(errors("a", 0.1), variance=0.0)
    assert one_row(outcome(0, flat))["r2"] is None


def test_figures_are_means_over_runs_then_splits():
    row = one_row(
        outcome(0, errors("a", 0.1, 0.2), errors("b", 0.3, -0.1)), outcome(1, errors("c", 0.6, 0.3))
    )
    assert row["mae"] == pytest.approx((0.2 + 0.6) / 2)
    assert row["worst"] == pytest.approx(1.2)
    assert row["final_mae"] == pytest.approx((0.15 + 0.3) / 2)
    assert row["final_bias"] == pytest.approx((0.05 + 0.3) / 2)
    assert (row["splits"], row["runs"], row["points"]) == (2, 3, 30)
    assert row["by_split"]["split 1"]["mae"] == pytest.approx(0.6)


def test_splits_of_one_kind_are_averaged():
    row = one_row(
        outcome(0, errors("a", 0.1), name="2 times, small"),
        outcome(1, errors("a", 0.3), name="2 times, big"),
        outcome(2, errors("a", 0.5), name="4 times"),
    )
    assert {k: v["mae"] for k, v in row["by_split"].items()} == pytest.approx(
        {"2 times": 0.2, "4 times": 0.5}
    )


def test_noise_is_the_unit_where_it_is_known():
    assert one_row(outcome(0, errors("a", 0.1)), noise={"loss": 0.02})["mae_in_noise"] == 5.0
    assert one_row(outcome(0, errors("a", 0.1)), noise={"pt": 0.02})["mae_in_noise"] is None


def test_share_of_right_sides():
    row = one_row(outcome(0, errors("a", 0.1, right=True), errors("b", 0.1, right=False)))
    assert row["right_side"] == 0.5
    assert one_row(outcome(0, errors("a", 0.1)))["right_side"] is None


def test_regret_is_what_the_chosen_run_costs():
    found = (
        forecast("a", 2.0, 3.5),
        forecast("b", 2.1, 3.1),
        forecast("c", 2.5, 3.0, "99 steps"),
        forecast("d", 2.6, 3.2, "99 steps"),
        forecast("e", 2.6, 3.2, "alone"),
    )
    row = one_row(
        outcome(0, errors("a", 0.1), forecasts=found),
        outcome(1, errors("a", 0.1), forecasts=found[2:]),
    )
    assert row["by_group"] == pytest.approx({"9 steps": 0.4, "99 steps": 0.0})
    assert row["regret"] == pytest.approx(0.2)  # the worst group of each split, averaged
    assert row["regret_worst"] == pytest.approx(0.4)


def test_a_law_that_applies_nowhere_has_a_row_that_says_why():
    row = one_row(outcome(0, why="does not apply: no"), outcome(1, why="does not apply: no"))
    assert row["domain"] is None and row["mae"] is None and row["splits"] == 0
    assert (row["failed_splits"], row["all_splits"]) == (2, 2)
    assert row["why"] == "does not apply: no"


def test_a_law_that_fails_on_one_split_is_scored_on_the_others():
    row = one_row(outcome(1, why="does not apply: no"), outcome(0, errors("a", 0.1)))
    assert row["mae"] == pytest.approx(0.1)
    assert (row["failed_splits"], row["all_splits"], row["why"]) == (1, 2, "does not apply: no")


def test_domains_have_rows_of_their_own():
    found = outcome(0, errors("a", 0.1, domain="pt"), errors("a", 0.2, domain="cpt"))
    rows = rows_of(PROTOCOL, "eq1", [found], {})
    assert {row["domain"]: row["mae"] for row in rows} == pytest.approx({"pt": 0.1, "cpt": 0.2})


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 40], 1.0),
        ([1, 2, 3, 4], [9, 8, 7, 6], -1.0),
        ([1, 2, 3, 4], [1, 3, 2, 4], 0.8),
        ([1, 1, 2, 3], [1, 2, 3, 3], 0.8889),  # ties share the mean of their ranks
        ([1, 2], [1, 2], None),
        ([1, 1, 1], [1, 2, 3], None),
    ],
)
def test_rank_correlation(one, other, expected):
    got = rank_correlation(np.array(one, dtype=float), np.array(other, dtype=float))
    assert got == (None if expected is None else pytest.approx(expected, abs=1e-4))
