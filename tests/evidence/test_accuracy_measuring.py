"""Laws on protocols: tasks, processes, and the value that comes of it."""

import json
import multiprocessing
from concurrent.futures.process import BrokenProcessPool
from unittest import mock

import pytest

from cptlaw.errors import DataError, FitError
from cptlaw_evidence import accuracy, fits
from cptlaw_evidence.accuracy.measuring import outcomes_of
from cptlaw_evidence.sources import loading

QUICK = ("grid-far",)


@pytest.fixture(scope="module")
def measured():
    told = []
    result = accuracy.measure(["eq4", "eq1", "default"], QUICK, progress=told.append)
    return result, told


def test_the_result_is_json_with_a_row_for_each_protocol_law_and_domain(measured):
    result, _ = measured
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert [(r["law"], r["domain"]) for r in result["rows"]] == [
        ("eq4", "pt"),
        ("eq4", "cpt"),
        ("eq1", None),
        ("default", "pt"),
        ("default", "cpt"),
    ]
    assert result["left_out"] == [] and result["laws"] == ["eq4", "eq1", "default"]


def test_eq4_forecasts_the_farther_domain_as_its_card_says(measured):
    rows = {(r["law"], r["domain"]): r for r in measured[0]["rows"]}
    assert rows["eq4", "pt"]["mape"] == pytest.approx(0.0049, abs=1e-3)
    assert rows["eq4", "cpt"]["mape"] == pytest.approx(0.0033, abs=1e-3)
    assert rows["eq4", "pt"]["fitted_law"] == "eq4"


def test_a_law_that_does_not_apply_has_a_row_that_says_so(measured):
    row = measured[0]["rows"][2]
    assert row["why"].startswith("does not apply: law eq1") and row["mape"] is None


def test_progress_tells_of_every_protocol_and_law(measured):
    told = measured[1]
    assert told[0] == "3 fits, 1 at a time ..."
    assert [line.partition(":")[0] for line in told[1:]] == ["1 of 3", "2 of 3", "3 of 3"]
    assert "grid-far, eq1: does not apply" in told[2]


def test_a_floor_is_of_fits_that_saw_what_is_scored(measured):
    floor = accuracy.measure(["eq4"], QUICK, floor=True)
    known = {row["domain"]: row["mape"] for row in measured[0]["rows"] if row["law"] == "eq4"}
    assert all(row["mape"] < known[row["domain"]] for row in floor["rows"])
    assert floor["of_form"] and not measured[0]["of_form"]


def test_protocols_that_fit_the_same_losses_share_a_fit():
    loaded = loading.load(("grid-schedule", "grid-start", "grid-size"))
    uses = [task.uses for task in fits.tasks(loaded.splits, ["eq4"])]
    assert sorted(len(use) for use in uses) == [1, 1, 2]
    assert (("grid-schedule", 0), ("grid-start", 0)) in uses


def test_several_processes_give_the_same_rows(measured):
    again = accuracy.measure(["eq4", "eq1"], QUICK, jobs=2)
    assert [r["mape"] for r in again["rows"]] == [r["mape"] for r in measured[0]["rows"][:3]]
    assert not multiprocessing.active_children()


def test_no_law_that_applies_is_an_error():
    with pytest.raises(DataError, match="no law could be scored"):
        accuracy.measure(["eq1"], QUICK)


def test_a_bug_in_one_law_does_not_cost_the_others():
    def fit(study, law):
        raise ZeroDivisionError("by zero")

    with mock.patch.object(fits, "fit", fit):
        (found,) = outcomes_of(fits.Task("eq4", (("grid-far", 0),)), loading.load(QUICK).splits)
    assert found.why == "failed, a bug: ZeroDivisionError: by zero"


def test_a_process_that_ends_on_its_own_is_told():
    splits = loading.load(QUICK).splits
    todo = fits.tasks(splits, ["eq1"])
    broken = mock.patch.object(fits, "as_completed", side_effect=BrokenProcessPool)
    with broken, pytest.raises(FitError, match="out of memory"):
        list(fits.run(todo, splits, None, 2, outcomes_of))
    assert not multiprocessing.active_children()
