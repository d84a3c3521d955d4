import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_array_equal

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.text import short
from strategies import schedules


@given(schedules())
@settings(deadline=None)
def test_the_text_gives_the_same_values_back(schedule):
    again = Schedule.parse(schedule.text)
    assert_array_equal(again.lr(), schedule.lr())
    assert again.text == schedule.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("warmup 2 to 8 | constant 2 | linear 2 to 0", [4, 8, 8, 8, 4, 0]),
        ("warmup 2 to 8 from=4 | constant 1", [6, 8, 8]),
        ("warmup 2 to 8 | linear 2 to 4 | warmup 2 to 8", [4, 8, 6, 4, 6, 8]),
        ("warmup 2 to 8 | warmup 2 to 4 from=0", [4, 8, 2, 4]),
        ("constant 2 to 8 | constant 1 to 4 | constant 1", [8, 8, 4, 4]),
        ("constant 2 from=8", [8, 8]),
        ("linear 4 to 0 from=8", [6, 4, 2, 0]),
        ("linear 4 to 0 from=8 until=2 | constant 1", [6, 4, 4]),
        ("linear 4 to 0 from=8 until=2 | linear 2 to 0", [6, 4, 2, 0]),
        ("power 2 to 0 from=8 power=3", [1, 0]),
        ("exponential 3 to 1 from=8", [4, 2, 1]),
        ("inverse_sqrt 3 from=8 timescale=1 | constant 1", [8 / 2**0.5, 8 / 3**0.5, 4, 4]),
        ("cosine 2 to 0 from=8", [4, 0]),
        ("sqrt 4 to 0 from=8 until=1", [4]),
        ("inverse 3 from=8 timescale=1 power=1", [4, 8 / 3, 2]),
        ("inverse 3 to 2 from=8 timescale=1 power=1", [5, 4, 3.5]),
        ("curve 2 to 8 from=0 power=2", [2, 8]),
        ("log 4 to 8 from=0", [0, 4, 8 * np.log(3) / np.log(4), 8]),
        ("rex 2 to 0 from=11 ratio=0.1", [11 * 0.5 / 0.55, 0]),
        ("rex 2 to 0 from=11", [11 * 0.5 / 0.55, 0]),
        ("exponential 2 to 0 from=8 ratio=0.25", [8 / 3, 0]),
        ("linear 8 to 0 from=8 first=3 until=2", [5, 4]),
        ("linear 2.5 to 0 from=5 first=0.5 until=3", [4, 2, 0]),
        ("  WARMUP 2 TO 8|constant 1_0 ", [4, *[8] * 11]),
        ("constant 1e1 to 2e-4", [2e-4] * 10),
    ],
)
def test_what_a_text_means(text, expected):
    np.testing.assert_allclose(Schedule.parse(text).lr(), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linear 2 to 0", [4, 0]),
        ("constant 2", [8, 8]),
        ("constant 2 to 4", [4, 4]),
        ("warmup 2 to 8", [4, 8]),
        ("warmup 2 to 8 from=4", [6, 8]),
        ("cosine 2 to 0 from=4", [2, 0]),
    ],
)
def test_the_lr_before_the_first_step(text, expected):
    assert Schedule.parse(text, start_lr=8.0).lr().tolist() == expected


@pytest.mark.parametrize(
    ("text", "segment", "words"),
    [
        ("warmup", 1, "expected 'kind steps"),
        ("warmup 5 to 1e-4 |", 2, "expected 'kind steps"),
        ("| warmup 5 to 1e-4", 1, "expected 'kind steps"),
        ("warmup 5 to 1e-4 || constant 5", 2, "expected 'kind steps"),
        ("warmpu 5 to 1e-4", 1, "Did you mean 'warmup'?"),
        ("array 5 to 1e-4", 1, "kind 'array' is unknown"),
        ("warmup five to 1e-4", 1, "'five' is not a number of steps"),
        ("warmup 0 to 1e-4", 1, "whole number above 0"),
        ("warmup -5 to 1e-4", 1, "whole number above 0"),
        ("warmup 2.5 to 1e-4", 1, "whole number above 0"),
        ("warmup nan to 1e-4", 1, "not a number of steps"),
        ("warmup inf to 1e-4", 1, "not a number of steps"),
        ("warmup 5", 1, "needs 'to LR'"),
        ("warmup 5 to", 1, "'to' needs a learning rate"),
        ("warmup 5 to high", 1, "'high' is not a number"),
        ("warmup 5 to -1e-4", 1, "at least 0"),
        ("warmup 5 to nan", 1, "not a finite number"),
        ("warmup 5 to 1e-4 | linear 5", 2, "needs 'to LR'"),
        ("warmup 5 to 1e-4 | linear 5 to 0 to 0", 2, "'to' is not understood"),
        ("warmup 5 to 1e-4 | linear 5 0", 2, "'0' is not understood"),
        ("warmup 5 to 1e-4 | linear 5 to 0 slope=3", 2, "'slope=3' is not understood"),
        ("warmup 5 to 1e-4 | linear 5 to 0 from= 1", 2, "'' is not a number"),
        ("warmup 5 to 1e-4 | linear 5 to 0 power=2", 2, "belongs to 'power'"),
        ("warmup 5 to 1e-4 | linear 5 to 0 timescale=2", 2, "belongs to 'inverse_sqrt'"),
        ("warmup 5 to 1e-4 | linear 5 to 0 from=1 from=2", 2, "from= is given twice"),
        ("warmup 5 to 1e-4 | linear 5 to 0 until=2.5", 2, "whole number of steps"),
        ("warmup 5 to 1e-4 | linear 5 to 0 until=6", 2, "cannot stop after 6"),
        ("warmup 5 to 1e-4 | linear 5 to 0 until=0", 2, "cannot stop after 0"),
        ("warmup 5 to 1e-4 | power 5 to 0", 2, "needs power="),
        ("warmup 5 to 1e-4 | power 5 power=2", 2, "needs 'to LR'"),
        ("warmup 5 to 1e-4 | power 5 to 0 power=0", 2, "above 0"),
        ("warmup 5 to 1e-4 | inverse_sqrt 5", 2, "needs timescale="),
        ("warmup 5 to 1e-4 | inverse_sqrt 5 to 0 timescale=1", 2, "has no 'to'"),
        ("warmup 5 to 1e-4 | inverse_sqrt 5 timescale=0", 2, "above 0"),
        ("warmup 5 to 1e-4 | exponential 5 to 0", 2, "both must be above 0"),
        ("warmup 5 to 1e-4 | warmup 5 to 1e-5", 2, "a warmup goes up"),
        ("linear 5 to 0", 1, "nothing says which LR it starts from"),
        ("constant 5", 1, "nothing says which LR it starts from"),
        ("inverse_sqrt 5 timescale=2", 1, "nothing says which LR it starts from"),
        ("constant 5 to 1e-4 from=2e-4", 1, "either"),
        ("constant 3e9 to 1e-4", 1, "not tokens or samples"),
        ("warmup 5 to 1e-4 | sqrt 1e25 to 0", 2, "at most 1,000,000,000 are allowed"),
        ("warmup 5 to 1e308", 1, "a learning rate is 0, or lies between 1e-100 and 1e+100"),
        ("warmup 5 to 5e-324", 1, "a learning rate is 0, or lies between"),
    ],
)
def test_a_malformed_text_names_the_segment(text, segment, words):
    with pytest.raises(DataError) as caught:
        Schedule.parse(text)
    message = str(caught.value)
    assert message.startswith(f"segment {segment} ('{text.split('|')[segment - 1].strip()}')")
    assert words in message


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_text(text):
    with pytest.raises(DataError, match="the schedule is empty"):
        Schedule.parse(text)


def test_the_mend_that_is_offered_works():
    with pytest.raises(DataError, match="'linear 5 to 0 from=2e-4'"):
        Schedule.parse("linear 5 to 0")
    assert Schedule.parse("linear 5 to 0 from=2e-4").steps == 5


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (Schedule.wsd(2e-4, 100, 20, warmup=10), None),
        (Schedule.constant(2e-4, 100), "constant 100 to 0.0002"),
        (Schedule.constant(np.float64(2e-4), np.int64(100)), "constant 100 to 0.0002"),
        (Schedule.constant(2e-4, 100).scale(np.float64(0.5)), "constant 100 to 0.0001"),
        (Schedule.linear(8.0, 4).truncate(2), "linear 4 to 0.0 from=8.0 until=2"),
        (Schedule.linear(8.0, 4).truncate(np.int64(2)), "linear 4 to 0.0 from=8.0 until=2"),
    ],
)
def test_how_a_schedule_is_written(schedule, text):
    assert schedule.text == (text or "warmup 10 to 0.0002 | constant 70 | linear 20 to 0.0")


def test_an_array_has_no_text():
    with pytest.raises(DataError, match="has no schedule text"):
        _ = Schedule.from_array([1, 2, 3]).text


@given(schedules())
def test_a_text_for_reading_is_parsed_to_the_same(schedule):
    assert Schedule.parse(short(schedule.text)).text == schedule.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cosine 1188 to 0.0", "cosine 1188 to 0"),
        ("linear 4 to 0.0 from=8.0 until=2", "linear 4 to 0 from=8 until=2"),
        ("warmup 10 to 1e-05 | constant 10.5", "warmup 10 to 1e-5 | constant 10.5"),
        ("constant 3 to 0.05", "constant 3 to 0.05"),
    ],
)
def test_a_text_for_reading_is_short(text, shown):
    assert short(text) == shown
