"""Where a run that is followed begins, and what of others counts."""

import numpy as np
import pytest

import bundled
from cptlaw import DataError, Planned, Schedule, datasets
from cptlaw.live.planned import place

NEXT = "cosine 300 to 1e-4"
BASE = "warmup 50 to 1e-3 | constant 450"
ROLES = ("pt", "cpt")


@pytest.mark.parametrize("known", ["nothing", "study", "fit"])
def test_a_base_schedule_is_a_run_before_it(known):
    study = datasets.load("tiny-cpt")
    given = {"nothing": None, "study": study, "fit": bundled.default_fit(roles=ROLES)}[known]
    placed = place(Planned(NEXT, base_schedule=BASE), given, ["loss"])
    np.testing.assert_allclose(placed.history.pt_lr, Schedule.parse(BASE).lr(), rtol=1e-12)
    assert placed.history.cpt_lr[-1] == pytest.approx(1e-4)
    assert placed.start == 500
    base = placed.others[-1]
    assert (placed.run.data, placed.run.after, base.name) == ("cpt", base.name, base.name)
    assert base.schedule.steps == 500
    assert len(placed.others) == (1 if given is None else len(study.runs) + 1)


def test_alone_it_may_go_on_from_an_open_model():
    placed = place(Planned("constant 300 to 1e-4", after="unknown:llama"), None, ["loss"])
    assert placed.history.unknown_base == "llama"
    assert (placed.run.data, placed.start) == ("cpt", 0)


def test_a_study_without_a_fit_has_its_checkpoints():
    study = datasets.load("tiny-cpt")
    placed = place(Planned(NEXT, after="base@1000"), study, ROLES)
    assert (placed.run.after, placed.run.after_step, placed.start) == ("base", 1000, 1000)
    whole = study.run("base").schedule.lr()
    np.testing.assert_array_equal(placed.history.pt_lr, whole[:1000])


def test_without_a_study_no_run_can_be_gone_on_from():
    with pytest.raises(DataError, match="there is no study that has this run"):
        place(Planned(NEXT, after="base"), None, ["loss"])
