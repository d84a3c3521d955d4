import pytest
from hypothesis import given
from hypothesis import strategies as st

from cptlaw.errors import DataError
from cptlaw.studies.bases import bases_first, with_bases


@st.composite
def forests(draw):
    """Runs that go on from earlier ones, in any order."""
    names = [f"r{i}" for i in range(draw(st.integers(1, 8)))]
    after = {n: draw(st.sampled_from([None, *names[:i]])) for i, n in enumerate(names)}
    return {name: after[name] for name in draw(st.permutations(names))}


@given(forests())
def test_every_run_comes_after_its_base(after):
    ordered = bases_first(after)
    assert sorted(ordered) == sorted(after)
    for name, base in after.items():
        assert base is None or ordered.index(base) < ordered.index(name)


@given(forests())
def test_an_order_that_is_right_stays(after):
    ordered = bases_first(after)
    assert bases_first({name: after[name] for name in ordered}) == ordered


def test_a_base_moves_no_further_than_it_must():
    after = {"x": None, "cpt": "base", "y": None, "base": None, "z": None}
    assert bases_first(after) == ("x", "y", "base", "cpt", "z")


@given(forests(), st.data())
def test_some_runs_and_all_they_go_on_from(after, data):
    wanted = data.draw(st.sets(st.sampled_from(sorted(after)), min_size=1))
    found = with_bases(wanted, after)
    assert wanted <= set(found)
    assert all(after[name] in (None, *found[:i]) for i, name in enumerate(found))
    assert set(found) == wanted | {after[name] for name in found} - {None}


@pytest.mark.parametrize(
    ("after", "cycle"),
    [
        ({"a": "a"}, "a -> a"),
        ({"r": None, "a": "b", "b": "a"}, "a -> b -> a"),
        ({"t": "b", "a": "b", "b": "c", "c": "a"}, "a -> b -> c -> a"),
    ],
)
def test_a_cycle_is_named_from_its_first_run_on(after, cycle):
    with pytest.raises(DataError, match=f"'after' runs in a cycle: {cycle}."):
        bases_first(after)
    with pytest.raises(DataError, match=f"'after' runs in a cycle: {cycle}."):
        with_bases(list(after)[-1:], after)
