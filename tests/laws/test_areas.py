import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cptlaw.errors import DataError
from cptlaw.laws.areas import Convention, Stretch, Stretches, warmup_steps
from cptlaw.laws.points import Points, group_label
from cptlaw.studies.history import History

lrs = st.lists(st.just(0.0) | st.floats(1e-7, 1e-2), min_size=1, max_size=30).map(np.array)
lambdas = st.floats(0.0, 0.9999, allow_subnormal=False)
befores = st.just(0.0) | st.floats(1e-7, 1e-2)
LR = np.array([2e-4, 4e-4, 4e-4, 4e-4, 3e-4, 1e-4, 2e-4, 5e-5])


def double_sum(lr, before, lambda_, epsilon=0.0):
    """S2 by its definition: every fall, remembered ever less at every later step."""
    falls = -np.diff(np.append(before, lr))
    momentum = [sum(falls[j] * lambda_ ** (i - j) for j in range(i + 1)) for i in range(lr.size)]
    weight = [1.0 if epsilon == 0 else v**epsilon if v > 0 else 0.0 for v in lr]
    return np.cumsum(np.array(momentum) * weight)


def every_step(lr, before):
    """All steps of one stretch."""
    step = np.arange(1, lr.size + 1)
    return Stretches([Stretch(lr, before)], np.zeros_like(step), step)


def annealing_area(lr, before, lambda_, epsilon=None):
    """S2 after every step of one stretch."""
    return every_step(lr, before).annealing(lambda_, epsilon)


def points(*histories, convention=None, owner=None, step=None):
    """Every step of every history, from step 0."""
    sizes = [h.steps for h in histories]
    owner = np.repeat(np.arange(len(histories)), [n + 1 for n in sizes]) if owner is None else owner
    step = np.concatenate([np.arange(n + 1) for n in sizes]) if step is None else step
    return Points(histories, np.array(owner), np.array(step), convention or Convention())


# --- areas of one stretch ---------------------------------------------------------------------


@given(lrs, befores, lambdas, st.sampled_from([0.0, 0.1, 0.7, -0.3]))
@settings(deadline=None)
def test_the_area_is_the_double_sum(lr, before, lambda_, epsilon):
    scale = (lr.max() + before) * lr.size
    expected = double_sum(lr, before, lambda_, epsilon)
    found = annealing_area(lr, before, lambda_, epsilon).area
    assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * scale)


@given(lrs, befores, lambdas)
@settings(deadline=None)
def test_unweighted_is_weighted_with_epsilon_0(lr, before, lambda_):
    one = annealing_area(lr, before, lambda_)
    other = annealing_area(lr, before, lambda_, epsilon=0.0)
    scale = (lr.max() + before) * lr.size / (1 - lambda_)
    for name in ("area", "momentum", "d_momentum"):
        assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-13 * scale)
    assert_allclose(one.d_lambda, other.d_lambda, rtol=1e-7, atol=1e-12 * scale / (1 - lambda_))


def test_the_forward_area():
    assert every_step(np.array([1.0, 2.0, 4.0]), 0.0).forward().tolist() == [1, 3, 7]


@pytest.mark.parametrize("lambda_", [0.0, 0.5, 0.99, 0.9999])
@pytest.mark.parametrize("epsilon", [0.3, -0.2, 1.0])
def test_derivatives(lambda_, epsilon):
    def area(lambda_, epsilon):
        return annealing_area(LR, 1e-4, lambda_, epsilon)

    here, h = area(lambda_, epsilon), 1e-6
    for found, high, low in (
        (here.d_lambda, area(lambda_ + h, epsilon).area, area(lambda_ - h, epsilon).area),
        (here.d_epsilon, area(lambda_, epsilon + h).area, area(lambda_, epsilon - h).area),
        (here.d_momentum, area(lambda_ + h, epsilon).momentum, area(lambda_ - h, epsilon).momentum),
    ):
        slope = (high - low) / (2 * h)
        assert_allclose(found, slope, rtol=1e-6, atol=1e-7 * np.abs(slope).max())


@pytest.mark.parametrize("lambda_", [0.0, 0.5, 0.99, 0.9999])
def test_the_derivative_of_the_unweighted_area(lambda_):
    h = 1e-6
    high = annealing_area(LR, 1e-4, lambda_ + h).area
    low = annealing_area(LR, 1e-4, lambda_ - h).area
    found = annealing_area(LR, 1e-4, lambda_).d_lambda
    assert_allclose(found, (high - low) / (2 * h), rtol=1e-5, atol=1e-9)


# --- the initial warm-up ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lr", "steps", "counted"),
    [
        ([0, 0, 1, 1, 2, 3, 3, 2], 6, [3, 3, 3, 3, 3, 3, 3, 2]),
        ([1, 2, 2, 3, 3], 4, [3, 3, 3, 3, 3]),
        ([1, 2, 3, 3, 2], 3, [3, 3, 3, 3, 2]),
        ([0, 1, 2, 2], 3, [2, 2, 2, 2]),
        ([1, 2, 1, 2, 3], 2, [2, 2, 1, 2, 3]),
        ([1, 2, 3], 3, [3, 3, 3]),
        ([3, 3, 3], 0, [3, 3, 3]),
        ([3, 2, 1], 0, [3, 2, 1]),
        ([3, 2, 4], 0, [3, 2, 4]),
        ([3], 0, [3]),
        ([], 0, []),
    ],
)
def test_warmup(lr, steps, counted):
    lr = np.array(lr, dtype=float)
    assert warmup_steps(lr) == steps
    assert Stretch(lr, 0.0, steps).counted.tolist() == counted


def test_a_warmup_counted_as_if_at_the_peak():
    x = points(History([1, 2, 3, 3, 2], []))
    assert x.s1_pt.tolist() == [0, 3, 6, 9, 12, 14]
    assert x.annealing(0.5).pt.tolist() == [0, 0, 0, 0, 0, 1]


def test_a_warmup_counted_as_it_was():
    x = points(History([1, 2, 3, 3, 2], []), convention=Convention(warmup="as-is"))
    assert x.s1_pt.tolist() == [0, 1, 3, 6, 9, 11]
    assert_allclose(x.annealing(0.5).pt[1:], double_sum(np.array([1, 2, 3, 3, 2]), 0.0, 0.5))
    assert (x.annealing(0.5).pt[1:] < 0).all()


@pytest.mark.parametrize("warmup", ["peak", "as-is"])
def test_a_decay_from_the_first_step(warmup):
    area = points(History([3, 2, 1], []), convention=Convention(warmup=warmup)).annealing(0.5).pt
    start = 0.0 if warmup == "as-is" else 3.0
    assert_allclose(area[1:], double_sum(np.array([3, 2, 1]), start, 0.5))


# --- both phases ------------------------------------------------------------------------------


def test_areas_on_both_sides_of_the_transfer():
    x = points(History([4, 4, 2], [3, 1]))
    assert x.pt_step.tolist() == [0, 1, 2, 3, 3, 3]
    assert x.cpt_step.tolist() == [0, 0, 0, 0, 1, 2]
    assert x.is_cpt.tolist() == [False] * 4 + [True] * 2
    assert x.s1_pt.tolist() == [0, 4, 8, 10, 10, 10]
    assert x.s1_cpt.tolist() == [0, 0, 0, 0, 3, 4]
    assert x.s1.tolist() == [0, 4, 8, 10, 13, 14]


@pytest.mark.parametrize(("first", "fall"), [(3.0, -1.0), (2.0, 0.0), (1.0, 1.0), (0.0, 2.0)])
@pytest.mark.parametrize("warmup", ["peak", "as-is"])
def test_the_first_cpt_difference_is_from_the_last_lr_of_the_pt(first, fall, warmup):
    x = points(History([4, 4, 2], [first]), convention=Convention(warmup=warmup))
    assert x.annealing(0.9).cpt.tolist() == [0, 0, 0, 0, fall]


def test_a_rewarmup_adds_negative_area():
    area = points(History([4, 2, 0], [1, 2, 3])).annealing(0.9).cpt
    assert_allclose(area[4:], double_sum(np.array([1, 2, 3]), 0.0, 0.9))
    assert (area[4:] < 0).all()


def test_the_first_difference_after_an_unknown_base_is_from_0():
    x = points(History([], [3, 3, 1], unknown_base="llama"))
    assert_allclose(x.annealing(0.9).cpt[1:], double_sum(np.array([3, 3, 1]), 0.0, 0.9))
    assert x.s1_pt.tolist() == x.annealing(0.9).pt.tolist() == [0] * 4


pt_lr, cpt_lr = np.array([4e-4, 4e-4, 3e-4, 1e-4]), np.array([2e-4, 3e-4, 1e-4])


@pytest.mark.parametrize("lambda_", [0.0, 0.5, 0.99])
def test_a_frozen_tail(lambda_):
    area = points(History(pt_lr, cpt_lr)).annealing(lambda_).pt
    expected = double_sum(pt_lr, pt_lr[0], lambda_)
    assert_allclose(area, [0, *expected, *[expected[-1]] * 3], atol=1e-18)


@pytest.mark.parametrize("lambda_", [0.0, 0.5, 0.99])
def test_a_carried_tail(lambda_):
    area = points(History(pt_lr, cpt_lr), convention=Convention(tail="carried")).annealing(lambda_)
    own = double_sum(pt_lr, pt_lr[0], lambda_)
    momentum = own[-1] - own[-2]
    tail = momentum * np.cumsum([lambda_**j for j in (1, 2, 3)])
    assert_allclose(area.pt, [0, *own, *(own[-1] + tail)], atol=1e-18)


@pytest.mark.parametrize("epsilon", [None, 0.2])
def test_a_carried_tail_and_the_cpt_add_up_to_one_schedule(epsilon):
    convention = Convention(tail="carried")
    areas = points(History(pt_lr, cpt_lr), convention=convention).annealing(0.8, epsilon)
    whole = points(History(np.append(pt_lr, cpt_lr), [])).annealing(0.8, epsilon)
    for name in ("", "_d_lambda") if epsilon is None else ("", "_d_lambda", "_d_epsilon"):
        both = getattr(areas, f"pt{name}") + getattr(areas, f"cpt{name}")
        assert_allclose(both, getattr(whole, f"pt{name}"), rtol=1e-12, atol=1e-18)


histories = st.lists(
    st.builds(
        lambda base, steps, cpt: History(base[:steps], cpt),
        st.sampled_from([np.array([1.0, 2, 3, 3, 2, 1]), np.array([3.0, 2, 1, 2, 3, 0])]),
        st.integers(1, 6),
        st.lists(st.sampled_from([0.0, 1.0, 2.0]), max_size=3),
    ),
    min_size=1,
    max_size=5,
)


@given(histories, st.sampled_from(["peak", "as-is"]), st.sampled_from(["frozen", "carried"]))
@settings(deadline=None)
def test_shared_stretches_give_the_same_as_separate_ones(histories, warmup, tail):
    convention = Convention(warmup, tail)
    together = points(*histories, convention=convention)
    alone = [points(h, convention=convention) for h in histories]
    for name in ("s1_pt", "s1_cpt", "s1", "is_cpt", "r_pt", "r_cpt"):
        expected = np.concatenate([getattr(p, name) for p in alone])
        assert_array_equal(getattr(together, name), expected)
    for epsilon in (None, 0.3):
        found = together.annealing(0.7, epsilon)
        for field, values in found._asdict().items():
            one = [getattr(p.annealing(0.7, epsilon), field) for p in alone]
            assert_array_equal(values, np.concatenate(one))


def test_equal_bases_are_summed_once():
    base = np.linspace(3e-4, 0, 1000)
    x = points(*[History(base, [i, i]) for i in range(5)], owner=[0, 4], step=[1000, 1002])
    assert sum(one.lr.size for one in x._layout.sums.stretches) < 1100


def test_points_in_any_order():
    histories = [History([4, 2], [1, 3]), History([4, 2], [2])]
    owner, step = np.array([1, 0, 0, 1, 0]), np.array([3, 0, 4, 1, 3])
    x = points(*histories, owner=owner, step=step)
    assert x.s1.tolist() == [8, 0, 10, 4, 7]
    assert x.annealing(0.0).cpt.tolist() == [0, 0, -1, 0, 1]


def test_places_along_a_history_and_at_the_ends_of_many():
    one, other = History([1.0, 2.0], [3.0]), History([1.0], [])
    along = Points.along(one, np.array([0, 2, 3]), Convention())
    ends = Points.at_ends([one, other], Convention())
    assert (along.owner.tolist(), along.step.tolist()) == ([0, 0, 0], [0, 2, 3])
    assert (ends.owner.tolist(), ends.step.tolist()) == ([0, 1], [3, 1])
    assert ends.is_cpt.tolist() == [True, False]


@pytest.mark.parametrize("step", [-1, 4])
def test_a_point_off_its_history(step):
    with pytest.raises(DataError, match="past the end"):
        points(History([1, 1], [1]), owner=[0], step=[step])


# --- what else points know --------------------------------------------------------------------


def test_shares_sizes_and_groups():
    x = points(
        History([1], [1], replay=0.25, model_size=1e8, batch=(4e6, 4096)),
        History([], [1], unknown_base="llama"),
        owner=[0, 1, 0],
        step=[1, 1, 2],
    )
    assert x.r_pt.tolist() == [0.25, 0, 0.25]
    assert x.r_cpt.tolist() == [0.75, 1, 0.75]
    assert x.size_millions[[0, 2]].tolist() == [100, 100] and math.isnan(x.size_millions[1])
    assert x.group(("mistral", "llama"), "base").tolist() == [-1, 1, -1]
    assert x.group(("4e+06x4096",), "batch").tolist() == [0, -1, 0]
    assert len(x) == 3


@pytest.mark.parametrize(
    ("history", "base", "batch"),
    [
        (History([1], []), "", ""),
        (History([1], [], batch=(4e6, 4096)), "", ""),
        (History([1], [1], batch=(None, 4096)), "", "?x4096"),
        (History([], [1], unknown_base="llama"), "llama", "?x?"),
    ],
)
def test_group_labels(history, base, batch):
    assert group_label(history, "base") == base
    assert group_label(history, "batch") == batch


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"warmup": "asis"}, "warmup = 'asis'"),
        ({"tail": "cut"}, "tail = 'cut'"),
        ({"fit_from": 0}, "fit_from = 0"),
    ],
)
def test_a_convention_refuses(values, words):
    with pytest.raises(DataError, match=words):
        Convention(**values)


def test_conventions_in_words():
    assert len(Convention().sentences()) == 4
    words = " ".join(Convention("as-is", "carried", 500).sentences())
    for part in ("as it was", "negative", "carried", "PT from step 500"):
        assert part in words
