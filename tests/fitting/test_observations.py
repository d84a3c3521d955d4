import math
import random
from dataclasses import replace

import numpy as np
import pytest

from cptlaw.errors import DataError
from cptlaw.fitting.domain import ranges
from cptlaw.fitting.observations import facts, observe
from cptlaw.laws.areas import Convention
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study

BASE = Schedule.wsd(1e-3, 100, decay=20, warmup=20)
CPT = Schedule.linear(1e-3, 50)
DOMAINS = {"pt": "general", "cpt": "law"}


def curve(steps, first=4.0, **more):
    steps = np.array(steps)
    return Curve(steps, first - 0.001 * steps, **more)


def base(steps=range(0, 101, 10), name="base", **more):
    return Run(name, {"general": curve(steps)}, schedule=BASE, **more)


def cpt(name="cpt", steps=range(0, 51, 10), first=3.9, window=1, **more):
    more = {"after": "base", "data": "cpt", **more}
    return Run(name, {"general": curve(steps, first, window=window)}, schedule=CPT, **more)


def observed(*runs, role="pt", domains=None, **convention):
    study = Study(domains or {"pt": "general"}, runs)
    return observe(study, role, Convention(**convention))


def where(found):
    """(run, step) of every point."""
    return [
        (found.runs[i], s) for i, s in zip(found.run.tolist(), found.step.tolist(), strict=True)
    ]


# --- which points -----------------------------------------------------------------------------


def test_a_base_counts_from_the_end_of_its_warmup():
    found = observed(base())
    assert found.step.tolist() == list(range(20, 101, 10))
    assert found.points.pt_step.tolist() == found.step.tolist()
    assert found.notes == ("run 'base': 2 of 11 points before step 20 (the warm-up) are left out.",)


def test_every_point_counts_of_a_base_without_warmup():
    run = Run("base", {"general": curve([0, 1, 10])}, schedule=Schedule.constant(1e-3, 10))
    found = observed(run)
    assert found.step.tolist() == [1, 10]
    assert "1 of 3 points before step 1" in found.notes[0]


def test_fit_from_overrides_the_warmup():
    found = observed(base(), fit_from=55)
    assert found.step.tolist() == [60, 70, 80, 90, 100]
    assert found.notes == ("run 'base': 6 of 11 points before step 55 (fit_from) are left out.",)
    assert observed(base(), fit_from=5).step.tolist() == list(range(10, 101, 10))


@pytest.mark.parametrize("fit_from", [None, 100, 120, 1000])
def test_a_cpt_is_fitted_from_its_first_step(fit_from):
    found = observed(base(), cpt(steps=[0, 1, 10]), fit_from=fit_from)
    assert [s for run, s in where(found) if run == "cpt"] == [1, 10]


def test_the_loss_and_the_place_of_a_cpt_point():
    found = observed(base(), cpt(after_step=50, steps=[5, 10]))
    mine = found.run == found.runs.index("cpt")
    assert found.points.pt_step[mine].tolist() == [50, 50]
    assert found.points.cpt_step[mine].tolist() == [5, 10]
    assert found.loss[mine].tolist() == [3.9 - 0.001 * 5, 3.9 - 0.001 * 10]


def test_a_branch_is_pre_training_too():
    found = observed(base(), cpt("branch", after_step=50, data="pt", steps=[10]))
    assert where(found)[-1] == ("branch", 10)
    assert (found.points.pt_step[-1], found.points.cpt_step[-1]) == (60, 0)


def test_a_branch_from_within_the_warmup():
    found = observed(base(), cpt("branch", after_step=10, data="pt", steps=[0, 5]))
    assert where(found)[-1] == ("branch", 5)
    assert any("run 'branch': 1 of 2 points" in note for note in found.notes)


def test_all_points_of_a_cpt_after_an_unknown_base():
    found = observed(cpt(after="unknown:llama"))
    assert found.step.tolist() == [0, 10, 20, 30, 40, 50]
    (note,) = found.notes
    assert "the pre-training of 'llama' counts as unknown" in note


def test_only_runs_with_the_column():
    domains = {"pt": "general", "ood.code": "code"}
    code = Run("code", {"code": curve([30, 60])}, schedule=BASE)
    assert observed(base(), code, domains=domains).runs == ("base",)
    assert observed(base(), code, domains=domains, role="ood.code").runs == ("code",)


# --- hidden CPT curves ------------------------------------------------------------------------


def test_a_hidden_cpt_is_left_out_and_told():
    found = observed(base(), cpt("scratch", after=None), cpt())
    assert found.runs == ("base", "cpt")
    told = "run 'scratch' is CPT from scratch (a hidden CPT curve): left out."
    assert told in found.notes


def test_what_goes_on_from_a_hidden_cpt_is_left_out_too():
    found = observed(base(), cpt("scratch", after=None), cpt("more", after="scratch"))
    assert found.runs == ("base",)
    assert sum("hidden CPT curve" in note for note in found.notes) == 2


def test_nothing_left():
    with pytest.raises(DataError, match=r"column 'general'.*no loss after the warm-up.*5 of 5"):
        observed(base(range(0, 10, 2)))
    with pytest.raises(DataError, match="hidden CPT curve"):
        observed(cpt(after=None))


def test_an_unknown_role():
    with pytest.raises(DataError, match="domain 'cpt' is not in the study; it has pt"):
        observed(base(), role="cpt")


# --- the transfer -----------------------------------------------------------------------------


def test_the_transfer_counts_in_the_base():
    found = observed(base(), cpt(), cpt("other"))
    steps = [s for run, s in where(found) if run != "base"]
    assert steps == [10, 20, 30, 40, 50] * 2
    assert ("base", 100) in where(found)


def test_the_first_child_keeps_the_transfer_if_the_base_lacks_it():
    found = observed(base(range(0, 100, 10)), cpt("b"), cpt("a"))
    assert [point for point in where(found) if point[1] == 0] == [("a", 0)]
    first = where(found).index(("a", 0))
    assert found.points.pt_step[first] == 100
    assert not found.points.is_cpt[first]


def test_children_that_start_at_different_steps_each_keep_theirs():
    runs = base(range(0, 100, 20)), cpt("a", after_step=50), cpt("b", after_step=70)
    assert [run for run, s in where(observed(*runs)) if s == 0] == ["a", "b"]


def test_a_child_of_a_child():
    runs = base(), cpt(), cpt("more", after="cpt", after_step=20, first=3.88)
    found = observed(*runs)
    assert [s for run, s in where(found) if run == "more"] == [10, 20, 30, 40, 50]
    assert found.points.cpt_step[where(found).index(("more", 10))] == 30


@pytest.mark.parametrize(
    ("first", "told"), [(3.9, False), (3.93, False), (3.95, True), (3.5, True)]
)
def test_disagreement_at_the_transfer_is_told(first, told):
    notes = observed(base(), cpt(first=first)).notes
    found = [note for note in notes if "differs by" in note]
    assert len(found) == told
    if told:
        assert f"run 'cpt': its first loss {first:.4f}" in found[0]
        assert "3.9000" in found[0] and "('base', step 100)" in found[0]


def test_two_children_that_disagree():
    notes = observed(base(range(0, 100, 10)), cpt("a"), cpt("b", first=3.0)).notes
    assert any("run 'b': its first loss 3.0000" in n and "('base', step 100)" in n for n in notes)


# --- training losses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "moved"), [(1, [10, 20]), (2, [10, 20]), (3, [9, 19]), (10, [6, 16]), (40, [6, 11])]
)
def test_a_mean_lies_at_the_middle_of_its_window(window, moved):
    found = observed(base(), cpt(steps=[10, 20], window=window))
    mine = found.run == found.runs.index("cpt")
    assert found.points.cpt_step[mine].tolist() == moved
    assert found.step[mine].tolist() == [10, 20]
    told = any(f"means over {window} steps" in note for note in found.notes)
    assert told == (window > 1)


# --- order and facts --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_runs_does_not_matter(seed):
    runs = [
        base(range(0, 100, 10)),
        cpt("a"),
        cpt("b", first=3.0),
        cpt("hidden", after=None),
        cpt("branch", after_step=50, data="pt"),
        cpt("c", after="branch"),
    ]
    straight = observed(*runs)
    random.Random(seed).shuffle(runs)
    mixed = observed(*runs)
    assert where(mixed) == where(straight)
    assert mixed.loss.tolist() == straight.loss.tolist()
    assert mixed.points.s1.tolist() == straight.points.s1.tolist()
    assert mixed.notes == straight.notes
    assert len(mixed) == len(straight) == mixed.loss.size


def test_facts_of_a_study_with_cpt():
    runs = base(), cpt("a", batch_tokens=4e6), cpt("b", batch_tokens=8e6, sequence_length=4096)
    found = facts("pt", observed(*runs).points)
    assert found.role == "pt"
    assert found.reference_area == pytest.approx(CPT.lr().sum())
    assert found.longest == 100
    assert found.bases == ()
    assert found.batches == ("4e+06x?", "8e+06x4096")


def test_facts_of_a_pre_training():
    found = facts("loss", observed(base(), domains={"loss": "general"}, role="loss").points)
    assert math.isclose(found.reference_area, 20 * 1e-3 + BASE.lr()[20:].sum())
    assert found.batches == ()


def test_facts_of_unknown_bases():
    runs = cpt("a", after="unknown:b"), cpt("c", after="unknown:a"), cpt("d", after="unknown:b")
    found = facts("pt", observed(*runs).points)
    assert found.bases == ("a", "b")
    assert found.longest == 50


def test_a_run_that_has_had_no_learning_rate_yet_has_no_peak():
    begun = replace(cpt("begun", [0, 1]), schedule=Schedule.from_array([0.0] + 49 * [1e-3]))
    found = ranges(observed(base(), cpt(), begun).points)
    assert found["cpt_peak_lr"] == pytest.approx((0.98e-3, 0.98e-3))
    assert found["cpt_steps"] == (1.0, 50.0)
    assert "cpt_peak_lr" not in ranges(observed(base(), begun).points)
