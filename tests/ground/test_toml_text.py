import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cptlaw import toml_text
from cptlaw.errors import DataError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**62), 2**62)
VALUES = st.recursive(
    TEXTS | NUMBERS | st.booleans(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXTS, inside, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_values_read_back_as_they_were_written(values):
    assert tomllib.loads("\n".join(toml_text.pairs(values))) == values


@given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS, TEXTS)
def test_tables_and_dotted_keys_read_back(names, text, note):
    lines = [
        toml_text.header("run", many=True),
        *toml_text.pairs({tuple(names): text}),
        *toml_text.comment(note),
        toml_text.header("run", many=True),
        toml_text.pairs({"name": text})[0] + "  " + toml_text.remark(note),
        toml_text.header("text", *names),
    ]
    inside, table = text, {}
    for name in reversed(names):
        inside, table = {name: inside}, {name: table}
    read = tomllib.loads("\n".join(lines))
    assert read == {"run": [inside, {"name": text}], "text": table}


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\r\n\t\0\x7f\u2028")))
def test_a_comment_stays_a_comment(text):
    for lines in (toml_text.comment(text), [toml_text.remark(text)]):
        assert tomllib.loads("\n".join(lines)) == {}
        assert all(line.startswith("# ") and line.isprintable() for line in lines)


def test_a_comment_is_wrapped_and_keeps_its_words():
    words = "one two three " * 20 + "a" * 120
    lines = toml_text.comment(words)
    assert " ".join(line.removeprefix("# ") for line in lines) == words
    assert max(map(len, lines[:-1])) <= 98


def test_values_look_as_one_would_write_them():
    values = {
        "size": 106e6,
        "replay": 0.25,
        "lr": 1e-5,
        "steps": 3,
        "on": True,
        "left": None,
        ("ood", "my code"): "a\nb",
        "mix": {"docs": 0.85, "code": 0.15},
        "betas": (0.9, 0.95),
    }
    assert toml_text.pairs(values) == [
        "size = 106000000",
        "replay = 0.25",
        "lr = 1e-05",
        "steps = 3",
        "on = true",
        'ood."my code" = "a\\nb"',
        "mix = { docs = 0.85, code = 0.15 }",
        "betas = [0.9, 0.95]",
    ]


@pytest.mark.parametrize("number", [math.inf, -math.inf, 1e22, -0.0, 5e-324])
def test_numbers_at_the_edge(number):
    read = tomllib.loads(f"x = {toml_text.value(number)}")["x"]
    assert read == number and math.copysign(1, read) == math.copysign(1, number)


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(DataError, match="a TOML file cannot hold this text"):
        toml_text.value("a\ud800")
