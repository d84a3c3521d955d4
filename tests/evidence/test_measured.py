"""What benchmarks write into a file of measured figures."""

import json
from dataclasses import fields

import pytest

from command import run
from cptlaw.errors import DataError
from cptlaw.forecasting.measured import Calibration, ChoiceCosts, PeakErrors, StartErrors
from cptlaw_evidence.measured import (
    choice_costs,
    peak_errors,
    start_errors,
    told,
    write_figures,
)


def row(protocol, domain, mape, law="effective"):
    return {"protocol": protocol, "law": law, "domain": domain, "mape": mape}


def test_figures_are_put_beside_what_the_file_holds(tmp_path):
    path = tmp_path / "measured.json"
    write_figures(path, "choices", {"a": ChoiceCosts(0.00213, 0.0267)}, "cptlaw bench regret")
    write_figures(path, "choices", {"b": ChoiceCosts(0.1, 0.2)}, "cptlaw bench regret")
    write_figures(path, "peaks", {}, "cptlaw bench accuracy")
    assert json.loads(path.read_text()) == {
        "choices": {
            "a": {"from": "cptlaw bench regret --law a", "mean": 0.0021, "worst": 0.027},
            "b": {"from": "cptlaw bench regret --law b", "mean": 0.1, "worst": 0.2},
        }
    }


@pytest.mark.parametrize("content", ["{", "[]", '{"choices": 3}'])
def test_another_file_is_not_written_over(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(DataError, match="measured figures"):
        write_figures(path, "choices", {}, "")
    assert path.read_text() == content


def test_the_figures_of_each_benchmark():
    laws = [{"law": "a", "choices": 2, "mean": 0.1, "worst": 0.2}, {"law": "b", "choices": 0}]
    assert choice_costs({"laws": laws}) == {"a": ChoiceCosts(0.1, 0.2)}
    rows = [
        row("peak-up", "loss", 0.3),
        row("peak-down", "loss", 0.2),
        row("peak-up", "loss", 0.4, "half"),
        row("grid-start", "pt", 0.01),
        row("grid-start", "cpt", 0.02),
        row("20m-peak-up", "pt", 0.5),
        row("20m-start", "cpt", 0.03),
        row("grid-start", None, None, "none"),
    ]
    assert peak_errors({"rows": rows}) == {"effective": PeakErrors(0.2, 0.5)}
    assert start_errors({"rows": rows}) == {"effective": StartErrors(0.01, 0.03)}


def test_a_command_is_told_without_the_place_of_the_curves():
    assert told("cptlaw bench x", "/some/where", ["a", "b"]) == (
        "cptlaw bench x --protocol a b --data DIR"
    )
    assert told("cptlaw bench x", None) == "cptlaw bench x"


def test_the_command_writes_what_it_found(tmp_path):
    path = tmp_path / "measured.json"
    words = ["--protocol", "grid-far", "--law", "paper", "--jobs", "1", "--fit", "--write", path]
    ended = run("bench", "coverage", *words)
    assert ended.status == 0 and f"wrote {path}" in ended.stderr
    found = json.loads(path.read_text())["intervals"]["paper"]
    assert found.pop("from") == "cptlaw bench coverage --fit --protocol grid-far --law paper"
    assert len(found) == len(fields(Calibration)) and min(found.values()) > 0
