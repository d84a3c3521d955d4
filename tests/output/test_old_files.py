"""Files that version 0.1.0 wrote are still read, and hold what they held.

`values.json` was written by version 0.1.0 along with the samples: file -> name -> value.
"""

import json
from pathlib import Path

import pytest

import cptlaw
from cptlaw import shift_at, store
from cptlaw.output.old_files import WITHOUT_EFFECT
from cptlaw.output.text.backtest import backtest_text
from cptlaw.output.text.fit import fit_text
from cptlaw.output.text.forecast import forecast_text
from stored_values import numbers

FOLDER = Path(__file__).parent / "files_0_1_0"
VALUES = json.loads((FOLDER / "values.json").read_text())
TEXTS = {
    "Fit": fit_text,
    "Forecast": forecast_text,
    "Backtest": backtest_text,
}
FITS = [name for name in VALUES if name.startswith("fit-")]


def load(name):
    return store.load(FOLDER / f"{name}.json")


def same(one, other):
    """Whether plain values agree, numbers to rounding."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return other == (pytest.approx(one, rel=1e-7, abs=0) if isinstance(one, float) else one)


def test_every_sample_is_checked():
    assert {path.stem for path in FOLDER.glob("*.json")} == {*VALUES, "values"}


def as_it_was(told, then):
    """Told of today's fit, without the parameters that version 0.1.0 did not have."""
    fitted = {r: d for r, d in told.get("domains", {}).items() if isinstance(d, dict)}
    for role, domain in fitted.items():
        new = [n for n in domain.get("params", {}) if n not in then["domains"][role]["params"]]
        if new:
            assert {n: domain["params"].pop(n) for n in new}.items() <= WITHOUT_EFFECT.items()
            domain["stderr"] = [e for e in domain["stderr"] if e is not None]
            domain["text"] = then["domains"][role]["text"]
    return told


@pytest.mark.parametrize("name", VALUES)
def test_a_file_of_version_0_1_0_holds_what_it_held(name):
    value = load(name)
    told = json.loads(json.dumps(numbers(value)))
    for key in as_it_was(told, VALUES[name]):
        assert same(VALUES[name][key], told[key]), key
    assert store.to_json(store.from_json(store.to_json(value))) == store.to_json(value)
    assert TEXTS.get(type(value).__name__, repr)(value)


def test_old_fits_are_of_every_kind():
    fits = [VALUES[name]["domains"] for name in FITS]
    laws = {domain["law"] for fit in fits for domain in fit.values()}
    assert laws >= {
        "effective", "effective+repetition", "eq4", "eq4-batch", "eq6", "eq7", "eq8", "average",
        "unknown-pt",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["fit-default", "fit-eq4", "fit-average", "fit-ood"])
def test_an_old_fit_still_answers(name):
    fit = load(name)
    curves = cptlaw.forecast(fit, "cosine 300 to 0", after="base", every=100).domains
    assert {role: c.final for role, c in curves.items()} == pytest.approx(
        VALUES[name]["forecast"], rel=1e-6
    )
    assert shift_at(fit, "cpt", 0.3).value == pytest.approx(VALUES[name]["shift"], rel=1e-6)


def test_an_old_plan_tells_how_stable_it_is():
    stability = load("plan").stability
    assert stability.knobs["peak"].high == 0.001
    assert (stability.regret, stability.agree) == pytest.approx((0.0033299849183122386, 1.0))


def test_a_fit_whose_points_were_chosen_otherwise_is_stored_again():
    document = json.loads((FOLDER / "fit-default.json").read_text())
    document["value"]["domains"]["items"]["cpt"]["scores"]["n"] += 1
    old = store.from_json(json.dumps(document))
    assert old.domain("cpt").scores.n == 46 and "Domain 'cpt' was fitted to 47" in old.notes[-1]
    assert store.from_json(store.to_json(old)).notes == old.notes
