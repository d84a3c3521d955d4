"""The sources of a plan without runs foretell one another, and are written as they are read."""

from cptlaw import PriorOptions
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
