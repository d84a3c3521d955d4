"""--format: words, tables, Markdown, CSV and JSON on standard output."""

import csv
import io
import json

import pytest

from command import run, write_logs

SCHEDULE = ("schedule", "warmup 500 to 2e-4 | cosine 9500 to 0")
FORECAST = (
    *("forecast", "published:fineweb-law-106m", "--base-schedule", "constant 2000 to 2e-4"),
    *("--schedule", "cosine 1000 to 0"),
)


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_row_a_fact_and_is_not_rounded():
    found = rows(run(*FORECAST, "--format", "csv").stdout)
    shape = json.loads(run(*FORECAST, "--format", "json").stdout)
    mine = [row for row in found if row["domain"] == "cpt"]
    assert [float(row["loss"]) for row in mine] == shape["domains"]["cpt"]["loss"]
    assert list(found[0])[:4] == ["domain", "lr", "step", "loss"]


def test_csv_of_a_result_without_rows_of_its_own_has_its_first_list():
    found = rows(run(*SCHEDULE, "--format", "csv").stdout)
    assert [row["kind"] for row in found] == ["warmup", "cosine"]
    assert found[1]["last_step"] == "10000"


def test_csv_of_logs_has_a_row_a_loss(tmp_path):
    write_logs(tmp_path)
    files = (tmp_path / "base.csv", tmp_path / "cosine.csv")
    found = rows(run("read", *files, "--format", "csv").stdout)
    assert {row["log"] for row in found} == {"base", "cosine"}
    assert {row["column"] for row in found} == {"eval_general_loss", "eval_law_loss"}


def test_csv_holds_no_formula_of_a_spreadsheet_in_a_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "step,lr,=cmd|x!A1_loss,@b_loss,-c_loss,+d_loss\n1,1e-4,3,3,3,3\n2,1e-4,2,2,2,2\n"
    )
    said = run("read", path, "--format", "csv").stdout
    assert {row["column"] for row in rows(said)} == {
        *("'=cmd|x!A1_loss", "'@b_loss", "'-c_loss", "'+d_loss")
    }
    tidy = tmp_path / "tidy.csv"
    run("read", path, "-o", tidy)  # a log, which is read again as it was
    assert "=cmd|x!A1_loss" in tidy.read_text().splitlines()[0].split(",")


def test_a_table_of_the_paper_is_csv_too():
    found = rows(run("paper", "table1", "--format", "csv").stdout)
    assert found[0]["D_cpt"] == "Knowledge-Pile"


def test_markdown_has_the_words_and_the_tables():
    told = run(*FORECAST, "--format", "markdown").stdout
    assert "| :--- | ---: |" in told
    assert "─" not in told
    assert run("paper", "table1", "--format", "markdown").stdout.count("\n| ") >= 6


def test_table_leaves_the_words_out():
    told = run(*SCHEDULE, "--format", "table").stdout
    assert told.startswith("  segment")
    assert "sum of all learning rates" not in told
    assert "sum of all learning rates" in run(*SCHEDULE).stdout


def test_json_is_the_short_form():
    assert run(*SCHEDULE, "--json").stdout == run(*SCHEDULE, "--format", "json").stdout


def test_two_formats_are_refused():
    ended = run(*SCHEDULE, "--json", "--format", "csv")
    assert ended.status == 2
    assert "Give one." in ended.stderr


@pytest.mark.parametrize("how", ["table", "markdown", "csv"])
@pytest.mark.parametrize("words", ["laws", "published", "paper list", "bench accuracy --list"])
def test_every_list_has_every_format(words, how):
    ended = run(*words.split(), "--format", how)
    assert ended.status == 0
    assert len(ended.stdout.splitlines()) > 3
