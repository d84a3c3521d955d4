"""Runs as CSV tables, read back as they were."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cptlaw import logs
from cptlaw.errors import DataError
from cptlaw.studies.runs import Curve, LoggedLR, Run
from log_files import losses, one_folder, points


def test_write_csv_is_tidy(tmp_path: Path) -> None:
    curves = {"val": Curve([0, 20], [4.0, 3.0]), "a,b": Curve([10], [0.1])}
    path = tmp_path / "out.csv"
    logs.write_csv(Run("r", curves, LoggedLR([10, 20], [1e-3, 0.0])), path)
    assert path.read_text() == 'step,lr,val,"a,b"\n0,,4.0,\n10,0.001,,0.1\n20,0.0,3.0,\n'
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_write_csv_leaves_the_old_file_when_it_fails(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(DataError, match="No space left"):
        logs.write_csv(Run("r", {"val": Curve([1], [2.0])}), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize("curves", [{}, {"lr": Curve([1], [2.0])}, {" a": Curve([1], [2.0])}])
def test_write_csv_refuses_what_it_cannot_write(tmp_path: Path, curves) -> None:
    with pytest.raises(DataError, match="run 'r'"):
        logs.write_csv(Run("r", curves), tmp_path / "out.csv")


def test_write_csv_into_no_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        logs.write_csv(Run("r", {"val": Curve([1], [2.0])}), tmp_path / "no" / "out.csv")


learning_rates = st.floats(0, 1e3)
step_sets = st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=30, unique=True).map(sorted)
column_names = st.sampled_from(["loss", "train_loss", "pt", "eval_a_loss", "c4, en", 'q"uo;te'])


@st.composite
def runs(draw: st.DrawFn) -> Run:
    curves: dict[str, Curve] = {}
    for name in draw(st.lists(column_names, min_size=1, max_size=4, unique=True)):
        steps = draw(step_sets)
        size = len(steps)
        curves[name] = Curve(steps, draw(st.lists(losses, min_size=size, max_size=size)))
    lr = None
    if draw(st.booleans()):
        steps = draw(step_sets)
        size = len(steps)
        lr = LoggedLR(steps, draw(st.lists(learning_rates, min_size=size, max_size=size)))
    return Run("r", curves, lr)


def same_points(one: Run, other: Run) -> None:
    assert list(one.curves) == list(other.curves)
    for name, curve in one.curves.items():
        assert np.array_equal(curve.steps, other.curves[name].steps)
        assert np.array_equal(curve.loss, other.curves[name].loss)
    assert one.logged_lr == other.logged_lr


@one_folder
@given(run=runs())
def test_what_is_written_is_read_back(tmp_path: Path, run: Run) -> None:
    logs.write_csv(run, tmp_path / "r.csv")
    same_points(run, logs.read(tmp_path / "r.csv", surely=run.curves))


@one_folder
@given(run=runs(), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(tmp_path: Path, run: Run, seed: int) -> None:
    path = tmp_path / "r.csv"
    logs.write_csv(run, path)
    header, *rows = path.read_text().splitlines()
    random.Random(seed).shuffle(rows)
    path.write_text("\n".join([header, *rows]) + "\n")
    same_points(run, logs.read(path, surely=run.curves))


@one_folder
@given(run=runs(), seed=st.integers(0, 99))
def test_json_lines_one_cell_a_line_in_any_order(tmp_path: Path, run: Run, seed: int) -> None:
    lines = [
        json.dumps({"step": step, name: loss})
        for name, curve in run.curves.items()
        for step, loss in zip(curve.steps.tolist(), curve.loss.tolist(), strict=True)
    ]
    random.Random(seed).shuffle(lines)
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(lines))
    read = logs.read(path, surely=run.curves)
    assert {name: points(read, name) for name in read.curves} == {
        name: points(run, name) for name in run.curves
    }
