"""Optimizer, weight decay and initialisation: names, phases, study files, notes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cptlaw import DataError, load_study
from cptlaw.output import store
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.optimization import NOT_SAID, Optimization, optimizer_name
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study
from cptlaw.studies.study_file.writing import run_table


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("adamw_torch_fused", "adamw"),
        ("paged_adamw_8bit", "adamw"),
        ("FusedAdam", "adamw"),
        ("DecoupledLionW", "lion"),
        ("Muon", "muon"),
        ("MuonH", "muonh"),
        ("SGD", "sgd"),
        ("galore_adamw", "galore_adamw"),
        ("8bit", "8bit"),
    ],
)
def test_spellings_are_one_name(written: str, name: str) -> None:
    assert optimizer_name(written) == name


def test_a_name_without_a_letter_or_digit_is_refused() -> None:
    with pytest.raises(DataError, match='optimizer = "--" has no name'):
        Run("a", optimizer="--")


@pytest.mark.parametrize(("key", "value"), [("weight_decay", -0.1), ("init_std", 0.0)])
def test_values_out_of_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(DataError, match=f"run 'a': {key}"):
        Run("a", **{key: value})


def test_a_continuation_takes_over_what_its_base_says() -> None:
    base = Optimization("adamw", 0.1, 0.02)
    assert base.then(NOT_SAID) == base
    assert base.then(Optimization(weight_decay=0.0)) == Optimization("adamw", 0.0, 0.02)
    assert base.then(Optimization("muon")) == Optimization("muon", None, 0.02)
    assert base.then(Optimization("muon", 0.05, None, True)) == Optimization(
        "muon", 0.05, 0.02, True
    )


def _run(name: str, **keys: object) -> Run:
    schedule = Schedule.parse("constant 100 to 1e-3")
    curve = Curve(np.array([50, 100]), np.array([3.0, 2.9]))
    return Run(name, {"loss": curve}, schedule=schedule, **keys)  # type: ignore[arg-type]


def _study(*runs: Run) -> Study:
    return Study({"pt": "loss"}, runs)


def test_a_history_tells_each_phase() -> None:
    study = _study(
        _run("base", optimizer="adamw", weight_decay=0.1, init_std=0.02),
        _run("cpt", after="base", data="cpt", weight_decay=0.01, optimizer_reset=True),
        _run("more", after="cpt", data="cpt"),
    )
    history = study.history("more")
    assert history.pt_by == Optimization("adamw", 0.1, 0.02)
    assert history.cpt_by == Optimization("adamw", 0.01, 0.02, True)


def test_within_a_phase_the_first_counts_and_is_told() -> None:
    study = _study(_run("base", weight_decay=0.1), _run("annealed", after="base", weight_decay=0.0))
    assert study.history("annealed").pt_by.weight_decay == 0.1
    assert any("'annealed' has weight_decay = 0" in note for note in study.all_notes)


def test_another_optimizer_in_the_cpt_is_told() -> None:
    study = _study(
        _run("base", optimizer="adamw"),
        _run("cpt", after="base", data="cpt", optimizer="muon"),
    )
    assert any("'cpt' goes on with muon after adamw" in note for note in study.all_notes)


def test_an_optimizer_that_only_the_cpt_tells_is_taken_for_the_base_too() -> None:
    study = _study(_run("base"), _run("cpt", after="base", data="cpt", optimizer="muon"))
    assert any("'cpt' has the optimizer muon, and its base" in note for note in study.all_notes)


def test_an_optimizer_that_nobody_knows_is_told() -> None:
    assert any("'rmsprop'" in note for note in _study(_run("a", optimizer="rmsprop")).all_notes)
    assert not _study(_run("a", optimizer="adamw")).all_notes


def test_batches_of_the_pre_training_that_differ_are_told() -> None:
    small, large = _run("small", batch_tokens=5e5), _run("large", batch_tokens=1e6)
    (note,) = _study(small, large).all_notes
    assert "differ in batch_tokens: 500,000 ('small'), 1,000,000 ('large')" in note
    assert not _study(small, replace(large, batch_tokens=5e5)).all_notes


def test_the_keys_are_part_of_the_fingerprint_where_given() -> None:
    told = _run("a", optimizer="adamw")
    assert _study(told).fingerprint != _study(_run("a")).fingerprint


def test_the_study_shows_how_weights_are_moved() -> None:
    text = _study(
        _run("base", optimizer="adamw", weight_decay=0.1),
        _run("cpt", after="base", data="cpt", weight_decay=0.0, optimizer_reset=True),
    ).summary()
    assert "optimizer: adamw, weight decay 0.1 (base);" in text
    assert "weight decay 0, new optimizer state (cpt)" in " ".join(text.split())
    assert "optimizer" not in _study(_run("a")).summary()


def test_a_study_file_holds_the_keys(tmp_path: Path) -> None:
    base = _run("base", optimizer="adamw_torch", weight_decay=0.1, init_std=0.02)
    cpt = _run("cpt", after="base", data="cpt", optimizer="muon", optimizer_reset=False)
    tables = ["[domains]", 'pt = "loss"', *run_table(base, "a.csv"), *run_table(cpt, "a.csv")]
    (tmp_path / "a.csv").write_text("step,loss\n50,3\n100,2.9\n")
    (tmp_path / "study.toml").write_text("\n".join(tables))
    study = load_study(tmp_path / "study.toml")
    assert study.history("cpt").pt_by == Optimization("adamw", 0.1, 0.02)
    assert study.run("cpt").optimization == Optimization("muon", optimizer_reset=False)
    again = store.from_json(store.to_json(study), Study)
    assert [run.optimization for run in again.runs] == [run.optimization for run in study.runs]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("optimizer = 3", "optimizer = 3; expected a name"),
        ("weight_decay = -1", "expected a number of at least 0"),
        ("init_std = 0", "expected a number above 0"),
        ('optimizer_reset = "yes"', "expected true or false"),
        ("optimizer_reset = true", "add after"),
        ('after = "unknown:x"\ninit_std = 0.02', "give it to the run from scratch"),
    ],
)
def test_keys_that_make_no_sense_are_refused(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "a.csv").write_text("step,loss,lr\n50,3,1e-3\n100,2.9,1e-3\n")
    text = f'[domains]\ncpt = "loss"\n[[run]]\nname = "a"\nlog = "a.csv"\n{line}\n'
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(DataError, match=said):
        load_study(tmp_path / "study.toml")
