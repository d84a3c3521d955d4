"""What is handed out of a task, and that nothing that is asked for is in it."""

import csv
import json
import re
from pathlib import Path

import pytest

from command import run
from cptlaw.errors import DataError, MissingExtra
from cptlaw_evidence.sources import listed, rows
from cptlaw_evidence.sources.loading import SOURCES, load
from cptlaw_evidence.task import exporting, running, scoring, tables

TASKS = ("grid-longer", "20m-near", "open-grid-longer")


@pytest.fixture(scope="module")
def loaded():
    return load(TASKS)


@pytest.fixture(scope="module")
def folder(loaded, tmp_path_factory):
    made = tmp_path_factory.mktemp("tasks")
    exporting.export(made, loaded)
    return made


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def json_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("task", TASKS)
def test_no_loss_that_is_asked_for_is_handed_out(folder, loaded, task):
    handed, wanted = read(folder / task / "train.csv"), read(folder / task / "test.csv")
    places = [{tuple(row[c] for c in tables.PLACE) for row in some} for some in (handed, wanted)]
    assert len(places[0]) == len(handed) and len(places[1]) == len(wanted)
    assert all("loss" not in row for row in wanted) and all(float(row["loss"]) for row in handed)
    for number, split in enumerate(loaded.splits[task], start=1):
        for row in rows.asked(split):
            if row.use != "scored":
                continue
            place = (str(number), split.domain or row.role, row.run, str(row.step))
            assert place in places[1] and place not in places[0]
            if split.study.run(row.run).data == "cpt":
                assert row.step > split.scored[row.run]


def test_the_losses_asked_for_stand_in_no_file(folder, loaded):
    """Not as numbers either: the curves of a run of which all is asked for."""
    (split, *_) = loaded.splits["20m-near"]
    run_of = split.study.run("cpt-cosine")
    losses = [f"{x:.5f}" for c in split.study.domains.values() for x in run_of.curves[c].loss[1:]]
    handed = {row["loss"] for row in read(folder / "20m-near" / "train.csv") if row["split"] == "1"}
    assert len(set(losses) & {f"{float(x):.5f}" for x in handed}) < len(losses) / 5
    assert "loss" not in (folder / "runs" / "grid-20m.jsonl").read_text()


def test_each_row_tells_what_led_there(folder):
    wanted = read(folder / "20m-near" / "test.csv")
    row = next(r for r in wanted if r["run"] == "cpt-cosine" and r["step"] == "600")
    assert (row["pt_steps"], row["cpt_steps"]) == ("6000", "600")
    runs = json_lines(folder / "runs" / "grid-20m.jsonl")
    cosine = next(
        one for one in runs if one["run"] == "cpt-cosine" and "20m-near:1" in one["splits"]
    )
    assert cosine["after"] == "base" and len(cosine["lr"]) == 1200
    assert float(row["cpt_lr_sum"]) == pytest.approx(sum(cosine["lr"][:600]), rel=1e-8)
    assert float(row["lr"]) == cosine["lr"][599]
    base = next(one for one in runs if one["run"] == "base" and "20m-near:1" in one["splits"])
    assert float(row["pt_lr_sum"]) == pytest.approx(sum(base["lr"]), rel=1e-8)
    assert float(row["peak_lr"]) == max(base["lr"])


def test_of_an_open_model_no_pre_training_is_told(folder):
    wanted = read(folder / "open-grid-longer" / "test.csv")
    assert {row["pt_steps"] for row in wanted} == {"0"}


def test_the_index_names_version_noise_and_fingerprints(folder, loaded):
    index = json.loads((folder / exporting.INDEX).read_text())
    assert index["version"] == listed.VERSION
    assert set(index["tasks"]) == set(TASKS)
    print_ = listed.fingerprint(loaded.splits["20m-near"])
    assert index["tasks"]["20m-near"]["fingerprint"] == print_
    assert index["noise"]["grid-20m"]["pt"] > 0
    page = (folder / "20m-near" / "description.md").read_text()
    assert "Noise floor: 0.0" in page and "1. other schedule" in page


def test_other_formats_hold_the_same(loaded, tmp_path):
    exporting.export(tmp_path / "l", load(["20m-near"]), "jsonl")
    lines = json_lines(tmp_path / "l" / "20m-near" / "train.jsonl")
    assert lines[0]["loss"] > 0 and lines[0]["split"] == 1
    parquet = pytest.importorskip("pyarrow.parquet")
    exporting.export(tmp_path / "p", load(["20m-near"]), "parquet")
    table = parquet.read_table(tmp_path / "p" / "20m-near" / "train.parquet")
    assert table.num_rows == len(lines) and table.column("loss")[0].as_py() == lines[0]["loss"]


def test_parquet_without_pyarrow_names_the_extra(loaded, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"cptlaw\[parquet\]"):
        exporting.export(tmp_path / "p", loaded, "parquet")


def test_a_folder_is_not_written_over(folder, loaded):
    with pytest.raises(DataError, match="is there already"):
        exporting.export(folder, loaded)


def test_sources_of_others_say_where_they_are_from():
    for source in SOURCES:
        assert source.bundled == (source.origin is None), source.name
        if source.origin is not None:
            told = exporting.source_json(source.name)
            assert told["address"] and told["licence"] and ".csv" in told["layout"].lower()


# --- laws of one's own ------------------------------------------------------------------------

OWN = """
def fit(train, runs):
    assert {row["split"] for row in train} == {1} and "loss" in train[0]
    assert runs["base"]["lr"]
    return {row["domain"]: row["loss"] for row in train}

def predict(fitted, test, runs):
    print("a word in between")
    assert "loss" not in test[0]
    return [fitted[row["domain"]] for row in test]
"""
AS_IN_SLDBENCH = """
import numpy as np

def scaling_law_func(data_points, params):
    return np.full(len(data_points), params[0])

def fit_scaling_law(data_points, loss_values):
    assert data_points.shape == (loss_values.size, 8)
    return [loss_values.mean()]
"""


@pytest.mark.parametrize("text", [OWN, AS_IN_SLDBENCH], ids=["own", "as in SLDBench"])
def test_a_law_file_is_fitted_and_asked(tmp_path, text):
    (tmp_path / "law.py").write_text(text)
    ended = run(
        *("bench", "task", "run", tmp_path / "law.py", "--protocol", "grid-far"),
        *("-o", tmp_path / "p.csv"),
    )
    assert ended.status == 0, ended.stderr
    assert run("bench", "task", "score", tmp_path / "p.csv").status == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has neither fit and predict nor"),
        ("def fit(t, r): pass\ndef predict(f, t, r): return [1.0]", "it gave 1 losses for"),
        (
            "def fit(t, r): pass\ndef predict(f, t, r): return [-1.0] * len(t)",
            "not finite and above",
        ),
        ("def fit(t, r): raise ValueError('no')\npredict = fit", "ValueError: no"),
        ("import time\ntime.sleep(60)", "the law took more than 2 s"),
    ],
)
def test_a_law_that_fails_is_told(tmp_path, text, said):
    (tmp_path / "law.py").write_text(text)
    limit = 2.0 if "sleep" in text else 60.0
    found, failed = running.run(tmp_path / "law.py", load(["grid-far"]), limit, lambda _: None)
    assert not found and said in failed[0]["why"] and failed[0]["protocol"] == "grid-far (split 1)"


def test_no_law_file():
    ended = run("bench", "task", "run", "nowhere.py", "-o", "p.csv")
    assert ended.status == 2 and "there is no such file" in ended.stderr


def test_the_law_of_the_docs_scores_what_they_say(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "benchmark.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "law.py").write_text(code)
    found, failed = running.run(tmp_path / "law.py", load(["20m-replay"]), 60.0, lambda _: None)
    assert not failed
    for row in scoring.score(found, "power-law")["rows"]:
        if row["law"] == "power-law":
            (said,) = re.findall(rf"\| 20m-replay, {row['domain']} \| ([\d.]+) %", page)
            assert 100 * row["mape"] == pytest.approx(float(said), rel=0.01)
