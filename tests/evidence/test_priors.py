"""The sources of a plan without runs foretell one another, and are written as they are read."""

import json
from importlib import resources

import pytest

from command import run
from cptlaw import PriorOptions
from cptlaw.decisions import prior
from cptlaw.decisions.prior.sources import sources
from cptlaw_evidence import priors


def test_the_others_hold_what_is_best_by_each():
    result = priors.foretold([PriorOptions(7e9, 2e9)], lambda _: None)
    assert {row["choice"] for row in result["rows"]} == {"peak", "replay"}
    assert all(row["held"] for row in result["rows"])
    assert "delphi-midtraining" in priors.foretold_text(result)


def test_every_origin_is_among_the_sources():
    known = {source.name: source for source in sources()}
    for origin in priors.ORIGINS:
        assert known[origin.source].family == origin.family
        assert known[origin.source].model_size == origin.size


def test_a_source_is_fitted_as_the_file_has_it(monkeypatch):
    """Parameters move a little as the fit is improved; the file is written anew now and then."""
    stored = json.loads(resources.files(prior).joinpath("sources.json").read_text())
    bundled = next(each for each in priors.ORIGINS if each.source == "tiny-grid")
    monkeypatch.setattr(priors, "ORIGINS", (bundled,))
    told = []
    found = priors.measured(None, told.append)
    assert told == ["fitting tiny-grid ..."]
    assert found["from"] == stored["from"]
    assert set(found["sources"]) <= set(stored["sources"])
    mine, kept = (each["sources"]["tiny-grid"] for each in (found, stored))
    for key in ("family", "words", "model_size", "schedule", "steps", "peaks", "shares"):
        assert mine[key] == kept[key]
    for role, domain in kept["domains"].items():
        assert mine["domains"][role]["law"] == domain["law"]
        assert mine["domains"][role]["params"] == pytest.approx(domain["params"], rel=0.1)


def test_the_command_writes_what_was_fitted(monkeypatch, tmp_path):
    monkeypatch.setattr(priors, "measured", lambda data, progress: {"sources": {"a": 1}})
    ended = run("bench", "priors", "--write", tmp_path / "sources.json")
    assert ended.status == 0, ended.stderr
    assert json.loads((tmp_path / "sources.json").read_text()) == {"sources": {"a": 1}}


def test_curves_that_are_not_there_are_left_out(monkeypatch, tmp_path):
    far = next(each for each in priors.ORIGINS if each.source == "delphi-midtraining")
    monkeypatch.setattr(priors, "ORIGINS", (far,))
    told = []
    found = priors.measured(tmp_path, told.append)
    assert told == ["delphi-midtraining: no curves; left out"]
    assert "delphi-midtraining" not in found["sources"]
