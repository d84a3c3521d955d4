"""Comparisons of laws: what is held out, the paired bootstrap, and what is said."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bundled import MOST_GIVEN
from command import run, write_logs
from cptlaw import DataError, FitOptions, Study, backtest, datasets
from cptlaw.fitting.parts import parts_of
from cptlaw.fitting.uncertainty import Interval, limits
from cptlaw.forecasting.compare import (
    ComparedRow,
    Comparison,
    compare,
)
from cptlaw.forecasting.held_out import HeldOutCurve, resampled_means

QUICK = replace(MOST_GIVEN, fixed={**MOST_GIVEN.fixed, "zeta1": 0.95, "zeta2": 0.85})
SUITING = {"eq4": MOST_GIVEN, "eq10": QUICK}  # a comparison sees to it by itself


@pytest.fixture(scope="module")
def study():
    whole = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    return Study({"pt": "pt", "cpt": "code"}, whole.runs)


@pytest.fixture(scope="module")
def result(study):
    return compare(study, ["eq4", "eq10"], options=QUICK)


# --- what is held out ------------------------------------------------------------------------


def test_every_last_run_is_left_out_in_turn_and_cut(study):
    parts, kept = parts_of(study)
    last = ["annealed", "hidden-pt-const", "cpt-const", "cpt-cosine", "cpt-twostage"]
    words = [
        *(f"without {name}" for name in last),
        *(f"to {n} % of the last runs" for n in (33, 67)),
    ]
    assert [part.words for part in parts] == words
    assert kept == ()


def test_a_run_stays_in_that_alone_has_what_varies():
    parts, kept = parts_of(datasets.load("tiny-cpt"))
    assert kept == ("mixed-const-replay0.25",)
    assert "without mixed-const-replay0.25" not in [part.words for part in parts]


def test_the_only_cpt_run_stays_in(study):
    alone = study.without(["cpt-cosine", "cpt-twostage"])
    assert parts_of(alone)[1] == ("cpt-const",)


def test_many_runs_are_left_out_in_eight_groups():
    grid = datasets.load("tiny-grid").without(["batch128"])
    groups = [p.words for p in parts_of(grid)[0] if p.words.startswith("without")]
    names = [name for words in groups for name in words.removeprefix("without ").split(", ")]
    assert len(groups) <= 8 < len(names) == len(set(names))


# --- the errors ------------------------------------------------------------------------------


def test_errors_are_those_of_a_backtest(study):
    found = compare(study, ["eq4", "eq10"], ["cpt-cosine"], options=QUICK)
    tests = [backtest(study, ["cpt-cosine"], laws=[w], options=o) for w, o in SUITING.items()]
    tested = [row for test in tests for row in test.rows]
    assert {(c.law, c.run, c.domain) for c in found.curves} == {
        (r.law, r.run, r.domain) for r in tested
    }
    for row in tested:
        own = next(r for r in found.rows if (r.law, r.domain) == (row.law, row.domain))
        assert own.mape == pytest.approx(row.scores.mape, rel=0.02)  # log against relative errors
        assert own.runs == 1
    assert any("one run is held out" in note for note in found.notes)


def test_rows_are_means_of_the_curves_and_differences_of_the_rows(result):
    for row in result.rows:
        own = [c for c in result.curves if (c.law, c.domain) == (row.law, row.domain)]
        assert row.mape == pytest.approx(np.mean([c.error.mean() for c in own]))
        assert row.final == pytest.approx(np.mean([c.error[-1] for c in own]))
        assert row.runs == 5
    base, other = ({r.domain: r for r in result.rows if r.law == law} for law in ("eq4", "eq10"))
    for role, row in other.items():
        assert row.difference.value == pytest.approx(row.mape - base[role].mape)
        assert row.difference.low <= row.difference.high
        assert base[role].difference is None


def test_laws_are_judged_on_the_same_points(result):
    places = {
        law: [(c.part, c.run, c.domain, c.step.tolist()) for c in result.curves if c.law == law]
        for law in ("eq4", "eq10")
    }
    assert places["eq4"] == places["eq10"]


def test_the_default_law_is_what_others_are_compared_with(study):
    one = Study({"pt": study.domains["pt"]}, study.runs)
    found = compare(
        one, ["eq4", "effective"], ["cpt-cosine"], options=FitOptions(fixed={"lambda": 0.98})
    )
    assert found.against == "effective"
    assert compare(study, ["eq4"], ["cpt-cosine"], against="eq10", options=QUICK).against == "eq10"


def test_a_law_that_cannot_be_fitted_leaves_nothing_to_compare(study):
    with pytest.raises(
        DataError, match="eq10 cannot be fitted without cpt-cosine: cannot fix 'zeta9'"
    ):
        compare(study, ["eq4", "eq10"], ["cpt-cosine"], options=FitOptions(fixed={"zeta9": 1.0}))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"laws": ["eq44"]}, "'eq44' is unknown"),
        ({"laws": ["eq4", "eq1"]}, "eq1 has no shift"),
        ({"laws": ["effective"], "against": "effective", "level": 1.0}, "between 0 and 1"),
        ({"hold_out": ["cpt-cosin"]}, "Did you mean 'cpt-cosine'"),
    ],
)
def test_bad_requests(study, asked, message):
    with pytest.raises(DataError, match=message):
        compare(study, **asked)


# --- the bootstrap ---------------------------------------------------------------------------


def curves_of(errors, law="a"):
    """A held-out curve of each row."""
    step = np.arange(errors.shape[1])
    return [HeldOutCurve(law, f"run{i}", "pt", "x", step, e, step) for i, e in enumerate(errors)]


def test_the_same_errors_never_differ():
    errors = np.random.default_rng(0).gamma(2.0, 1e-3, (4, 30))
    one, other = (resampled_means(curves_of(errors, law), 100, 0) for law in ("a", "b"))
    assert np.array_equal(one, other)
    assert one.std() > 0


def test_a_constant_difference_has_no_spread():
    errors = np.random.default_rng(0).gamma(2.0, 1e-3, (4, 30))
    one, other = (resampled_means(curves_of(e), 100, 0) for e in (errors, errors + 1e-3))
    assert other - one == pytest.approx(np.full(100, 1e-3))


@pytest.mark.parametrize("runs", [4, 6, 12])
def test_intervals_cover_the_true_difference(runs):
    """Differences vary from run to run and along a run; 90 % intervals, 200 studies of each."""
    random = np.random.default_rng(runs)
    held = 0
    for _ in range(200):
        own = random.normal(0, 1e-3, (runs, 1))
        gap = own + random.normal(0, 1e-3, (runs, 6)).repeat(5, axis=1)
        low, high = limits(resampled_means(curves_of(gap), 300, 0), 0.9)
        held += low <= 0 <= high
    assert 0.8 <= held / 200 <= 0.97


# --- in words --------------------------------------------------------------------------------


def comparison(better, gap=-2e-3):
    """Two laws on one domain."""
    low, high = min(gap, 0), max(gap, 0)
    rows = (
        ComparedRow("eq4", "cpt", 6, 4e-3, 4e-3),
        ComparedRow("eq10", "cpt", 6, 4e-3 + gap, 3e-3, Interval(gap, low, high), better),
    )
    return Comparison(rows, "eq4", ("x",))


@pytest.mark.parametrize(
    ("better", "gap", "sentence"),
    [
        (
            0.98,
            -2e-3,
            "eq10 is better than eq4 on cpt (0.2 % against 0.4 %, in 98 % of resamples).",
        ),
        (0.02, 2e-3, "eq4 is better than eq10 on cpt (0.4 % against 0.6 %, in 98 % of resamples)."),
        (
            1.0,
            -2e-3,
            "eq10 is better than eq4 on cpt (0.2 % against 0.4 %, in over 99 % of resamples).",
        ),
        (0.6, -1e-4, "On cpt (0.01 %) the difference between eq4 and eq10 is within noise."),
    ],
)
def test_a_conclusion_in_plain_words(better, gap, sentence):
    assert comparison(better, gap).conclusions == (sentence,)


@pytest.mark.parametrize(
    ("better", "gap", "best", "words"),
    [
        (0.9, -2e-3, "eq4", "Keep eq4: no other law forecasts this study clearly better."),
        (0.97, -2e-3, "eq10", "Use eq10: it forecasts this study clearly better than eq4."),
        (0.1, 2e-3, "eq4", "Keep eq4"),
    ],
)
def test_the_reference_is_kept_where_the_difference_is_noise(better, gap, best, words):
    found = comparison(better, gap)
    assert found.best == best
    assert found.verdict.startswith(words)
    assert found.summary().startswith(words)


# --- the command -----------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    write_logs(tmp_path)
    monkeypatch.chdir(tmp_path)


WORDS = ("compare", "study.toml", "--law", "eq4", "eq10", "--lambda", "0.999", "--warmup", "peak")
WORDS += tuple(f"--fix={given}" for given in ("alpha=0.6", "E=10", "zeta1=0.9", "zeta2=0.8"))


def test_the_command_prints_a_table_a_conclusion_and_what_is_next(here):
    ended = run(*WORDS)
    assert ended.status == 0, ended.stderr
    assert "minus eq4" in ended.stdout
    assert "eq10 is better than eq4 on cpt" in " ".join(ended.stdout.split())
    assert "(1 of 8)" in ended.stderr
    assert "next: cptlaw fit study.toml --law" in ended.stderr.splitlines()[-1]


def test_the_command_as_json(here):
    ended = run(*WORDS, "--hold-out", "stages", "--json")
    found = json.loads(ended.stdout, parse_constant=pytest.fail)
    assert found["parts"] == ["without stages"]
    assert {(r["law"], r["domain"]) for r in found["rows"]} == {
        (law, role) for law in ("eq4", "eq10") for role in ("pt", "cpt")
    }
    assert found["curves"][0]["run"] == "stages"
    assert found["conclusions"]


def test_an_unknown_law_is_told_before_anything_is_fitted(here):
    ended = run("compare", "study.toml", "--law", "eq44")
    assert ended.status == 2
    assert "eq44" in ended.stderr
    assert "fitting" not in ended.stderr


def test_a_comparison_comes_back_from_its_file(result, tmp_path):
    from cptlaw import store

    path = store.save(result, tmp_path / "compared.json")
    assert store.load(path, Comparison) == result
