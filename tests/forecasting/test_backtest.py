"""Backtests: what is held out is not seen, and what is scored is."""

from dataclasses import replace

import numpy as np
import pytest

from bundled import MOST_GIVEN, REPLAY, few, given_fit, tiny
from cptlaw import Convention, DataError, FitOptions, backtest, compare, fit
from cptlaw.fitting.parts import unseen
from cptlaw.fitting.result import DomainFit

GIVEN = FitOptions(Convention(), fixed={"lambda": 0.98})


@pytest.fixture(scope="module")
def study():
    return tiny(REPLAY)


@pytest.fixture(scope="module")
def result(study):
    return backtest(study, ["cpt-cosine"], laws=["paper"], options=GIVEN)


def test_rows_score_the_forecast_of_the_held_out_run(study, result):
    fitted = given_fit(REPLAY, "cpt-cosine")
    row = next(r for r in result.rows if r.domain == "cpt")
    from cptlaw.fitting.observations import observe

    full = observe(study, "cpt", Convention())
    mine = full.run == full.runs.index("cpt-cosine")
    error = fitted.domain("cpt").loss(full.points)[mine] - full.loss[mine]
    assert row.scores.n == 40
    assert row.scores.mae == pytest.approx(np.abs(error).mean(), rel=1e-9)
    assert row.scores.final_error == pytest.approx(error[-1], rel=1e-9)
    assert {r.run for r in result.rows} == {"cpt-cosine"}


def test_a_row_per_law_run_and_domain(study):
    held_out = ["cpt-cosine", "hidden-pt-const"]
    result = backtest(study, held_out, laws=["eq4", "eq10"], options=MOST_GIVEN)
    keys = [(r.law, r.run, r.domain) for r in result.rows]
    assert len(keys) == len(set(keys)) == 2 * 2 * 4
    assert {(r.law, r.domain) for r in result.laws} == {
        (law, role) for law in ("eq4", "eq10") for role in study.domains
    }


def test_the_held_out_losses_do_not_move_the_fit(study, result):
    from dataclasses import replace

    from cptlaw import Curve

    spoiled = replace(
        study,
        runs=tuple(
            replace(r, curves={k: Curve(c.steps, c.loss * 2) for k, c in r.curves.items()})
            if r.name == "cpt-cosine"
            else r
            for r in study.runs
        ),
    )
    other = backtest(spoiled, ["cpt-cosine"], laws=["paper"], options=GIVEN)
    assert [w.huber for w in result.laws] == [w.huber for w in other.laws]


def test_the_beginning_of_the_last_runs_is_fitted_and_the_rest_scored(study):
    result = backtest(study, laws=["paper"], fit_steps=0.5, options=GIVEN)
    rows = {r.run: r.scores.n for r in result.rows if r.domain == "cpt"}
    assert "base" not in rows
    assert rows["cpt-const"] == 20
    assert rows["annealed"] == 10


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "say what to hold out"),
        ({"hold_out": ["cpt-cosine"], "fit_steps": 0.5}, "not both"),
        ({"hold_out": ["cpt-cosin"]}, "Did you mean 'cpt-cosine'"),
        ({"fit_steps": 1.0}, "above 0 and below 1"),
        ({"hold_out": [f"{a}_{b}" for a in ("pt", "cpt") for b in ("x",)]}, "no such run"),
    ],
)
def test_bad_requests(study, asked, message):
    with pytest.raises(DataError, match=message):
        backtest(study, **asked)


def test_everything_held_out(study):
    with pytest.raises(DataError, match="every run is held out"):
        backtest(study, [r.name for r in study.runs])


@pytest.mark.parametrize(("law", "name"), [(None, "effective"), ("paper", "eq4")])
def test_the_bundled_cosine_run_is_forecast_close_to_its_noise(law, name):
    """From the base, its annealed branch, the constant and the two-stage run."""
    study = tiny(REPLAY, roles=("pt", "cpt"))
    result = backtest(study, ["cpt-cosine", "hidden-pt-const"], laws=[law] if law else ())
    assert {r.law for r in result.rows} == {name}
    errors = {r.domain: r.scores.mape for r in result.rows if r.run == "cpt-cosine"}
    assert errors["pt"] < 0.005
    assert errors["cpt"] < 0.003


@pytest.mark.parametrize("laws", [["paper", "eq4"], ["eq4", "eq10", "eq4"]])
def test_a_law_that_is_named_twice_is_fitted_once(study, laws):
    result = backtest(study, ["cpt-cosine"], laws=laws, options=MOST_GIVEN)
    rows = [(r.law, r.domain) for r in result.laws]
    assert len(rows) == len(set(rows))
    assert {law for law, _ in rows} == {"eq4", *({"eq10"} & set(laws))}


def thin(study):
    """The same runs with every fourth point."""
    from dataclasses import replace

    from cptlaw import Curve

    def few(run):
        curves = {k: Curve(c.steps[3::4], c.loss[3::4]) for k, c in run.curves.items()}
        return replace(run, curves=curves)

    return replace(study, runs=tuple(few(run) for run in study.runs))


def test_every_option_reaches_the_fits():
    """A backtest and a comparison fit as `fit` does, whatever is asked of it."""
    study = thin(tiny(REPLAY, "hidden-pt-const", roles=("pt", "ood.docs")))
    asked = {"ood_law": "eq4", "delta": 2e-3, "prior_weight": 0.5}
    options = FitOptions(Convention("as-is"), {"alpha": 0.5}, **asked)
    direct = fit(study.without(["cpt-cosine"]), "effective", options)
    assert {role: d.law.name for role, d in direct.domains.items()} == {
        "pt": "effective",
        "ood.docs": "eq4",
    }
    tested = backtest(study, ["cpt-cosine"], laws=["effective"], options=options)
    assert {r.domain: r.huber for r in tested.laws} == {
        role: domain.scores.huber for role, domain in direct.domains.items()
    }
    compared = compare(study, ["effective", "eq4"], ["cpt-cosine"], options=options)
    for curve in (c for c in compared.curves if c.law == "effective"):
        full, new = unseen(study, direct.study, curve.domain, direct)
        expected = np.log(direct.domain(curve.domain).loss(full.points)) - np.log(full.loss)
        np.testing.assert_allclose(curve.error, np.abs(expected[new]), rtol=1e-12)
    assert direct.options == options


def test_bad_options():
    with pytest.raises(DataError, match="delta = 0 must be above 0"):
        FitOptions(delta=0.0)
    with pytest.raises(DataError, match="prior_weight = -1 must be 0 or above"):
        FitOptions(prior_weight=-1.0)


def test_it_says_what_forecasts_are_not_to_be_trusted():
    flat = few("base", "cpt-const", "cpt-cosine")
    found = backtest(flat, ["cpt-cosine"])
    assert {row.beyond for row in found.rows} == {("schedule",)}
    (said,) = found.conclusions
    assert said.startswith("You can trust forecasts of other schedules, with their intervals")
    found = replace(found, rows=tuple(replace(row, coverage=0.3) for row in found.rows))
    (said,) = found.conclusions
    assert said.startswith("Do not trust this study for other schedules: ")
    assert "the 90 % interval held 30%" in said
    assert found.summary().startswith("Do not trust this study for other schedules")


def test_it_says_what_forecasts_hold(result):
    row = result.rows[0]
    held = replace(result, rows=(replace(row, coverage=0.9, beyond=()),))
    assert held.conclusions[0].startswith("You can trust forecasts of runs like the fitted ones")
    bare = replace(result, rows=(replace(row, coverage=None),))
    assert "interval" not in bare.conclusions[0]
    two = replace(held, rows=(*held.rows, replace(row, law="eq9", coverage=0.2, beyond=("peak",))))
    worst, best = two.conclusions
    assert worst.startswith("eq9: Do not trust this study for other peak LRs")
    assert best.startswith("eq4: You can trust") or best.startswith(f"{row.law}: You can trust")


def test_laws_are_checked_before_any_is_fitted(study):
    told = []
    with pytest.raises(DataError, match="unknown"):
        backtest(study, ["cpt-cosine"], laws=["eq4", "eq44"], progress=told.append)
    assert not told


def test_a_part_without_losses_cannot_be_scored(study):
    bare = tuple(replace(run, curves={}) if run.name == "cpt-cosine" else run for run in study.runs)
    with pytest.raises(DataError, match="no losses to score the forecasts on"):
        backtest(replace(study, runs=bare), ["cpt-cosine"], laws=["eq4"], options=GIVEN)


def test_a_forecast_that_is_not_finite_is_not_scored_and_told(monkeypatch):
    study = tiny(REPLAY, roles=("pt", "cpt"))
    real = DomainFit.loss

    def broken(self, points):
        found = real(self, points)
        return found if self.role == "pt" else np.full_like(found, np.nan)

    monkeypatch.setattr(DomainFit, "loss", broken)
    found = backtest(study, ["cpt-cosine"], laws=["eq4"])
    assert {row.domain for row in found.rows} == {"pt"}
    assert any(
        "eq4 has no finite forecast of 'cpt-cosine' on cpt: not scored." in n for n in found.notes
    )
