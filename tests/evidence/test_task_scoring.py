"""Predictions are scored as our own laws are."""

import pytest

from command import run
from cptlaw.errors import DataError
from cptlaw_evidence import accuracy
from cptlaw_evidence.accuracy.rows import FIGURES
from cptlaw_evidence.sources import lr_schedules
from cptlaw_evidence.task import predictions, scoring
from cptlaw_evidence.task.leaderboard import score_text
from curve_files import write_lr_schedules
from tasks import predictions_of


def rows_of(result, law):
    return {(r["protocol"], r["domain"]): r for r in result["rows"] if r["law"] == law}


def alike(one, other):
    return one == other if other is None else one == pytest.approx(other, rel=1e-6, abs=1e-8)


def check_agreement(law, protocols, data=None):
    """Every figure of a law's predictions is that of the law itself."""
    given = predictions_of(law, protocols, data)
    scored = rows_of(scoring.score(given, "ours", data), "ours")
    own = rows_of(accuracy.measure([law], protocols, data), law)
    assert set(scored) == set(own)
    for key, row in own.items():
        for figure in (*FIGURES, "splits", "runs", "points"):
            assert alike(scored[key][figure], row[figure]), figure
        for group, value in row["by_group"].items():
            assert alike(scored[key]["by_group"][group], value), group


def test_our_own_law_scores_as_the_benchmark_of_accuracy_says():
    check_agreement("effective", ["grid-far", "20m-near"])


def test_choices_between_runs_too(tmp_path):
    (tmp_path / lr_schedules.NAME).mkdir()
    write_lr_schedules(tmp_path / lr_schedules.NAME)
    check_agreement("step-power", ["one-run-124m"], tmp_path)


@pytest.fixture(scope="module")
def given():
    return predictions_of("step-power", ["grid-far"])


def test_the_reference_is_beside_it(given):
    result = scoring.score(given, "mine")
    assert result["laws"] == ["mine", "last-value"]
    still = rows_of(accuracy.measure(["last-value"], ["grid-far"]), "last-value")
    assert rows_of(result, "last-value")["grid-far", "pt"]["mae"] == still["grid-far", "pt"]["mae"]
    text = score_text(result)
    assert "mine: errors on what was not fitted" in text and text.startswith("Score ")
    assert "grid-far, cpt" in text and "2 predicted whole" in " ".join(text.split())


def test_one_domain_alone_may_be_predicted(given):
    result = scoring.score([one for one in given if one.domain == "cpt"], "mine")
    assert list(rows_of(result, "mine")) == [("grid-far", "cpt")]
    assert "1 predicted whole" in " ".join(score_text(result).split())


def test_a_split_without_predictions_is_told():
    given = predictions_of("step-power", ["20m-longer"])
    result = scoring.score([one for one in given if one.split == 1], "mine")
    row = rows_of(result, "mine")["20m-longer", "pt"]
    assert (row["splits"], row["failed_splits"], row["why"]) == (1, 1, "not predicted.")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p[1:], "grid-far, split 1, pt: no prediction for run 'far-cosine', step"),
        (lambda p: [*p, p[0]._replace(step=3)], "step 3: the task does not ask for that row"),
        (lambda p: [*p, p[0]._replace(split=9)], "the task has splits 1 to 1"),
        (lambda p: [*p, p[0]._replace(task="grid-fat")], "Did you mean 'grid-far'?"),
        (lambda p: [p[0]._replace(task="two-peaks")], "--data names their folder"),
        (lambda p: [], "no row is predicted"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(given, change, said):
    with pytest.raises(DataError, match=said.replace("?", r"\?")):
        scoring.score(change(given), "mine")


def test_the_name_of_the_reference_is_taken(given):
    with pytest.raises(DataError, match="choose another --name"):
        scoring.score(given, "last-value")


# --- files ------------------------------------------------------------------------------------


def test_files_and_folders_are_read_alike(given, tmp_path):
    whole = tmp_path / "all.csv"
    whole.write_text(predictions.to_csv(given))
    folder = tmp_path / "mine"
    folder.mkdir()
    lines = [",".join(predictions.COLUMNS[1:])]
    lines += [",".join(map(str, one[1:])) for one in given]
    (folder / "grid-far.csv").write_text("\n".join(lines))
    (folder / "notes.txt").write_text("not read")
    read = predictions.read([whole])
    assert [p[:-1] for p in read] == [p[:-1] for p in given]
    assert [p.loss for p in read] == pytest.approx([p.loss for p in given], rel=1e-9)
    assert [p[:-1] for p in predictions.read([folder])] == [p[:-1] for p in given]
    (tmp_path / "all.jsonl").write_text(
        '{"task": "grid-far", "split": 1, "domain": "pt", "run": "r\u2028s", '
        '"step": 2, "loss": 3.0}\n'
    )
    (one,) = predictions.read([tmp_path / "all.jsonl"])
    assert (one.run, one.loss) == ("r\u2028s", 3.0)  # which ends a line of text, but none of JSON


HEAD = "task,split,domain,run,step,loss\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.csv", HEAD + "t,1,pt,r,1,nan\n", "line 2: loss = nan; expected finite and above 0"),
        ("p.csv", HEAD + "t,1,pt,r,1,0\n", "line 2: loss = 0"),
        ("p.csv", HEAD + "t,1,pt,r,x,3\n", "line 2: split, step and loss must be numbers"),
        ("p.csv", HEAD + "t,1,pt,r,1\n", "line 2: no loss; expected task, split"),
        ("p.csv", HEAD + "t,1,pt,r,1,3\nt,1,pt,r,1,3\n", "is predicted twice"),
        ("p.jsonl", "[1]\n", "line 1: no JSON object"),
        ("p.jsonl", "[" * 10_000, "line 1: no JSON object"),
        ("p.txt", "", "is no .csv and no .jsonl"),
        ("p.csv", HEAD + '"', "line 1: unexpected end"),
    ],
)
def test_bad_files_name_the_line(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        predictions.read([tmp_path / name])


def test_the_command_scores_and_writes(given, tmp_path):
    (tmp_path / "p.csv").write_text(predictions.to_csv(given))
    ended = run(
        *("bench", "task", "score", tmp_path / "p.csv", "--name", "mine"),
        *("-o", tmp_path / "mine.json"),
    )
    assert ended.status == 0, ended.stderr
    assert "Score " in ended.stdout and "wrote" in ended.stderr
    ended = run(*("bench", "leaderboard", tmp_path / "mine.json", "-o", tmp_path / "board.md"))
    assert ended.status == 0 and "Leaderboard" in ended.stdout
    assert "| mine |" in (tmp_path / "board.md").read_text()
    assert run("bench", "task", "score", tmp_path / "none.csv").status == 2
