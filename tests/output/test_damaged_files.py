"""Stored files that something else has changed: refused by name, or read as what they say."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cptlaw import store
from cptlaw.errors import CptlawError, DataError
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.forecast import Forecast, forecast
from cptlaw.output.field_types import is_of
from cptlaw.output.json.numbers import dumped
from cptlaw.studies.runs import Curve

ODD: list[Any] = [
    None, True, -1, 0.0, 1e-320, 1e308, 20_000_001, 10**308, "x", "", [], [1.0], [[]], {},
    {"type": "float", "is": "nan"}, {"type": "float", "is": "-inf"}, {"type": "dict", "items": {}},
]  # fmt: skip


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value within a value of JSON."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield (*way, key)
        yield from places(value[key], (*way, key))


def mutants(text: str, count: int) -> Iterator[str]:
    document = json.loads(text)
    ways = [way for way in places(document) if way[0] == "value"]
    # Few of the many numbers of long arrays, all else as often as it is there.
    short = [way for way in ways if not isinstance(way[-1], int) or way[-1] < 3]
    choose = random.Random(0)
    for _ in range(count):
        changed = copy.deepcopy(document)
        *way, last = choose.choice(short)
        holder = changed
        for key in way:
            holder = holder[key]
        holder[last] = choose.choice(ODD)
        yield json.dumps(changed)


def is_refused(text: str) -> bool:
    """Whether it is refused; what is read has to show itself."""
    try:
        value = store.from_json(text, origin="fit.json")
    except DataError as error:
        assert "fit.json" in str(error)
        return True
    try:
        value.summary()
        if isinstance(value, Fit):
            forecast(value, "cosine 100 to 0", after="base", anyway=True, level=None)
    except CptlawError:
        return True
    return False


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_file_that_was_changed_is_no_bug(fitted: Fit, future: Forecast) -> None:
    refused = [
        is_refused(m) for value in (fitted, future) for m in mutants(store.to_json(value), 150)
    ]
    assert sum(refused) > 150


def test_a_field_of_another_type_is_named(fitted: Fit) -> None:
    document = json.loads(store.to_json(fitted))
    document["value"]["notes"] = 5
    with pytest.raises(DataError, match=r"is damaged \(TypeError: Fit.notes cannot be 5\)"):
        store.from_json(json.dumps(document))
    document["value"].update(notes=[], more=1)
    with pytest.raises(DataError, match="Fit has no field 'more'"):
        store.from_json(json.dumps(document))
    with pytest.raises(DataError, match="nested too deeply"):
        store.from_json("[" * 100_000)


def test_a_parameter_that_the_law_cannot_have_is_named(fitted: Fit) -> None:
    document = json.loads(store.to_json(fitted))
    for name, value in (("alpha", -1.0), ("L0", None), ("x", 1.0)):
        changed = copy.deepcopy(document)
        pt = changed["value"]["domains"]["items"]["pt"]
        pt["params"]["items"][name] = value
        with pytest.raises(DataError, match="is damaged"):
            store.from_json(json.dumps(changed))


@pytest.mark.parametrize(
    ("value", "hint", "suits"),
    [
        (1, float, True),
        (True, float, False),
        (1.5, int, False),
        ((1, 2.5), np.ndarray[Any, np.dtype[np.float64]], True),
        (("x",), np.ndarray[Any, np.dtype[np.float64]], False),
        ((1.0,), tuple[float, float], False),
        ((), tuple[str, ...], True),
        ({"a": None}, dict[str, float | None], True),
        ({"a": "x"}, dict[str, float | None], False),
    ],
)
def test_types(value: Any, hint: Any, suits: bool) -> None:
    assert is_of(value, hint) == suits


def test_a_name_twice_and_what_is_no_number_are_refused(fitted: Fit) -> None:
    text = store.to_json(fitted)
    with pytest.raises(DataError, match="'notes' stands twice in one object"):
        store.from_json(text.replace('"notes":', '"notes": [], "notes":', 1))
    with pytest.raises(DataError, match="NaN is no number of JSON"):
        store.from_json(text.replace('"delta": 0.001', '"delta": NaN', 1))


def test_what_cannot_be_shown_is_damaged(future: Forecast) -> None:
    document = json.loads(store.to_json(future))
    domains = document["value"]["domains"]["items"]
    for curve in domains.values():
        curve["base"] = curve["base"][:3]
    with pytest.raises(DataError, match="is damaged"):
        store.from_json(json.dumps(document))


def test_json_has_no_number_for_what_is_not_finite() -> None:
    value = {"a": [float("nan"), 1.5, (float("-inf"),)], "b": {"c": float("inf"), "d": 2}}
    assert dumped(value) == '{"a": [null, 1.5, [null]], "b": {"c": null, "d": 2}}'


@pytest.mark.parametrize("loss", [1e-320, 1e300])
def test_a_loss_that_none_has_is_refused(loss: float) -> None:
    with pytest.raises(DataError, match="is not the loss of a language model"):
        Curve([1, 2], [3.0, loss])
    with pytest.raises(DataError, match="too large for a number of steps"):
        Curve([1.0, 1e300], [3.0, 2.0])
