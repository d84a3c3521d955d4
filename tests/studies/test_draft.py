import tomllib

import numpy as np
import pytest

from cptlaw import logs
from cptlaw.errors import DataError
from cptlaw.studies import study_file
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study_file.draft import draft

COLUMNS = ("general", "law", "code")


def write(path, start, losses, lrs=None, every=50):
    """A log of rows every 50 steps from `start`; the first row has no learning rate."""
    rows = [",".join(("step", "lr", "train_loss", *COLUMNS))]
    for i, values in enumerate(losses):
        lr = f"{lrs[i]:.8g}" if lrs is not None and i else ""
        cells = [str(start + i * every), lr, f"{values[0]:.4f}", *(f"{v:.5f}" for v in values)]
        rows.append(",".join(cells))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path


def base_losses(rows=41):
    fall = 3 + 5 / (1 + np.arange(rows) / 4)
    return np.column_stack([fall, fall + 0.3, fall - 0.4])


def cpt_losses(first, rows=21):
    share = np.linspace(0, 1, rows)[:, None]
    return first * (1 + share * np.array([0.1, -0.2, 0.2]))


@pytest.fixture
def paths(tmp_path):
    """A base of 2,000 steps, its annealed branch from 1,500 and a CPT run, numbers going on."""
    base = base_losses()
    anneal = base[30] * (1 - 0.1 * np.linspace(0, 1, 11))[:, None]
    return [
        write(tmp_path / "cpt.csv", 2000, cpt_losses(base[40]), np.full(21, 1e-3)),
        write(tmp_path / "anneal.csv", 1500, anneal, np.linspace(1e-3, 0, 11)),
        write(tmp_path / "base.csv", 0, base, np.full(41, 1e-3)),
    ]


def drafted(paths, **options):
    return draft([logs.read(path) for path in paths], [path.name for path in paths], **options)


def loaded(folder, text):
    (folder / "study.toml").write_text(text)
    return study_file.load(folder / "study.toml")


def test_a_draft_loads_as_the_study_it_is_of(paths, tmp_path):
    found = drafted(paths)
    made = loaded(tmp_path, found.text)
    assert dict(made.domains) == {"pt": "general", "cpt": "law", "ood.code": "code"}
    assert [(r.name, r.data, r.after, r.after_step) for r in made.runs] == [
        ("base", "pt", None, None),
        ("cpt", "cpt", "base", 2000),
        ("anneal", "pt", "base", 1500),
    ]
    assert made.history("cpt").pt_lr.size == 2000 and made.history("cpt").cpt_lr.size == 1000
    assert made.history("anneal").pt_lr.size == 2000 and made.history("anneal").last_lr == 0


def test_every_guess_is_a_comment_and_a_note(paths):
    found = drafted(paths)
    comments = " ".join(line.lstrip("# ") for line in found.text.splitlines() if "#" in line)
    guesses = [
        note.split(": ", 1)[1] for note in found.notes if note.startswith(("base", "anneal"))
    ]
    assert len(guesses) >= 3
    assert all(guess in comments for guess in guesses)
    assert "its first row, step 2000, has that run's losses there" in " ".join(found.notes)
    assert any("share of D_pt" in note for note in found.notes)


def test_a_log_that_lacks_its_first_row_gets_first_step(paths, tmp_path):
    lines = paths[0].read_text().splitlines()
    paths[0].write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    found = drafted(paths)
    assert tomllib.loads(found.text)["run"][1]["first_step"] == 2000
    assert loaded(tmp_path, found.text).run("cpt").curves["law"].steps[0] == 50


def test_a_chain_counts_after_step_from_the_run_it_is_in(tmp_path):
    base = base_losses()
    branch = base[30] * (1 - 0.1 * np.linspace(0, 1, 11))[:, None]
    paths = [
        write(tmp_path / "base.csv", 0, base, np.full(41, 1e-3)),
        write(tmp_path / "branch.csv", 1500, branch, np.full(11, 1e-3)),
        write(tmp_path / "cpt.csv", 2000, cpt_losses(branch[10]), np.full(21, 1e-3)),
    ]
    made = loaded(tmp_path, drafted(paths).text)
    cpt = made.run("cpt")
    assert (cpt.after, cpt.after_step, cpt.data) == ("branch", 500, "cpt")
    assert made.location(cpt, 0) == ("branch", 500)
    assert cpt.curves["law"].steps[0] == 0


def test_a_resumed_log_loads_without_the_rows_of_its_base(tmp_path):
    base = base_losses()
    both = np.vstack([base, cpt_losses(base[40])[1:]])
    paths = [
        write(tmp_path / "base.csv", 0, base, np.full(41, 1e-3)),
        write(tmp_path / "cpt.csv", 0, both, np.full(61, 1e-3)),
    ]
    made = loaded(tmp_path, drafted(paths).text)
    assert made.run("cpt").data == "cpt" and made.run("cpt").steps == 1000
    assert any("resumed" in note for note in made.run("cpt").notes)


def test_one_cpt_log_of_an_open_model(tmp_path):
    first = np.array([2.0, 2.5, 1.5])
    path = write(tmp_path / "mix.csv", 2000, cpt_losses(first), np.full(21, 1e-5))
    found = drafted([path], unknown="llama")
    made = loaded(tmp_path, found.text)
    assert (made.runs[0].after, made.runs[0].data) == ("unknown:llama", "cpt")
    assert dict(made.domains) == {"pt": "general", "cpt": "law", "ood.code": "code"}
    assert made.runs[0].steps == 1000 and any("start at 2000" in note for note in found.notes)


def test_pre_training_alone(paths, tmp_path):
    found = drafted(paths[2:])
    made = loaded(tmp_path, found.text)
    assert dict(made.domains) == {"loss": "general", "ood.law": "law", "ood.code": "code"}
    assert not any("share of D_pt" in note for note in found.notes)
    assert any('after = "unknown:NAME"' in note for note in found.notes)


def test_options_overrule_the_columns(paths, tmp_path):
    made = loaded(tmp_path, drafted(paths, pt="code", cpt="law").text)
    assert dict(made.domains) == {"pt": "code", "cpt": "law", "ood.general": "general"}


def test_a_log_without_learning_rates(tmp_path):
    path = write(tmp_path / "base.csv", 0, base_losses())
    found = drafted([path])
    assert any("Fill in the schedule line" in note and "2000 steps" in note for note in found.notes)
    with pytest.raises(DataError, match="run 'base': its log has no learning rate"):
        loaded(tmp_path, found.text)
    mended = found.text.replace('# schedule = "TODO', 'schedule = "TODO')
    with pytest.raises(DataError, match="run 'base': segment 1"):
        loaded(tmp_path, mended)
    given = drafted([path], schedule="warmup 100 to 1e-3 | constant 1900")
    made = loaded(tmp_path, given.text)
    assert made.runs[0].steps == 2000 and any("schedule used" in note for note in given.notes)


def test_a_file_of_learning_rates_beside_the_log_is_used(tmp_path):
    path = write(tmp_path / "base.csv", 0, base_losses(), np.full(41, 1e-3))
    (tmp_path / "base.lrs.json").write_text(str([1e-3] * 2000))
    found = drafted([path])
    assert tomllib.loads(found.text)["run"][0]["lrs"] == "base.lrs.json"
    assert loaded(tmp_path, found.text).runs[0].notes == logs.read(path).notes
    assert any("beside the log" in note for note in found.notes)


def test_names_are_unique_stems_else_folders(tmp_path):
    curve = {"loss": Curve([0, 50], [3.0, 2.0])}
    paths = [
        "a/checkpoint-50/trainer_state.json",
        "b/logs/trainer_state.json",
        "c/b/trainer_state.json",
        "c/other.csv",
        "trainer_state.json",
    ]
    found = draft([Run("r", curve) for _ in paths], paths)
    names = [run["name"] for run in tomllib.loads(found.text)["run"]]
    assert names == ["a", "b", "b-2", "other", "trainer_state"]


def test_odd_texts_are_quoted(tmp_path):
    name = 'a "quoted" \\ name \u00e9 # x'
    columns = {'pt\x7f "1"': Curve([0, 50], [3.0, 2.0]), "b.c \U0001f600": Curve([0, 50], [3.0, 2])}
    found = draft([Run("r", columns)], [f"{name}.csv"])
    document = tomllib.loads(found.text)
    assert document["run"][0]["log"] == f"{name}.csv"
    assert document["run"][0]["name"] == name
    assert document["domains"]["loss"] == 'pt\x7f "1"'
    assert list(document["domains"]["ood"].values()) == ["b.c \U0001f600"]


GOOD = Run("r", {"loss": Curve([0, 50], [3.0, 2.0])})


@pytest.mark.parametrize(
    ("runs", "paths", "options", "message"),
    [
        ([], [], {}, "no logs were given"),
        ([GOOD], [], {}, "1 logs for 0 paths"),
        ([Run("r")], ["a.csv"], {}, r"a\.csv: the log holds no loss"),
        ([GOOD], ["a\n.csv"], {}, "cannot hold this path"),
        ([GOOD], ["a.csv"], {"unknown": " "}, "open model needs a name"),
        ([GOOD], ["a.csv"], {"schedule": "line 5 to 0"}, "Did you mean 'linear'"),
        ([GOOD], ["a.csv"], {"pt": "los"}, "Did you mean 'loss'"),
    ],
)
def test_bad_input(runs, paths, options, message):
    with pytest.raises(DataError, match=message):
        draft(runs, paths, **options)


def test_names_that_others_have_are_numbered_on(tmp_path):
    given = [tmp_path / one for one in ("a/x/log.csv", "b/x/log.csv", "c/x-2/log.csv")]
    made = draft(
        [logs.read(write(path, 0, base_losses())) for path in given],
        [path.relative_to(tmp_path).as_posix() for path in given],
    )
    names = [one["name"] for one in tomllib.loads(made.text)["run"]]
    assert sorted(names) == ["x", "x-2", "x-3"]


def test_a_log_that_begins_far_from_its_start_is_told(tmp_path):
    path = write(tmp_path / "late.csv", 4000, base_losses())
    made = draft([logs.read(path)], [path.name])
    assert "Its log begins at step 4000." in " ".join([made.text, *made.notes])
