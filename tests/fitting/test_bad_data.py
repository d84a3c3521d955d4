"""A fit, a backtest and a comparison leave bad data out, and a stored fit remembers them."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import Curve, FitOptions, Run, Schedule, Study, backtest, compare, fit, verdict
from cptlaw.output import store
from cptlaw.output.json.fit import fit_json
from cptlaw.output.text.fit import fit_text

STEPS = np.arange(0, 2001, 50)
EASY = FitOptions(fixed={"lambda": 0.99})


def run(name, peak, loss=None):
    schedule = Schedule.parse(f"warmup 100 to {peak} | constant 1400 | linear 500 to 0")
    noise = 1 + 0.003 * np.random.default_rng(len(name)).normal(size=STEPS.size)
    good = (2.6 + 7.8 / (1 + STEPS * peak / 0.05) ** 0.7) * noise
    return Run(name, {"loss": Curve(STEPS, good if loss is None else loss)}, schedule=schedule)


@pytest.fixture(scope="module")
def study():
    good = [run("slow", 1e-3), run("middle", 1.5e-3), run("faster", 2e-3)]
    loss = good[2].curves["loss"].loss
    bad = run("hot", 5e-3, np.where(STEPS > 800, 7.55, loss))
    again = replace(good[0], name="slow-again")
    return Study({"loss": "loss"}, (*good, bad, again))


@pytest.fixture(scope="module")
def fitted(study):
    return fit(study, "eq1", EASY)


def test_the_bad_runs_are_left_out_and_told(study, fitted):
    assert set(fitted.observed("loss").runs) == {"slow", "middle", "faster"}
    clean = fit(study.without(["hot", "slow-again"]), "eq1", EASY)
    assert fitted.domain("loss").params == clean.domain("loss").params
    text = " ".join(fit_text(fitted).split())
    assert "run 'hot': diverged" in text
    assert "run 'slow-again': is 'slow' again" in text
    assert fit_json(fitted)["diverged"] == [{"run": "hot", "step": 850, "peak": 5e-3}]
    assert len(fit_json(fitted)["faults"]) == 2


def test_the_peak_of_a_run_that_diverged_is_stored(fitted, tmp_path):
    store.save(fitted, tmp_path / "fit.json")
    again = store.load(tmp_path / "fit.json")
    assert again.diverged == fitted.diverged
    assert again.peak_limit == 5e-3
    assert fit(again.study, "eq1", again.options).diverged == fitted.diverged


def test_what_is_kept_is_fitted(study):
    kept = fit(study, "eq1", replace(EASY, keep=("slow-again",)))
    assert "slow-again" in kept.observed("loss").runs
    assert "hot" not in kept.observed("loss").runs


def test_a_backtest_neither_fits_nor_scores_bad_data(study):
    result = backtest(study, ["faster"], laws=["eq1"], options=EASY)
    assert [row.run for row in result.rows] == ["faster"]
    assert any("'hot': diverged" in note for note in result.notes)
    compared = compare(study, ["eq1", "eq9"], ["faster"], options=EASY, count=20)
    assert any("'hot': diverged" in note for note in compared.notes)


def test_a_fit_of_swapped_domains_begins_with_that():
    base = run("base", 1e-3)
    start = float(base.curves["loss"].loss[-1])
    curves = {c: Curve(STEPS, base.curves["loss"].loss) for c in ("x", "y")}
    moved = 0.2 * (1 - np.exp(-STEPS / 400))
    cpt = Run(
        "cpt",
        {"x": Curve(STEPS, start * (1 + moved)), "y": Curve(STEPS, start * (1 - moved))},
        schedule=base.schedule,
        after="base",
        data="cpt",
    )
    swapped = Study({"pt": "y", "cpt": "x"}, (replace(base, curves=curves), cpt))
    told = verdict(fit(swapped, "eq4", EASY)).first
    assert told.startswith("Do not use this fit before you have mended the study")
    assert "run 'cpt'" in told
