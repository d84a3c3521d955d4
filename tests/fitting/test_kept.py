"""A fit keeps its refits, and never those of another."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bundled import REPLAY, given_fit
from cptlaw import DataError, forecast, published, store
from cptlaw.fitting import uncertainty
from cptlaw.fitting.kept import Refits, rounded
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import bootstrap, ensemble_of, with_refits

ASKED = {"schedule": "cosine 300 to 0", "after": "base"}


@pytest.fixture(scope="module")
def fitted():
    return replace(given_fit(REPLAY), notes=())  # apart from the one that other tests look at


@pytest.fixture(scope="module")
def kept(fitted):
    return with_refits(fitted)


def same(one, other):
    return all(
        np.array_equal(a, b)
        for role in one.moves
        for a, b in zip(one.moves[role], other.moves[role], strict=True)
    )


def test_kept_refits_are_those_that_would_be_made(fitted, kept):
    assert same(ensemble_of(kept), bootstrap(fitted))


def test_kept_refits_are_not_made_again(kept, monkeypatch):
    def never(*_):
        raise AssertionError("made again")

    monkeypatch.setattr(uncertainty, "bootstrap", never)
    assert len(ensemble_of(replace(kept, notes=("another note",)))) == uncertainty.COUNT


def test_a_stored_fit_takes_its_refits_along(kept, tmp_path):
    path = store.save(kept, tmp_path / "fit.json")
    again = store.load(path, Fit)
    assert isinstance(again.refits, Refits) and again.refits.made_of == kept.refits.made_of
    assert same(ensemble_of(again), ensemble_of(kept))
    assert store.to_json(again) == path.read_text()
    assert forecast(again, **ASKED) == forecast(kept, **ASKED)


def test_a_fit_without_refits_makes_them_when_asked(fitted, kept):
    again = store.from_json(store.to_json(fitted), Fit)
    assert again.refits is None
    assert forecast(again, **ASKED) == forecast(kept, **ASKED)


@pytest.mark.parametrize("change", ["params", "options", "study"])
def test_a_changed_fit_never_keeps_refits_of_another(kept, change):
    if change == "params":
        pt = kept.domain("pt")
        moved = replace(pt, params={**pt.params, "L0": pt.params["L0"] + 0.01})
        other = replace(kept, domains={**kept.domains, "pt": moved})
    elif change == "options":
        other = replace(kept, options=replace(kept.options, delta=2e-3))
    else:
        other = replace(kept, study=kept.study.without(["annealed"]))
    assert not same(ensemble_of(other), ensemble_of(kept))
    assert with_refits(other).refits.made_of != kept.refits.made_of


def test_the_file_holds_few_digits(kept):
    document = json.loads(store.to_json(kept))
    moves = document["value"]["refits"]["moves"]["items"]["pt"][0]
    assert max(len(repr(value)) for value in moves) <= 13
    assert np.array_equal(
        rounded(np.array([[1.234567e-7, -98765.432, 0.0]])), [[1.2346e-7, -98765.0, 0.0]]
    )


def test_published_coefficients_have_none():
    with pytest.raises(DataError, match="published coefficients come without"):
        with_refits(published.load("fineweb-kp-106m"))
