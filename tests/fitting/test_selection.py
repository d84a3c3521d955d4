"""`auto` and `average`: laws by how they forecast parts of the study, a domain at a time."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from bundled import FIRST, tiny
from cptlaw import DataError, FitOptions, Study, fit, store
from cptlaw.fitting import selection, trials
from cptlaw.fitting.parts import trial_parts
from cptlaw.fitting.selection import choose
from cptlaw.fitting.trials import Standing, Trial, Trials, suited
from cptlaw.studies.runs import Curve

FEW = (*FIRST, "cpt-twostage")


@cache
def study(roles=("pt", "cpt")):
    whole = tiny(roles=roles)
    return whole.without([r.name for r in whole.runs if r.curves and r.name not in FEW])


def told(parts):
    return [part.words for part in parts]


# --- parts ----------------------------------------------------------------------------------


def test_parts_are_of_the_kind_that_is_asked_for():
    begun = ["to 33 % of the last runs", "to 67 % of the last runs"]
    assert told(trial_parts(study(), "horizon")) == begun
    runs = told(trial_parts(study(), "run"))
    assert "without cpt-const" in runs and len(runs) <= 4
    assert told(trial_parts(study(), "any")) == [*begun, *runs]
    assert trial_parts(study(), "start") == ()
    assert {part.target for part in trial_parts(study(), "any")} == {"horizon", "run"}


def test_peaks_and_starts_are_left_out_from_both_ends():
    whole = study()
    lower = replace(
        whole.run("cpt-twostage"), schedule=whole.run("cpt-twostage").schedule.scale(0.5)
    )
    early = replace(whole.run("cpt-const"), name="early", after_step=1000)
    mixed = Study(
        whole.domains,
        (*(lower if r.name == lower.name else r for r in whole.runs), early),
    )
    assert "without cpt-twostage" in told(trial_parts(mixed, "peak"))
    starts = told(trial_parts(mixed, "start"))
    assert "without early" in starts
    assert any("cpt-const" in words for words in starts)


def test_a_target_that_there_is_not():
    with pytest.raises(DataError, match="Did you mean 'peak'"):
        FitOptions(target="peek")


# --- standings ------------------------------------------------------------------------------


def errors(**mean):
    return trials._Errors(mean, {})


def standing(own, default, targets, noise=0.0):
    parts = [trials.Part(str(i), study(), target) for i, target in enumerate(targets)]
    return dict(trials._standings(parts, own, default, {"pt": noise}))["pt"]


def test_errors_count_in_units_of_the_default_law():
    own = [errors(pt=0.02), errors(pt=0.0005)]
    default = [errors(pt=0.01), errors(pt=0.001)]
    found = standing(own, default, ["run", "run"])
    assert found.ratio == pytest.approx(1.0)
    assert (found.better, found.parts) == (0.5, 2)


def test_one_wild_part_does_not_decide():
    default = [errors(pt=0.01)] * 4
    own = [errors(pt=0.005)] * 3
    assert standing([*own, errors(pt=5.0)], default, ["run"] * 4).ratio == pytest.approx(2**-0.25)
    assert standing([*own, None], default, ["run"] * 4).ratio == pytest.approx(2**-0.25)


def test_nothing_is_gained_below_the_noise():
    found = standing([errors(pt=1e-5)], [errors(pt=1e-4)], ["run"], noise=0.01)
    assert found.ratio == pytest.approx(1.0, abs=1e-4)


def test_kinds_of_forecast_count_alike():
    own = [errors(pt=0.01), *[errors(pt=0.04)] * 3]
    default = [errors(pt=0.02)] * 4
    found = standing(own, default, ["horizon", "run", "run", "run"])
    assert found.ratio == pytest.approx(1.0)


# --- choosing -------------------------------------------------------------------------------


def made(monkeypatch, **standings):
    """What `tried` finds: law -> domain -> (ratio, share of parts in which it is better)."""
    options = FitOptions()
    default = fit(study(), options=options)
    laws = tuple(
        Trial(law, {role: Standing(*one, 4, 0.01 * one[0]) for role, one in domains.items()})
        for law, domains in {"effective": {"pt": (1, 0), "cpt": (1, 0)}, **standings}.items()
    )
    monkeypatch.setattr(selection, "tried", lambda *_: Trials(laws, default))
    return options


@pytest.mark.parametrize(
    ("ratio", "better", "taken"),
    [(0.5, 0.75, True), (0.5, 0.5, False), (0.8, 1.0, False)],
)
def test_another_law_is_taken_where_it_is_clearly_better(monkeypatch, ratio, better, taken):
    options = made(monkeypatch, functional={"pt": (1.2, 0.2), "cpt": (ratio, better)})
    found = choose(study(), options)
    assert found.domain("pt").law.name == "effective"
    assert found.domain("cpt").law.name == ("functional" if taken else "effective")
    assert any(note.startswith("pt: law effective: the default;") for note in found.notes)
    assert any("cpt: law functional: of the laws tried" in note for note in found.notes) == taken


def test_out_of_domain_sets_sum_what_was_chosen(monkeypatch, tmp_path):
    whole = study(("pt", "cpt", "ood.docs"))
    default = fit(whole)
    laws = (
        Trial("effective", {r: Standing(1, 0, 4, 0.01) for r in ("pt", "cpt")}),
        Trial("functional", {"cpt": Standing(0.4, 1, 4, 0.01)}),
    )
    monkeypatch.setattr(selection, "tried", lambda *_: Trials(laws, default))
    found = choose(whole, FitOptions())
    pt, cpt = found.domain("ood.docs").combines
    assert (pt.law.name, cpt.law.name) == ("effective", "functional")
    store.save(found, tmp_path / "fit.json")
    again = store.load(tmp_path / "fit.json")
    points = found.observed("ood.docs").points
    np.testing.assert_array_equal(
        again.domain("ood.docs").loss(points), found.domain("ood.docs").loss(points)
    )


def test_an_average_weighs_a_domain_at_a_time(monkeypatch):
    options = made(monkeypatch, functional={"pt": (0.5, 1.0), "cpt": (3.0, 0.0)})
    found = fit(study(), "average", options)
    pt, cpt = found.domain("pt"), found.domain("cpt")
    assert dict(pt.params) == pytest.approx({"w[effective]": 0.2, "w[functional]": 0.8})
    assert dict(cpt.params) == {"w[effective]": 1.0}
    (note,) = [n for n in found.notes if n.startswith("average of laws")]
    assert "pt effective 20 %, functional 80 %; cpt effective 100 %" in note


def test_where_nothing_of_the_kind_can_be_tried_the_default_is_kept():
    found = fit(study(), "auto", FitOptions(target="start"))
    assert {domain.law.name for domain in found.domains.values()} == {"effective"}
    assert "its runs have one start" in found.notes[0]
    assert fit(study(), "average", FitOptions(target="start")).notes[0] == found.notes[0]


# --- the whole way --------------------------------------------------------------------------


@cache
def one_curve():
    """A pre-training whose loss falls as Eq. 1 says, with two branches."""
    return Study({"loss": "pt"}, tuple(r for r in tiny().runs if r.data == "pt" and r.curves))


def test_laws_are_tried_on_a_study():
    small = Study(
        {"loss": "pt"},
        tuple(
            replace(r, curves={"pt": Curve(r.curves["pt"].steps[::6], r.curves["pt"].loss[::6])})
            for r in one_curve().runs
        ),
    )
    found = fit(small, "auto")
    (why,) = [n for n in found.notes if n.startswith("loss: law ")]
    for law in suited(small):
        assert f"{law} " in why
