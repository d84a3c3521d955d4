import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule, as_schedule
from cptlaw.schedules.segment import DECAYS, KINDS, Segment
from strategies import LRS_WITH_ZERO, schedules, segments

NAN, INF = math.nan, math.inf
random_schedules = schedules(arrays=True)


# --- one segment ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        (Segment("warmup", 4, 0, 8), [2, 4, 6, 8]),
        (Segment("warmup", 4, 4, 8), [5, 6, 7, 8]),
        (Segment("constant", 3, 8, 8), [8, 8, 8]),
        (Segment("linear", 4, 8, 0), [6, 4, 2, 0]),
        (Segment("linear", 4, 0, 8), [2, 4, 6, 8]),
        (Segment("cosine", 4, 8, 0), [4 + 8**0.5, 4, 4 - 8**0.5, 0]),
        (Segment("sqrt", 4, 8, 0), [4, 8 - 32**0.5, 8 - 48**0.5, 0]),
        (Segment("exponential", 4, 16, 1), [8, 4, 2, 1]),
        (Segment("power", 4, 8, 0, power=2), [4.5, 2, 0.5, 0]),
        (Segment("power", 4, 10, 2, power=2), [6.5, 4, 2.5, 2]),
        (Segment("inverse_sqrt", 3, 8, 8, timescale=1), [8 / 2**0.5, 8 / 3**0.5, 4]),
        (Segment("array", 3, 1, 5, values=[1, 0, 5]), [1, 0, 5]),
    ],
    ids=lambda value: value.kind if isinstance(value, Segment) else "",
)
def test_every_step_of_every_kind(segment, expected):
    assert_allclose(Schedule((segment,)).lr(), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("kind", [k for k in KINDS if not k.startswith("inverse")])
@given(data=st.data())
@settings(deadline=None)
def test_the_last_step_is_exactly_the_end(kind, data):
    segment = data.draw(segments(kinds=[kind], whole=True))
    schedule = Schedule((segment,))
    assert schedule.lr()[-1] == schedule.final == segment.last == segment.end


@pytest.mark.parametrize("kind", ["linear", "power"])
def test_the_first_step_is_one_nth_of_the_way(kind):
    first = Schedule((Segment(kind, 5, 2e-4, 1e-4),)).lr(1)
    assert first == pytest.approx(2e-4 - 1e-4 / 5, rel=1e-15)


@given(segments())
@settings(deadline=None)
def test_values_lie_between_start_and_end(segment):
    low, high = sorted((segment.start, segment.end))
    values = Schedule((segment,)).lr()
    if segment.kind == "inverse_sqrt":
        low = 0.0
    assert values.min() >= low * (1 - 1e-12)
    assert values.max() <= high * (1 + 1e-12)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Segment("warmup", 5, 2e-4, 1e-4), "a warmup goes up"),
        (lambda: Segment("exponential", 5, 1e-4, 0.0), "both must be above 0"),
        (lambda: Segment("exponential", 5, 0.0, 1e-4), "both must be above 0"),
        (lambda: Segment("power", 5, 1, 0, power=0), "power=0 must be above 0"),
        (lambda: Segment("power", 5, 1, 0, power=INF), "power=inf must be above 0"),
        (lambda: Segment("inverse_sqrt", 5, 1, 1), "timescale=STEPS"),
        (lambda: Segment("inverse_sqrt", 5, 1, 1, timescale=NAN), "timescale=STEPS"),
        (lambda: Segment("linear", 0, 1, 0), "needs at least 1"),
        (lambda: Segment("linear", -3, 1, 0), "needs at least 1"),
        (lambda: Segment("linear", 5, 1, 0, until=6), "cannot stop after 6"),
        (lambda: Segment("linear", 5, 1, 0, until=0), "cannot stop after 0"),
        (lambda: Segment("linear", 5, -1e-4, 0), "the start of a linear segment is -0.0001"),
        (lambda: Segment("linear", 5, 1, NAN), "the end of a linear segment is nan"),
        (lambda: Segment("constant", 5, INF, INF), "is inf"),
        (lambda: Segment("triangle", 5, 1, 0), "'triangle' is unknown"),
        (lambda: Segment("array", 2, 1, 1, values=[1, 1, 1]), "values of shape"),
        (lambda: Segment("array", 2, 1, 1, values=[1, -1]), "at least 0"),
        (lambda: Segment("array", 2, 1, 1, values=[1, NAN]), "finite"),
        (lambda: Segment("linear", 2.5, 1, 0), "steps = 2.5, which is not a whole number"),
    ],
)
def test_impossible_segments(build, words):
    with pytest.raises(DataError, match=words):
        build()


def test_a_segment_can_be_cut_again():
    stopped = Segment("constant", 100, 1e-4, 1e-4, until=50)
    assert stopped.cut(20).run_steps == 20
    array = Segment("array", 4, 1, 4, values=[1, 2, 3, 4], until=3)
    assert Schedule((array.cut(2),)).lr().tolist() == [1, 2]


def test_values_are_read_only_and_compared():
    values = np.array([1.0, 2.0])
    segment = Segment("array", 2, 1, 2, values=values)
    values[0] = 9
    assert segment.values.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        segment.values[0] = 3
    assert segment == Segment("array", 2, 1, 2, values=[1, 2])
    assert segment != Segment("array", 2, 1, 2, values=[1, 3])
    assert segment != "array"


# --- reading a schedule -----------------------------------------------------------------------


@given(random_schedules, st.data())
@settings(deadline=None)
def test_lr_of_some_steps_is_the_same_as_of_all(schedule, data):
    every = schedule.lr()
    steps = data.draw(st.lists(st.integers(1, schedule.steps), max_size=20))
    assert every.shape == (schedule.steps,)
    assert_array_equal(schedule.lr(steps), every[np.array(steps, dtype=int) - 1])
    assert schedule.lr(schedule.steps) == schedule.final == every[-1]
    assert schedule.peak == every.max()


def test_steps_have_any_shape():
    schedule = Schedule.linear(8.0, 4)
    assert schedule.lr([[1, 2], [4, 3]]).tolist() == [[6, 4], [0, 2]]
    assert schedule.lr(np.array(3)).shape == ()
    assert schedule.lr([]).shape == (0,)


@pytest.mark.parametrize("steps", [0, -1, 5, [1, 5], [[1], [0]]])
def test_a_step_out_of_range(steps):
    with pytest.raises(DataError, match=r"must lie in 1\.\.4"):
        Schedule.constant(1e-4, 4).lr(steps)


def test_a_broken_step_is_refused():
    with pytest.raises(DataError, match=r"1\.5"):
        Schedule.constant(1e-4, 4).lr([1.5])


def test_a_schedule_needs_a_segment():
    with pytest.raises(DataError, match="at least one segment"):
        Schedule(())


# --- algebra ----------------------------------------------------------------------------------


@given(random_schedules, st.data())
@settings(deadline=None)
def test_truncate(schedule, data):
    steps = data.draw(st.integers(1, schedule.steps))
    short = schedule.truncate(steps)
    assert short.steps == steps
    assert_array_equal(short.lr(), schedule.lr()[:steps])
    fewer = data.draw(st.integers(1, steps))
    assert_array_equal(short.truncate(fewer).lr(), schedule.lr()[:fewer])


@given(random_schedules)
@settings(deadline=None)
def test_truncate_to_all_is_the_same(schedule):
    assert schedule.truncate(schedule.steps) == schedule


@pytest.mark.parametrize("steps", [0, -1, 5])
def test_truncate_out_of_range(steps):
    with pytest.raises(DataError, match="the schedule has 4"):
        Schedule.constant(1e-4, 4).truncate(steps)


@given(random_schedules, random_schedules, random_schedules)
@settings(deadline=None)
def test_join_is_concatenation(a, b, c):
    expected = np.concatenate([a.lr(), b.lr(), c.lr()])
    assert_array_equal((a + b + c).lr(), expected)
    assert a.join(b, c) == (a + b) + c == a + (b + c)
    assert (a + b).truncate(a.steps).lr().tolist() == a.lr().tolist()


@given(random_schedules, st.integers(1, 30), st.none() | LRS_WITH_ZERO)
@settings(deadline=None)
def test_extend(schedule, steps, lr):
    longer = schedule.extend(steps, lr)
    held = schedule.final if lr is None else lr
    assert_array_equal(longer.lr(), np.append(schedule.lr(), np.full(steps, held)))


@given(random_schedules, st.floats(1e-3, 1e3))
@settings(deadline=None)
def test_scale(schedule, factor):
    expected = factor * schedule.lr()
    assert_allclose(schedule.scale(factor).lr(), expected, rtol=1e-12, atol=1e-14 * expected.max())
    assert_array_equal(schedule.scale(4).lr(), 4 * schedule.lr())


@pytest.mark.parametrize("factor", [0, -1, NAN, INF])
def test_scale_needs_a_factor_above_0(factor):
    with pytest.raises(DataError, match="above 0"):
        Schedule.constant(1e-4, 4).scale(factor)


@pytest.mark.parametrize("steps", [0, -2])
def test_extend_needs_steps(steps):
    with pytest.raises(DataError, match="at least 1"):
        Schedule.constant(1e-4, 4).extend(steps)


# --- constructors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule.constant(8, 3), [8, 8, 8]),
        (Schedule.constant(8, 4, warmup=2), [4, 8, 8, 8]),
        (Schedule.cosine(8, 2), [4, 0]),
        (Schedule.cosine(8, 6, warmup=2, end=4), [4, 8, 6 + 2**0.5, 6, 6 - 2**0.5, 4]),
        (Schedule.linear(8, 4, warmup=2), [4, 8, 4, 0]),
        (Schedule.linear(8, 2, end=2), [5, 2]),
        (Schedule.wsd(8, 7, decay=4, warmup=2), [4, 8, 8, 6, 4, 2, 0]),
        (Schedule.wsd(8, 4, decay=2, warmup=2), [4, 8, 4, 0]),
        (Schedule.wsd(8, 3, decay=2, shape="sqrt"), [8, 8 - 32**0.5, 0]),
        (Schedule.wsd(8, 3, decay=2, shape="cosine", end=4), [8, 6, 4]),
        (Schedule.wsd(8, 4, decay=3, shape="exponential", end=1), [8, 4, 2, 1]),
        (Schedule.wsd(8, 3, decay=2, shape="power", power=3), [8, 1, 0]),
        (Schedule.multi_step([8, 4, 6], [2, 1, 2]), [8, 8, 4, 6, 6]),
        (Schedule.multi_step([8, 4], [1, 1], warmup=2), [4, 8, 8, 4]),
        (Schedule.inverse_sqrt(8, 5, warmup=2), [4, 8, *(8 / np.sqrt([1.5, 2, 2.5]))]),
        (Schedule.inverse_sqrt(8, 3, timescale=1), 8 / np.sqrt([2, 3, 4])),
        (Schedule.cyclic(8, 4, 2, warmup=2, end=4), [4, 8, 6, 4, 6, 8, 6, 4]),
        (
            Schedule.cyclic(8, 4, 2, warmup=2, end=4, shape="linear", rewarm_from_zero=True),
            [4, 8, 6, 4, 4, 8, 6, 4],
        ),
        (
            Schedule.infinite(8, 4, warmup=2, cooldown=2, stable=2, anneal=2, end=1),
            [4, 8, 6, 4, 4, 4, 2, 1],
        ),
    ],
)
def test_constructors(schedule, expected):
    assert_allclose(schedule.lr(), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("shape", DECAYS)
def test_wsd_has_every_decay(shape):
    schedule = Schedule.wsd(2e-4, 100, decay=20, warmup=10, end=1e-5, shape=shape)
    lr = schedule.lr()
    assert (lr[9:80] == 2e-4).all()
    assert lr[-1] == 1e-5
    assert (np.diff(lr[79:]) < 0).all()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Schedule.wsd(1e-4, 10, decay=11), "does not fit in 10"),
        (lambda: Schedule.wsd(1e-4, 10, decay=6, warmup=5), "does not fit in 10"),
        (lambda: Schedule.wsd(1e-4, 10, decay=0), "does not fit"),
        (lambda: Schedule.wsd(1e-4, 10, decay=2, shape="constant"), "constant"),
        (lambda: Schedule.wsd(1e-4, 10, decay=2, shape="exponential"), "above 0"),
        (lambda: Schedule.constant(1e-4, 0), "does not fit in 0"),
        (lambda: Schedule.constant(1e-4, 10, warmup=10), "does not fit in 10"),
        (lambda: Schedule.constant(1e-4, 10, warmup=-1), "does not fit"),
        (lambda: Schedule.constant(-1e-4, 10), "at least 0"),
        (lambda: Schedule.cosine(NAN, 10), "finite"),
        (lambda: Schedule.inverse_sqrt(1e-4, 10), "timescale"),
        (lambda: Schedule.multi_step([1e-4], [1, 2]), "1 learning rates for 2"),
        (lambda: Schedule.multi_step([], []), "0 learning rates"),
        (lambda: Schedule.multi_step([1e-4, 1e-5], [1, 0]), "at least 1"),
        (lambda: Schedule.cyclic(1e-4, 4, 0, warmup=1), "0 cycles"),
        (lambda: Schedule.cyclic(1e-4, 4, 1, warmup=4), "4 of warm-up"),
        (lambda: Schedule.cyclic(1e-4, 4, 1, warmup=0), "0 of warm-up"),
        (lambda: Schedule.infinite(2, 1, 1, 1, 1, 1, end=0), "above 0"),
        (lambda: Schedule.infinite(2, 1, 1, 1, 0, 1, end=1), "at least 1"),
    ],
)
def test_impossible_constructions(build, words):
    with pytest.raises(DataError, match=words):
        build()


# --- from arrays and points -------------------------------------------------------------------

few_values = st.lists(st.sampled_from([0.0, 1e-4, 2e-4, 3e-4]), min_size=1, max_size=8)
plateaus = st.lists(st.tuples(LRS_WITH_ZERO, st.integers(1, 20)), min_size=1, max_size=8).map(
    lambda pairs: [lr for lr, n in pairs for _ in range(n)]
)


@given(few_values | plateaus)
@settings(deadline=None)
def test_from_array_is_exact(lrs):
    schedule = Schedule.from_array(lrs)
    assert schedule.lr().tolist() == lrs
    assert schedule.final == lrs[-1]


def test_from_array_keeps_plateaus_as_constants():
    schedule = Schedule.from_array([1, 2, *[3] * 100, 4, 5, *[6] * 9])
    assert [s.kind for s in schedule.segments] == ["array", "constant", "array", "constant"]
    assert [s.steps for s in schedule.segments] == [2, 100, 2, 9]


@pytest.mark.parametrize(
    ("lrs", "words"),
    [
        ([], "empty"),
        ([1e-4, -1e-9], "-1e-09 at step 2"),
        ([NAN], "nan at step 1"),
        ([1, 1, INF], "inf at step 3"),
    ],
)
def test_from_array_refuses(lrs, words):
    with pytest.raises(DataError, match=words):
        Schedule.from_array(lrs)


@pytest.mark.parametrize(
    ("interpolation", "start_lr", "expected"),
    [
        ("linear", None, [4, 4, 6, 8, 6, 4]),
        ("next", None, [4, 4, 8, 8, 4, 4]),
        ("previous", None, [4, 4, 4, 8, 8, 4]),
        ("linear", 0.0, [2, 4, 6, 8, 6, 4]),
        ("next", 0.0, [4, 4, 8, 8, 4, 4]),
        ("previous", 0.0, [0, 4, 4, 8, 8, 4]),
    ],
)
def test_from_points(interpolation, start_lr, expected):
    schedule = Schedule.from_points(
        [2, 4, 6], [4, 8, 4], interpolation=interpolation, start_lr=start_lr
    )
    assert schedule.lr().tolist() == expected


@pytest.mark.parametrize("interpolation", ["linear", "next", "previous"])
@given(schedule=random_schedules, data=st.data())
@settings(deadline=None)
def test_from_points_goes_through_the_points(interpolation, schedule, data):
    steps = data.draw(st.sets(st.integers(1, schedule.steps), min_size=1).map(sorted))
    more = data.draw(st.integers(0, 5))
    found = Schedule.from_points(
        steps, schedule.lr(steps), total=steps[-1] + more, interpolation=interpolation
    )
    assert found.steps == steps[-1] + more
    assert_array_equal(found.lr(steps), schedule.lr(steps))
    assert (found.lr()[steps[-1] - 1 :] == schedule.lr(steps[-1])).all()


def test_equal_points_become_one_constant():
    assert len(Schedule.from_points([10, 20, 30], [1, 1, 1], total=50).segments) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": [], "lrs": []}, "0 steps for 0"),
        ({"steps": [1, 2], "lrs": [1]}, "2 steps for 1"),
        ({"steps": [0, 2], "lrs": [1, 1]}, "increase from 1"),
        ({"steps": [2, 2], "lrs": [1, 1]}, "increase"),
        ({"steps": [3, 2], "lrs": [1, 1]}, "increase"),
        ({"steps": [1, 2], "lrs": [1, -1]}, "at least 0"),
        ({"steps": [1, 2], "lrs": [1, NAN]}, "finite"),
        ({"steps": [1, 2], "lrs": [1, 1], "total": 1}, "ends before the last point"),
        ({"steps": [1, 2], "lrs": [1, 2], "interpolation": "cubic"}, "cubic"),
        ({"steps": [1, 2], "lrs": [1, 1], "interpolation": "cubic"}, "cubic"),
        ({"steps": [1.5, 2], "lrs": [1, 1]}, r"1\.5"),
    ],
)
def test_from_points_refuses(arguments, words):
    with pytest.raises(DataError, match=words):
        Schedule.from_points(**arguments)


def test_a_million_steps():
    schedule = Schedule.wsd(2e-4, 1_000_000, decay=200_000, warmup=2_000)
    lr = schedule.lr()
    assert lr.size == schedule.steps == 1_000_000
    assert lr[1_999] == lr[799_999] == 2e-4
    assert lr[899_999] == pytest.approx(1e-4)
    assert lr[-1] == 0
    again = Schedule.from_array(lr)
    assert_array_equal(again.lr(), lr)


@pytest.mark.parametrize(
    "value", [Schedule.linear(8, 4), "linear 4 to 0", [6, 4, 2, 0], np.array([6.0, 4, 2, 0])]
)
def test_as_schedule(value):
    assert as_schedule(value, start_lr=8.0).lr().tolist() == [6, 4, 2, 0]
