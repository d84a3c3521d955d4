"""Every value goes to JSON and comes back the same."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bundled import MOST_GIVEN, REPLAY, default_fit, given_fit, tiny
from cptlaw import (
    Convention,
    DataError,
    FitOptions,
    Schedule,
    backtest,
    fit,
    forecast,
    published,
    shift_at,
    store,
)
from cptlaw.fitting.result import Fit


@pytest.fixture(scope="module")
def study():
    return tiny(REPLAY)


@pytest.fixture(scope="module", params=["default", "paper"])
def fitted(study, request):
    return (default_fit if request.param == "default" else given_fit)(REPLAY)


@pytest.fixture(scope="module")
def tested(study):
    return backtest(study, ["cpt-cosine"], laws=["eq4", "eq10"], options=MOST_GIVEN)


def values(study, fitted, tested):
    yield study
    yield study.runs[0]
    yield study.runs[0].curves["pt"]
    yield study.history("cpt-cosine")
    yield Convention(warmup="as-is", tail="carried", fit_from=3)
    yield Schedule.parse(
        "warmup 5 to 1e-3 | power 20 to 0 power=2 until=7 | inverse_sqrt 4 timescale=9"
    )
    yield Schedule.from_array(np.random.default_rng(0).random(50))
    yield forecast(fitted, "cosine 300 to 0", after="base")
    yield tested
    yield shift_at(fitted, "pt", 1.0)


def test_values_come_back_equal(study, fitted, tested):
    for value in values(study, fitted, tested):
        text = store.to_json(value)
        again = store.from_json(text, type(value))
        assert again == value
        assert store.to_json(again) == text


@pytest.mark.parametrize("name", published.names())
def test_published_fits_come_back(name):
    made = published.load(name)
    again = store.from_json(store.to_json(made), Fit)
    assert store.to_json(again) == store.to_json(made)
    assert {r: d.law.text for r, d in again.domains.items()} == {
        r: d.law.text for r, d in made.domains.items()
    }


def test_a_stored_fit_forecasts_the_same_numbers(fitted, tmp_path):
    path = store.save(fitted, tmp_path / "fit.json")
    again = store.load(path, Fit)
    asked = {"schedule": "cosine 800 to 1e-4", "after": "base@1500"}
    assert forecast(again, **asked) == forecast(fitted, **asked)


@pytest.mark.parametrize(
    "options",
    [
        FitOptions(Convention("as-is")),
        FitOptions(
            Convention("peak", "carried", 5), {"lambda": 0.98}, "eq4", "peak", 1e-2, 3, 0.0, True
        ),
    ],
)
def test_a_stored_fit_knows_how_it_was_fitted(fitted, options):
    text = store.to_json(replace(fitted, options=options, study=None))
    assert store.from_json(text, Fit).options == options


def test_a_stored_fit_reproduces_itself(fitted, tmp_path):
    again = store.load(store.save(fitted, tmp_path / "fit.json"), Fit)
    domain = again.domain("cpt")
    assert again.study.fingerprint == fitted.fingerprint
    alone = replace(again.study, domains={"cpt": again.study.domains["cpt"]})
    refit = fit(alone, domain.law.name, again.options)
    assert dict(refit.domain("cpt").params) == dict(fitted.domain("cpt").params)


def test_the_file_begins_with_what_json_prints(fitted):
    document = json.loads(store.to_json(fitted))
    assert (document["cptlaw"], document["version"]) == ("Fit", 2)
    domain = document["domains"]["pt"]
    assert {"law", "params", "stderr", "status", "advice", "huber", "r2", "mae", "mape", "worst",
            "n"} <= set(domain)  # fmt: skip
    assert domain["params"] == dict(fitted.domain("pt").params)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "not a file that cptlaw wrote"),
        ('{"cptlaw": "Fit", "version": 99}', "version 99"),
        ('{"cptlaw": "Study", "version": 2, "value": {}}', "holds a Study, but a Fit is needed"),
        ('{"cptlaw": "Fit", "version": 2}', "is damaged"),
        ('{"cptlaw": "Fit", "version": 2, "value": {"type": "Nothing"}}', "is damaged"),
    ],
)
def test_other_files_are_refused(text, message, tmp_path):
    path = tmp_path / "fit.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as error:
        store.load(path, Fit)
    assert str(path) in str(error.value)


def test_a_missing_file_and_an_unknown_type(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        store.load(tmp_path / "none.json")
    with pytest.raises(DataError, match="dict values are not stored"):
        store.to_json({})


def test_a_stored_fit_with_another_number_is_damaged():
    document = json.loads(store.to_json(given_fit(REPLAY)))
    document["value"]["domains"]["items"]["cpt"]["params"]["items"]["L0"] *= 1.01
    with pytest.raises(DataError, match=r"x.json: is damaged \(domain 'cpt': its parameters"):
        store.from_json(json.dumps(document), origin="x.json")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/dev/null", "is a device, which may never end"),
        ("folder", "cannot be read"),
        ("latin.json", "cannot be read"),
    ],
)
def test_what_is_no_file_of_ours(tmp_path, name, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.json").write_bytes(b'{"cptlaw": "\xe9"}')
    with pytest.raises(DataError, match=message):
        store.load(tmp_path / name)


@pytest.mark.parametrize("value", [float("nan"), -1.0])
def test_a_fit_whose_numbers_its_law_cannot_have_is_refused(fitted, value):
    shape = fitted.domain("pt").law.shapes[0].name
    plain = json.loads(store.to_json(fitted))
    told = {"type": "float", "is": repr(value)} if value != value else value
    for domain in plain["value"]["domains"]["items"].values():
        if shape in domain["params"]["items"]:
            domain["params"]["items"][shape] = told
    with pytest.raises(DataError, match=r"cannot have .* as given|is damaged \(ValueError"):
        store.from_json(json.dumps(plain))


def test_a_law_that_nobody_can_find_again_is_not_stored(fitted):
    domain = fitted.domain("pt")
    own = replace(domain, law=replace(domain.law, name="mine"))
    with pytest.raises(DataError, match="law 'mine' is not in the catalogue"):
        store.to_json(replace(fitted, domains={**fitted.domains, "pt": own}))


def test_numbers_of_numpy_come_back_as_numbers():
    made = replace(Convention(), fit_from=np.int64(3))
    assert store.from_json(store.to_json(made)) == Convention(fit_from=3)
