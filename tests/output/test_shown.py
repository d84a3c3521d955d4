"""Results answer for themselves: short reprs, summaries, figures, tables."""

import sys

import pytest

from bundled import MOST_GIVEN
from cptlaw import (
    Budget,
    Goal,
    Knobs,
    MissingExtra,
    Schedule,
    Study,
    backtest,
    candidates,
    compare,
    datasets,
    fit,
    forecast,
    pilot,
    plan,
    profile,
    uncertainty,
)

OPTIONS = MOST_GIVEN


@pytest.fixture(scope="module")
def study():
    return datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])


@pytest.fixture(scope="module")
def fitted(study):
    return fit(
        Study({"pt": study.domains["pt"], "cpt": study.domains["cpt"]}, study.runs), "eq4", OPTIONS
    )


@pytest.fixture(scope="module")
def results(fitted):
    study = fitted.study
    asked = ["cpt-cosine"]
    runs = candidates(study, peaks=[1e-3], steps=300)
    return {
        "Study": study,
        "Fit": fitted,
        "Forecast": forecast(fitted, "cosine 300 to 0", after="base"),
        "Backtest": backtest(study, asked, laws=["eq4", "eq10"], options=OPTIONS),
        "Comparison": compare(study, ["eq4", "eq10"], asked, options=OPTIONS),
        "Plan": plan(fitted, "cpt=1 pt=0.3", Knobs(peak="5e-4..2e-3", steps=300, after="base")),
        "Pilots": pilot(fitted, Goal({"cpt": 1.0}), runs, Budget.parse("600steps"), 2),
    }


KINDS = ["Study", "Fit", "Forecast", "Backtest", "Comparison", "Plan", "Pilots"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_repr_is_short_and_names_the_kind(results, kind):
    text = repr(results[kind])
    assert text.startswith(f"<{kind}")
    assert len(text) < 400
    assert "array" not in text


def test_what_results_are_made_of_has_short_reprs(results, fitted):
    run = fitted.study.runs[0]
    parts = [
        run,
        next(iter(run.curves.values())),
        fitted.study.history("cpt-cosine"),
        fitted.domain("cpt"),
        fitted.domain("cpt").law,
        fitted.observed("cpt"),
        results["Forecast"].domains["cpt"],
        results["Comparison"].curves[0],
        Schedule.from_array([1e-3 * (1 + i % 7) for i in range(900)]),
        uncertainty.ensemble_of(fitted),
        profile(fitted, "cpt", "beta"),
    ]
    for part in parts:
        assert len(repr(part)) < 500, type(part)
        assert "array(" not in repr(part)


def test_a_short_schedule_shows_how_to_make_it_again():
    made = Schedule.parse("warmup 5 to 1e-3 | cosine 20 to 0")
    assert eval(repr(made)) == made


@pytest.mark.parametrize("kind", KINDS)
def test_every_result_tells_draws_and_tabulates_itself(results, kind, tmp_path):
    result = results[kind]
    text = result.summary()
    assert len(text.splitlines()) > 2
    assert max(map(len, text.splitlines())) <= 110
    assert result._repr_html_().startswith("<pre>")
    assert "<pre><" not in result._repr_html_()
    figure = result.plot(tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes()[:4] == b"\x89PNG"
    assert figure.axes
    table = result.to_pandas()
    assert len(table) > 1
    assert not table.columns.duplicated().any()
    assert table.notna().any(axis=1).all()


def test_tables_hold_the_numbers(results, fitted):
    losses = results["Study"].to_pandas()
    assert len(losses) == sum(
        len(run.curves[c])
        for run in fitted.study.runs
        for c in fitted.study.domains.values()
        if c in run.curves
    )
    table = results["Fit"].to_pandas().set_index(["domain", "parameter"])
    assert table.loc[("cpt", "L0"), "value"] == fitted.domain("cpt").params["L0"]
    assert table.loc[("cpt", "lambda"), "known"] == "given"
    curves = results["Forecast"].to_pandas()
    assert curves[curves.domain == "cpt"].loss.iloc[-1] == results["Forecast"].domains["cpt"].final


@pytest.mark.parametrize(("package", "ask"), [("pandas", "to_pandas"), ("matplotlib", "plot")])
def test_what_is_missing_is_named(results, monkeypatch, package, ask):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"pip install 'cptlaw\["):
        getattr(results["Study"], ask)()
