"""Odd but good logs: they are fitted as the plain ones are, and what was done is told."""

import json
import shutil

import pytest

from command import STUDY, run, write_logs

QUICK = ("--law", "paper", "--fix", "alpha=0.5", "--lambda", "0.999", "--warmup", "peak")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    write_logs(folder)
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def plain(made):
    """The fit of the logs as they are."""
    return fitted(made)


def fitted(folder, study="study.toml"):
    ended = run("fit", folder / study, *QUICK, "--json")
    assert ended.status == 0, ended.stderr
    return json.loads(ended.stdout)


def rows(path):
    return [line.split(",") for line in path.read_text().splitlines()]


def write(path, cells, separator=","):
    path.write_text("\n".join(separator.join(row) for row in cells) + "\n")


def agreement(found, role="cpt"):
    """The fit's objective and number of points."""
    return found["domains"][role]["huber"], found["domains"][role]["n"]


def on_from_the_base(folder):
    header, *rest = rows(folder / "cosine.csv")
    write(folder / "cosine.csv", [header, *([str(int(r[0]) + 2000), *r[1:]] for r in rest)])


def without_learning_rate(folder):
    write(folder / "cosine.csv", [[r[0], *r[2:]] for r in rows(folder / "cosine.csv")])
    text = STUDY.replace('log = "cosine.csv"', 'log = "cosine.csv"\nschedule = "cosine 1000 to 0"')
    (folder / "study.toml").write_text(text)


def unsorted(folder):
    header, *rest = rows(folder / "cosine.csv")
    write(folder / "cosine.csv", [header, *rest[::-1]])


def restarted(folder):
    """It ran to step 400, fell back to 200 and ran again."""
    header, *rest = rows(folder / "cosine.csv")
    lost = [[*r[:2], "9.9", "9.9"] for r in rest[5:9]]
    write(folder / "cosine.csv", [header, *rest[:5], *lost, *rest[5:]])


def with_nan_rows(folder):
    header, *rest = rows(folder / "cosine.csv")
    broken = [[str(int(r[0]) + 25), "", "nan", "nan"] for r in rest[1:3]]
    write(folder / "cosine.csv", [header, *sorted([*rest, *broken], key=lambda r: int(r[0]))])


def with_training_rows(folder):
    """Training loss and learning rate on rows of their own, as frameworks log them."""
    header, *rest = rows(folder / "cosine.csv")
    lines = [json.dumps({"step": int(r[0]), "loss": 2.5, "lr": float(r[1] or 2e-4)}) for r in rest]
    for step, _, general, law in rest:
        values = (int(step), float(general), float(law))
        lines.append(json.dumps(dict(zip([header[0], *header[2:]], values, strict=True))))
    (folder / "cosine.csv").write_text("\n".join(sorted(lines)) + "\n")


def tab_separated_from_windows(folder):
    text = "\r\n".join("\t".join(row) for row in rows(folder / "cosine.csv"))
    (folder / "cosine.csv").write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n\r\n")


def of_a_trainer(folder):
    """A Hugging Face output directory with two checkpoints, the newer one complete."""
    history = []
    for step, lr, general, law in rows(folder / "cosine.csv")[1:]:
        if lr:
            history.append({"step": int(step), "loss": 2.5, "learning_rate": float(lr)})
        history.append({"step": int(step), "eval_general_loss": float(general)})
        history.append({"step": int(step), "eval_law_loss": float(law), "eval_law_runtime": 1.0})
    for last in (500, 1000):
        inside = folder / "cosine" / f"checkpoint-{last}"
        inside.mkdir(parents=True)
        state = {
            "global_step": last,
            "log_history": [row for row in history if row["step"] <= last],
        }
        (inside / "trainer_state.json").write_text(json.dumps(state))
    (folder / "study.toml").write_text(STUDY.replace("cosine.csv", "cosine"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (on_from_the_base, "Its steps go on from run 'base': the log's step 2000 is the start"),
        (without_learning_rate, "No column holds the learning rate"),
        (unsorted, "sort"),
        (restarted, "as after a restart"),
        (with_nan_rows, "2 rows dropped"),
        (with_training_rows, ""),
        (tab_separated_from_windows, ""),
        (of_a_trainer, "2 files were read"),
    ],
)
def test_odd_logs_are_fitted_like_plain_ones(here, plain, change, told):
    change(here)
    found = fitted(here)
    assert agreement(found) == pytest.approx(agreement(plain), rel=0.02)
    assert told in " ".join(found["notes"])
    ended = run("fit", here / "study.toml", "--verbose", *QUICK)
    assert told in " ".join(ended.stdout.split())


def test_steps_from_zero_are_told(plain):
    assert any("The log counts steps from 0, not from" in note for note in plain["notes"])


def test_a_schedule_that_the_log_denies(here, plain):
    wrong = 'log = "cosine.csv"\nschedule = "linear 1000 to 0"'
    (here / "study.toml").write_text(STUDY.replace('log = "cosine.csv"', wrong))
    found = fitted(here)
    told = " ".join(found["notes"])
    assert "run 'cosine': Schedule and logged learning rate disagree from step" in told
    assert "The logged learning rate is used" in told
    assert agreement(found) == pytest.approx(agreement(plain))


def test_a_start_that_differs_from_its_base_is_told(here):
    header, first, *rest = rows(here / "cosine.csv")
    write(here / "cosine.csv", [header, [*first[:2], "4.5", "4.5"], *rest])
    assert any("its first loss 4.5000 differs by" in note for note in fitted(here)["notes"])


def test_a_column_that_only_some_logs_have(here):
    text = STUDY.replace("[[run]]", 'ood.code = "code"\n\n[[run]]', 1)
    (here / "study.toml").write_text(text)
    cells = rows(here / "base.csv")
    new = ["code", *(r[2] for r in cells[1:])]
    write(here / "base.csv", [[*row, cell] for row, cell in zip(cells, new, strict=True)])
    found = fitted(here)
    assert any("no column 'code' in cosine, stages" in note for note in found["notes"])
    assert list(found["domains"]) == ["pt", "cpt", "ood.code"]


def test_a_study_in_another_folder_finds_its_logs(here, tmp_path, monkeypatch):
    elsewhere = tmp_path / "deep" / "er"
    elsewhere.mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    path = elsewhere / "new.toml"
    logs = [tmp_path / f"{name}.csv" for name in ("base", "cosine", "stages")]
    assert run("init", *logs, "-o", path).status == 0
    assert 'log = "../../base.csv"' in path.read_text()
    assert fitted(elsewhere, "new.toml")["domains"]["cpt"]["n"] == 79


def test_a_log_without_learning_rate_gets_a_line_to_fill_in(here):
    write(here / "base.csv", [[r[0], *r[2:]] for r in rows(here / "base.csv")])
    ended = run("init", "base.csv", "cosine.csv", "-o", "new.toml")
    assert ended.status == 0
    assert "fill in its schedule lines" in ended.stderr
    assert run("fit", "new.toml").status == 2
    line = '# schedule = "TODO: warmup STEPS to LR | constant STEPS | linear STEPS to LR"'
    text = (here / "new.toml").read_text()
    assert line in text
    mended = text.replace(line, 'schedule = "warmup 100 to 2e-4 | constant 1900"')
    (here / "new.toml").write_text(mended)
    assert fitted(here, "new.toml")["domains"]["cpt"]["n"] == 59


def test_a_cpt_log_alone_hints_at_an_open_model(here):
    ended = run("init", "cosine.csv", "-o", "alone.toml")
    told = ended.stdout.replace("\n# ", " ")
    assert "its losses come apart" in told
    assert "--unknown NAME" in told
