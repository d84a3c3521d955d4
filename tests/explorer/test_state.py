"""The state of the page and the query of its address."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cptlaw.explorer.state import BOUNDS, FORMS, LAYERS, MOST_PINS, MOST_STEPS, Choice, State, parse

shares = st.floats(0, 0.9).map(lambda v: float(f"{v:.6g}"))
choices = st.builds(
    Choice,
    start=st.sampled_from(["", "base", "base@600", "a b&c=d?%", "unknown:llama"]),
    potential=st.none() | shares,
    peak=st.floats(1e-7, 1).map(lambda v: float(f"{v:.6g}")),
    steps=st.integers(2, MOST_STEPS),
    warmup=shares,
    family=st.sampled_from(FORMS),
    decay=shares,
    decay_shape=st.sampled_from(["linear", "sqrt"]),
    end=shares,
    replay=shares,
    model_size=st.none() | st.floats(1, 1e13).map(lambda v: float(f"{v:.6g}")),
)
states = st.builds(
    State,
    fit=st.sampled_from(["", "0123abc"]),
    choice=choices,
    pins=st.lists(choices, max_size=MOST_PINS).map(tuple),
    weights=st.dictionaries(st.sampled_from(["pt", "cpt", "ood.x"]), shares),
    shown=st.lists(st.sampled_from(["pt", "cpt", "ood.x"]), unique=True).map(tuple),
    layers=st.lists(st.sampled_from(LAYERS), unique=True).map(
        lambda some: tuple(layer for layer in LAYERS if layer in some)
    ),
    unit=st.sampled_from(["steps", "tokens"]),
    theme=st.sampled_from(["auto", "light", "dark"]),
)


@given(states)
def test_a_state_comes_back_from_its_address(state):
    assert parse(state.query) == state


@given(st.text())
def test_any_address_is_a_state(query):
    state = parse(query)
    assert len(state.pins) <= MOST_PINS
    assert 2 <= state.choice.steps <= MOST_STEPS
    assert parse(state.query) == state


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ("peak=nan", "peak", 1e-4),
        ("peak=inf", "peak", 1e-4),
        ("peak=-3", "peak", BOUNDS["peak"][0]),
        ("peak=1e999", "peak", 1e-4),
        ("steps=1e300", "steps", MOST_STEPS),
        ("steps=0", "steps", 2),
        ("steps=ten", "steps", 1000),
        ("family=<script>", "family", "cosine"),
        ("replay=7", "replay", BOUNDS["replay"][1]),
        ("potential=x", "potential", None),
        ("start=a%00%1b%0ab", "start", "ab"),
    ],
)
def test_what_cannot_be_is_mended(query, field, value):
    assert getattr(parse(query).choice, field) == value


def test_what_is_left_out_is_as_by_default():
    usual = Choice(start="base", peak=3e-4, steps=77)
    assert parse("end=0.5", usual).choice == replace(usual, end=0.5)


def test_a_long_address_does_no_harm():
    state = parse("&".join(f"w.r{i}=1&pin=peak%3D1" for i in range(5000)))
    assert len(state.weights) <= 24
    assert len(state.pins) <= MOST_PINS
    assert parse("show=" + "x," * 5000).shown == ("x",)


def test_several_layers_or_none():
    assert parse("layers=data,fits,nonsense").layers == ("data", "fits")
    assert parse("layers=none").layers == ()
    assert parse("").layers == ("intervals",)
