"""Compiled recurrences do what NumPy does: every law, on any schedules, and its derivatives."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cptlaw import Convention, History, catalog
from cptlaw.laws import branching, compiled
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.catalog import Facts
from cptlaw.laws.points import Points
from cptlaw.studies.optimization import Optimization
from laws import EVERY
from means import both_ways, needs_compiled
from strategies import schedules

pytestmark = needs_compiled
SAID = st.builds(
    Optimization,
    st.sampled_from([None, "adamw", "muon", "sgd"]),
    st.sampled_from([None, 0.0, 0.1]),
)


@st.composite
def families(draw):
    """A base, a branch of it, CPTs from both with and without replay; every place on each."""
    base = np.append(1e-3, draw(schedules(arrays=True)).lr())
    others = [draw(schedules(arrays=True)).lr() for _ in range(2)]
    pt, cpt = draw(SAID), draw(SAID)
    middle = draw(st.integers(1, base.size))
    histories = [
        History(base, [], model_size=1e8, pt_by=pt, cpt_by=cpt),
        History(np.append(base[:middle], others[0]), [], model_size=1e7, pt_by=pt),
        History(base, others[1], replay=0.25, model_size=1e8, pt_by=pt, cpt_by=cpt),
        History(base[:middle], others[1], model_size=1e8, pt_by=pt, cpt_by=cpt),
    ]
    owner = np.repeat(np.arange(4), [h.steps for h in histories])
    step = np.concatenate([np.arange(1, h.steps + 1) for h in histories])
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(owner.size)
    return histories, owner[order], step[order]


def unknown(histories):
    """The same CPTs from an open model."""
    made = [History([], h.lr, h.replay, unknown_base="open", cpt_by=h.pt_by) for h in histories]
    return made


@pytest.mark.parametrize("role", ["pt", "cpt"])
@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=15)
@given(family=families(), seed=st.integers(0, 999))
def test_laws_and_their_derivatives_agree(name, role, family, seed):
    histories, owner, step = family
    open_ = "unknown" in catalog.find(name).traits.sees
    histories = unknown(histories) if open_ else histories
    facts = Facts(
        role,
        bases=("open",) if open_ else (),
        batches=("", "4e+06x4096"),
        replay=True,
        sizes=not open_,
        pt=histories[2].pt_by,
        cpt=histories[2].cpt_by,
    )
    law = catalog.get(name, facts)
    random = np.random.default_rng(seed)
    low, high = ([s.inner(s.start[i]) for s in law.shapes] for i in (0, 1))
    shapes = np.array(random.uniform(low, high))

    def evaluated():
        points = Points(histories, owner, step, Convention("as-is"))
        return law.columns(points, shapes), law.columns(points, shapes, slopes=False)

    ((one, values), (other, same)) = both_ways(evaluated)
    assert_allclose(values.matrix, one.matrix, rtol=1e-13)
    assert_allclose(same.matrix, other.matrix, rtol=1e-13)
    assert_allclose(one.matrix, other.matrix, rtol=1e-12, atol=1e-14)
    for (s, t, slope), (s_, t_, slope_) in zip(one.slopes, other.slopes, strict=True):
        assert (s, t) == (s_, t_)
        # A BLAS without fused multiply-add rounds each step of a memory otherwise: 1e-14 in a sum.
        close = 1e-12 * (0.1 + np.abs(slope_).max())
        assert_allclose(slope, slope_, rtol=1e-10, atol=close, err_msg=law.shapes[s].name)


@given(family=families(), seed=st.integers(0, 999))
@settings(max_examples=50)
def test_recurrences_and_sums_agree(family, seed):
    random = np.random.default_rng(seed)
    count = len(Blocks(*family))
    decay, gain = random.uniform(0, 1, (3, count)), random.normal(size=(2, 3, count))

    def worked():
        blocks = Blocks(*family)
        return blocks.solve(decay, gain), blocks.solve(decay[0], gain), blocks.summed(gain)

    for one, other in zip(*both_ways(worked), strict=True):
        assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@given(
    family=families(),
    lambda_=st.sampled_from([0.0, 0.5, 0.99, 0.99999]),
    epsilon=st.sampled_from([None, 0.0, 0.3, -0.2]),
    warmup=st.sampled_from(["peak", "as-is"]),
    tail=st.sampled_from(["frozen", "carried"]),
)
def test_areas_agree(family, lambda_, epsilon, warmup, tail):
    def worked():
        points = Points(*family, Convention(warmup, tail))
        return points.s1_pt, points.s1_cpt, *points.annealing(lambda_, epsilon)

    # Without a weight S2 is a difference over 1 - lambda, and its slope one over that of S2: what
    # rounding leaves of the LRs is divided likewise, and BLASes round otherwise.
    highest = max(history.lr.max() for history in family[0])
    left = 1e-15 * highest / (1 - lambda_) ** np.array([0, 0, 1, 2, 0, 1, 2, 0])
    for one, other, loose in zip(*both_ways(worked), left, strict=True):
        close = 1e-13 * (1e-3 + np.abs(other).max()) + loose
        assert_allclose(one, other, rtol=1e-12, atol=close)


@given(family=families(), longest=st.sampled_from([1, 3, 200]), thin=st.integers(1, 50))
@settings(max_examples=200)
def test_histories_are_cut_into_the_same_blocks(family, longest, thin):
    histories, owner, step = family

    def worked():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(branching, "LONGEST", longest)
            blocks = Blocks(histories, owner[::thin], step[::thin])
        return blocks.ends, blocks.steps, blocks.cpt, blocks.lr

    one, other = both_ways(worked)
    for mine, its in zip(one[:3], other[:3], strict=True):
        assert_array_equal(mine, its)
    assert_allclose(one[3], other[3], rtol=1e-12)


def test_what_is_forgotten_costs_no_time():
    """A momentum of .5 a step is 0 after 1,000 steps, and not a least number, which is slow."""
    lr = np.full(100_000, 1e-3)
    point = Points.along(History(np.append(2e-3, lr), []), np.array([lr.size]), Convention())
    assert point.annealing(0.5).pt[0] == pytest.approx(2e-3)
    momentum = point._layout.sums.annealing(0.5).momentum
    assert momentum[0] == 0.0


# --- what is wrong is an error, and not a crash -----------------------------------------------


def test_arrays_of_another_size_are_refused():
    built = compiled.recurrences()
    tree = np.array([[0], [4], [-1]])
    with pytest.raises(ValueError, match="expected 8 numbers"):
        built.summed(tree, np.zeros((2, 4)), np.zeros(7))
    with pytest.raises(ValueError, match="parents first"):
        built.summed(np.array([[0], [4], [7]]), np.zeros(4), np.zeros(4))
    with pytest.raises(TypeError, match="2 arguments, expected 3"):
        built.summed(tree, np.zeros(4))
    with pytest.raises((BufferError, ValueError)):
        built.summed(tree, np.zeros((4, 4))[:, 0], np.zeros(4))


# --- which of the two is in use ---------------------------------------------------------------


def version(**environment):
    """What `cptlaw --version` prints."""
    command = [sys.executable, "-m", "cptlaw", "--version"]
    env = {**os.environ, **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


def test_the_version_tells_which_is_in_use():
    assert ", compiled recurrences\n" in version()
    assert "recurrences in NumPy (CPTLAW_COMPILED=0)\n" in version(CPTLAW_COMPILED="0")


def test_a_build_of_another_source_is_not_used(monkeypatch):
    monkeypatch.setattr(compiled, "checksum", lambda: -1)
    assert compiled._found()[0] is None
    assert "another version" in compiled._found()[1]
