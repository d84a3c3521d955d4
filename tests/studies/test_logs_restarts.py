"""Steps that repeat, go back, or are unsorted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cptlaw import logs
from log_files import TINY, csv_of, one_folder, points, rates, told


def test_a_restart_replaces_what_it_abandons(log) -> None:
    before = [(s, 1.0) for s in (100, 200, 250, 300)]
    after = [(s, 2.0) for s in (200, 300, 400)]
    run = logs.read(log(csv_of(*before, *after)))
    assert points(run, "loss") == {100: 1.0, 200: 2.0, 300: 2.0, 400: 2.0}
    assert rates(run).keys() == {100, 200, 300, 400}
    assert told(run, "once", "from step 300 to 200", "line 6", "dropped: 3,", "first step 200")


def test_two_restarts(log) -> None:
    first = [(s, 1.0) for s in (100, 200, 300, 400)]
    second = [(s, 2.0) for s in (200, 300)]
    third = [(s, 3.0) for s in (250, 300, 400, 500)]
    run = logs.read(log(csv_of(*first, *second, *third)))
    assert points(run, "loss") == {100: 1.0, 200: 2.0, 250: 3.0, 300: 3.0, 400: 3.0, 500: 3.0}
    assert told(run, "2 times, first from step 400 to 200", "dropped: 4,")


def test_a_second_restart_from_further_back(log) -> None:
    first = [(s, 1.0) for s in (100, 200, 250, 300, 400)]
    second = [(s, 2.0) for s in (300, 400)]
    third = [(s, 3.0) for s in (200, 300, 400)]
    run = logs.read(log(csv_of(*first, *second, *third)))
    assert points(run, "loss") == {100: 1.0, 200: 3.0, 300: 3.0, 400: 3.0}


def test_a_restart_that_ends_early_keeps_what_it_does_not_repeat(log) -> None:
    rows = [(100, 1.0), (200, 1.0), (300, 1.0), (400, 1.0), (200, 2.0), (300, 2.0)]
    run = logs.read(log(csv_of(*rows)))
    assert points(run, "loss") == {100: 1.0, 200: 2.0, 300: 2.0, 400: 1.0}
    assert told(run, "from step 400 to 200", "line 6", "never")
    assert not told(run, "sorted")
    assert told(run, "'loss'", "again 2 times", "step 200")


def test_a_restart_reaches_evaluations_that_are_not_repeated(log) -> None:
    lines = ["step,loss,val", "10,3,", "20,3,", "25,,9", "30,3,", "20,2,", "30,2,", "40,2,1"]
    run = logs.read(log("\n".join(lines)))
    assert points(run, "val") == {40: 1.0}
    assert points(run, "loss") == {10: 3.0, 20: 2.0, 30: 2.0, 40: 2.0}


@pytest.mark.parametrize("after", [[], ["40,2,"]])
def test_evaluations_done_again_leave_the_rest_alone(log, after) -> None:
    lines = ["step,loss,val", "10,3,9", "20,3,9", "30,3,9", "10,,1", "30,,1", *after]
    run = logs.read(log("\n".join(lines)))
    assert points(run, "loss") == {10: 3.0, 20: 3.0, 30: 3.0, **({40: 2.0} if after else {})}
    assert points(run, "val") == {10: 1.0, 20: 9.0, 30: 1.0}
    assert told(run, "'val'", "again 2 times")


def test_a_few_points_measured_again_are_no_restart(log) -> None:
    rows = [(step, 3.0) for step in range(10, 110, 10)]
    run = logs.read(log(csv_of(*rows, (10, 2.0), (50, 2.0), (100, 2.0))))
    assert points(run, "loss") == {**dict(rows), 10: 2.0, 50: 2.0, 100: 2.0}
    assert told(run, "not in the order")


def test_a_column_that_ends_before_a_restart_is_kept(log) -> None:
    lines = ["step,loss,val", "10,3,9", "20,3,9", "10,2,", "20,2,"]
    run = logs.read(log("\n".join(lines)))
    assert points(run, "val") == {10: 9.0, 20: 9.0}
    assert points(run, "loss") == {10: 2.0, 20: 2.0}


def test_repeated_steps_without_a_restart(log) -> None:
    run = logs.read(log(csv_of((1, 3.0), (2, 2.5), (2, 2.25), (3, 2.0))))
    assert points(run, "loss") == {1: 3.0, 2: 2.25, 3: 2.0}
    assert told(run, "'loss'", "again once", "first step 2", "later row")


def test_train_and_evaluation_rows_of_a_step_complement_each_other(log) -> None:
    run = logs.read(log("step,lr,loss,val\n10,1e-3,3,\n10,,,4\n5,,,5\n20,1e-3,2,\n"))
    assert points(run, "val") == {5: 5.0, 10: 4.0}
    assert points(run, "loss") == {10: 3.0, 20: 2.0}
    assert not told(run, "again")


def test_unsorted_rows_are_sorted_and_told(log) -> None:
    run = logs.read(log(csv_of((1000, 1.0), (200, 3.0), (300, 2.0), (100, 4.0))))
    assert points(run, "loss") == {100: 4.0, 200: 3.0, 300: 2.0, 1000: 1.0}
    assert run.curves["loss"].steps.tolist() == [100, 200, 300, 1000]
    assert told(run, "not in the order", "line 3", "sorted")


def test_one_repeated_step_in_a_shuffled_file_loses_one_row(log) -> None:
    rows = [(step, float(step)) for step in range(1, 200)]
    random.Random(0).shuffle(rows)
    run = logs.read(log(csv_of(*rows, (50, 1.5))))
    assert points(run, "loss") == {**dict(rows), 50: 1.5}


def test_a_header_written_again_at_a_restart(log) -> None:
    run = logs.read(log(TINY + "step,lr,eval_loss\n20,5e-4,3.0\n30,5e-4,2.5\n"))
    assert points(run, "eval_loss") == {10: 3.5, 20: 3.0, 30: 2.5}
    assert told(run, "header comes again", "line 4")


def test_rows_without_a_step_are_left_out(log) -> None:
    run = logs.read(log('{"config": "x"}\n{"step":1,"loss":2}\n'))
    assert points(run, "loss") == {1: 2.0}
    assert told(run, "1 row without a step", "line 1")


@pytest.mark.parametrize(
    "content, line",
    [("step,lr,loss\n1,1e-3,2\n2,1e-3", 3), ('{"step":1,"loss":2}\n{"step":2,"lo', 2)],
)
def test_a_last_line_cut_while_it_was_written(log, content, line) -> None:
    run = logs.read(log(content))
    assert points(run, "loss") == {1: 2.0}
    assert told(run, "The last", f"line {line}, is cut short")


@one_folder
@given(
    start=st.integers(1, 8),
    length=st.integers(9, 20),
    back=st.integers(1, 8),
    more=st.integers(0, 9),
)
def test_after_any_restart_the_later_branch_counts(
    tmp_path: Path, start: int, length: int, back: int, more: int
) -> None:
    end = start + length
    first = dict.fromkeys(range(start, end + 1), 1.0)
    second = dict.fromkeys(range(end - back + 1, end + more + 1), 2.0)
    path = tmp_path / "r.csv"
    path.write_text(csv_of(*first.items(), *second.items()))
    assert points(logs.read(path), "loss") == {**first, **second}
