"""Runs to do as an experiment file."""

import tomllib
from dataclasses import replace

import pytest

from cptlaw import Curve, DataError, Run, Schedule, Study
from cptlaw.lab.experiment_file import experiment_text, llama_shape

BASE = Run(
    "base",
    schedule=Schedule.parse("warmup 10 to 1e-3 | constant 990"),
    model_size=150e3,
    batch_tokens=4096,
    sequence_length=128,
)


def continued(name, **more):
    values = {"data": "cpt", "batch_tokens": 4096, "sequence_length": 128} | more
    return Run(name, schedule=Schedule.parse("linear 100 to 0", 1e-3), after="base", **values)


@pytest.mark.parametrize("size", [3e4, 150976, 1e7, 124e6, 1.3e9, 7e9])
def test_a_shape_has_about_the_size(size):
    width, layers, heads = llama_shape(size)
    assert 12 * layers * width**2 == pytest.approx(size, rel=0.1)
    assert width % heads == 0
    assert width // heads % 2 == 0


def test_a_run_names_its_batch_where_the_experiment_has_another():
    runs = [BASE, continued("same"), continued("wide", batch_tokens=8192)]
    found = tomllib.loads(experiment_text(runs))
    training, tables = found["training"], found["run"]
    assert (training["batch_sequences"], training["sequence_length"]) == (32, 128)
    assert [table.get("batch_sequences") for table in tables] == [None, None, 64]
    assert [table.get("sequence_length") for table in tables] == [None, None, 128]


def test_bases_of_other_batches_and_sizes_keep_theirs():
    small = Run(
        "small",
        schedule=BASE.schedule,
        model_size=30e3,
        batch_tokens=2048,
        sequence_length=64,
    )
    found = tomllib.loads(experiment_text([BASE, small]))
    assert [table["model"] for table in found["run"]] == ["m0", "m1"]
    assert found["model"]["m0"] != found["model"]["m1"]
    assert found["run"][1]["sequence_length"] == 64


@pytest.mark.parametrize(
    ("training", "written"),
    [
        ("batch_sequences = 16", (32, 128)),
        ("batch_sequences = 32\nsequence_length = 128", (None, None)),
        ("", (None, None)),  # 32 and 128 are what the lab takes
        ("sequence_length = 64", (32, 128)),
    ],
)
def test_a_run_added_to_an_experiment_keeps_its_batch(tmp_path, training, written):
    path = tmp_path / "mine.toml"
    path.write_text(f'[training]\n{training}\n[[run]]\nname = "base"\n')
    study = Study({"pt": "loss"}, (replace(BASE, curves={"loss": Curve([0, 50], [3.0, 2.0])}),))
    text = experiment_text([continued("cpt")], study, experiment=path)
    assert text.startswith(path.read_text())
    table = tomllib.loads(text)["run"][1]
    assert (table.get("batch_sequences"), table.get("sequence_length")) == written


def test_a_name_that_is_taken_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[[run]]\nname = "base"\n')
    with pytest.raises(DataError, match=r"mine\.toml: has a run 'base' already"):
        experiment_text([BASE], experiment=path)


# --- open models ------------------------------------------------------------------------------


def test_a_run_of_an_open_model_starts_from_it():
    text = experiment_text([replace(continued("a"), after="unknown:org/llama")])
    found = tomllib.loads(text)
    assert found["model"] == {"org-llama": {"from": "org/llama"}}
    assert found["tokenizer"] == {"name": "org/llama"}
    (table,) = found["run"]
    assert table["data"] == "cpt" and "after" not in table and "model" not in table
    assert "its folder, or its name on the hub" in text


def test_an_experiment_must_have_the_open_model_of_a_run(tmp_path):
    file = tmp_path / "experiment.toml"
    run = replace(continued("a"), after="unknown:llama")
    file.write_text('name = "x"\n[model.m]\nwidth = 64\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"no \[model.llama\], the open model that run 'a' goes on"):
        experiment_text([run], experiment=file)
    file.write_text('[model.m]\nwidth = 64\n[model.llama]\nfrom = "x"\n', encoding="utf-8")
    found = tomllib.loads(experiment_text([run], experiment=file))
    assert found["run"][0]["model"] == "llama"
