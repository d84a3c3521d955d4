"""Experiment files to test with."""

import json

import pytest

from cptlaw.errors import DataError
from cptlaw.lab import experiment
from labs import changed

HEAD = """
name = "trial"
seed = 3

[tokenizer]
vocabulary = 512

[text.docs]
builtin = "python-docs"
tokens = 6e6

[text.code]
path = "data/code"

[text.far]
path = ["data/far.jsonl", "data/more.jsonl"]
column = "body"

[data]
pt = { docs = 0.75, code = 0.25 }
cpt = "code"
far = "far"

[validation]
tokens = 4096

[model.small]
width = 64
layers = 2
heads = 2

[model.big]
width = 96
layers = 4
heads = 3

[training]
batch_sequences = 8
sequence_length = 64
"""
BASE = """
[[run]]
name = "base"
schedule = "warmup 10 to 1e-3 | linear 90 to 1e-4"
"""
CPT = """
[[run]]
name = "cpt"
after = "base"
schedule = "linear 50 to 0"
"""


def read(folder, text, changes=None, name="trial.toml"):
    """The experiment of a text, with some parts of it changed."""
    path = folder / name
    path.write_text(changed(text, changes))
    return experiment.load(path)


def error(folder, text, changes=None):
    """What the error says of an experiment, without the name of the file."""
    with pytest.raises(DataError) as raised:
        read(folder, text, changes)
    file = f"{folder / 'trial.toml'}: "
    assert str(raised.value).startswith(file)
    return str(raised.value).removeprefix(file)


def run(name, schedule="constant 50", **keys):
    """A [[run]] with the given keys, in their order; "base" in `after` by default."""
    keys = {"after": "base"} | keys | {"schedule": schedule}
    return (
        "\n".join(["[[run]]", f'name = "{name}"', *(f"{k} = {toml(v)}" for k, v in keys.items())])
        + "\n"
    )


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def names(found):
    return [node.name for node in found.nodes]


def bases(found):
    return {node.name: node.after for node in found.nodes}
