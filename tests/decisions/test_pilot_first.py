"""First runs without data, and pilots as files."""

from dataclasses import replace

import pytest

from bundled import grid_fit
from cptlaw import DataError, Goal, Study, candidates, datasets, first_pilots, pilot
from cptlaw.decisions.pilot.first import usual_peak
from cptlaw.lab import experiment, records
from cptlaw.output import pilot_files
from cptlaw.studies import study_file

LOG = "step,eval_pt_loss,eval_cpt_loss\n0,5,6\n50,4,5\n"


@pytest.mark.parametrize(
    ("budget", "extra"),
    [
        ("5000steps", {}),
        ("4e7tokens", {"batch_tokens": 8192}),
        ("1e14FLOPs", {"batch_tokens": 8192, "peak": 2e-3}),
    ],
)
def test_first_runs_keep_the_budget(budget, extra):
    found = first_pilots(150e3, budget, **extra)
    assert 0.9 * found.budget.amount < found.cost <= found.budget.amount
    assert [p.run.name for p in found.pilots[:4]] == [
        "base",
        "annealed",
        "cpt-const",
        "cpt-twostage",
    ]
    assert all(p.reason.endswith(".") for p in found.pilots)


def test_first_runs_show_every_part_of_the_law():
    runs = {run.name: run for run in first_pilots(1e8, "40000steps", peak=4e-4).runs}
    assert runs["annealed"].data == "pt"
    assert runs["annealed"].schedule.final == 0
    assert runs["annealed"].after_step + runs["annealed"].steps == pytest.approx(
        runs["base"].steps, abs=2
    )
    assert {run.replay for run in runs.values()} == {0.0, 0.25}
    assert runs["cpt-half"].schedule.peak == 2e-4
    assert runs["cpt-early"].after_step == runs["base"].steps // 2


def test_a_small_budget_leaves_out_what_matters_least():
    found = first_pilots(150e3, "700steps")
    assert len(found.pilots) < 7
    assert min(run.steps for run in found.runs) >= 50
    assert "Left out" in found.notes[-1]


def test_the_peak_falls_with_the_size_and_is_told():
    assert usual_peak(150e3) == 1e-3
    assert usual_peak(125e6) == pytest.approx(6e-4)
    assert 1e-4 < usual_peak(7e9) < usual_peak(1e9) < 6e-4
    assert "--peak" in first_pilots(1e9, "5000steps").notes[0]
    assert first_pilots(1e9, "5000steps", peak=1e-4).notes == ()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"budget": "100steps"}, "need 501 or more"),
        ({"budget": "1e6tokens"}, "batch_tokens"),
        ({"model_size": 0}, "above 0"),
        ({"peak": 3.0}, "between 0 and 1"),
    ],
)
def test_first_runs_that_cannot_be_say_why(asked, message):
    with pytest.raises(DataError, match=message):
        first_pilots(**{"model_size": 1e6, "budget": "5000steps"} | asked)


def test_the_study_loads_once_the_logs_have_come(tmp_path):
    found = first_pilots(150e3, "5000steps", batch_tokens=8192, sequence_length=128)
    pilot_files.write(found, tmp_path / "next")
    for run in found.runs:
        folder = tmp_path / "next" / run.name
        folder.mkdir()
        (folder / "log.csv").write_text(LOG)
    path = tmp_path / "next" / "study.toml"
    path.write_text(path.read_text().replace(records.LOG, "log.csv"))
    study = study_file.load(path)
    assert [run.name for run in study.runs] == [run.name for run in found.runs]
    assert [run.schedule for run in study.runs] == [run.schedule for run in found.runs]
    assert study.run("cpt-replay").replay == 0.25


def test_the_experiment_of_first_runs_is_one_of_the_lab(tmp_path):
    from cptlaw.lab import experiment

    found = first_pilots(150e3, "5000steps", batch_tokens=8192, sequence_length=128)
    pilot_files.write(found, tmp_path)
    loaded = experiment.load(tmp_path / "experiment.toml")
    assert [(n.name, n.schedule, n.after, n.data, n.replay) for n in loaded.nodes] == [
        (r.name, r.schedule, r.after, r.data, r.replay) for r in found.runs
    ]
    assert {node.batch_tokens for node in loaded.nodes} == {8192}


# --- after a fit ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Two pilots after a study of three runs that lies in a folder."""
    folder = datasets.copy("tiny-grid", tmp_path_factory.mktemp("grid"))
    grid = study_file.load(folder / "study.toml")
    names = ("base", "annealed", "cpt-const")
    few = Study({"pt": "pt", "cpt": "code"}, tuple(r for r in grid.runs if r.name in names))
    few = Study(few.domains, few.runs, str(folder / "study.toml"))
    fitted = replace(grid_fit(), study=few)
    runs = candidates(few, peaks=[1e-3], replay=[0, 0.25])
    return pilot(fitted, Goal({"cpt": 1.0}), runs, "1600steps", 2)


def test_new_runs_are_added_to_the_study_that_there_is(found, tmp_path):
    pilot_files.write(found, tmp_path / "next")
    path = tmp_path / "next" / "study.toml"
    with pytest.raises(DataError, match=records.LOG):
        study_file.load(path)
    before = study_file.load(found.study.origin)
    for run in found.runs:
        (tmp_path / "next" / run.name).mkdir()
        (tmp_path / "next" / run.name / "log.csv").write_text(
            LOG.replace("eval_pt_loss,eval_cpt_loss", "pt,code")
        )
    path.write_text(path.read_text().replace(records.LOG, "log.csv"))
    study = study_file.load(path)
    assert [r.name for r in study.runs] == [
        *(r.name for r in before.runs),
        *(r.name for r in found.runs),
    ]
    assert study.run(found.runs[0].name).schedule == found.runs[0].schedule
    assert str(tmp_path) not in path.read_text()


def test_the_experiment_has_all_that_the_pilots_go_on_from(found, tmp_path):
    from cptlaw.lab import experiment

    pilot_files.write(found, tmp_path)
    loaded = experiment.load(tmp_path / "experiment.toml")
    assert [n.name for n in loaded.nodes] == ["base", *(r.name for r in found.runs)]
    assert loaded.node(found.runs[0].name).replay == found.runs[0].replay


def test_pilots_are_added_to_an_experiment_that_there_is(found, tmp_path):
    from cptlaw.lab import experiment, presets

    pilot_files.write(found, tmp_path, presets.path("grid"))
    loaded, grid = experiment.load(tmp_path / "experiment.toml"), experiment.load("grid")
    assert [n.name for n in loaded.nodes] == [
        *(n.name for n in grid.nodes),
        *(r.name for r in found.runs),
    ]
    assert loaded.fingerprint("base") == grid.fingerprint("base")


def test_nothing_is_written_over(found, tmp_path):
    pilot_files.write(found, tmp_path)
    with pytest.raises(DataError, match=r"study\.toml: is there already"):
        pilot_files.write(found, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file"):
        pilot_files.write(found, tmp_path / "file")


@pytest.mark.parametrize("text", [None, "name = "])
def test_an_experiment_that_cannot_be_read_is_named(found, tmp_path, text):
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=r"mine\.toml"):
        pilot_files.write(found, tmp_path / "next", path)
    assert not (tmp_path / "next").exists()


# --- an open model ----------------------------------------------------------------------------


def test_first_runs_of_an_open_model_are_cpt_alone():
    found = first_pilots(7e9, "6000steps", unknown="qwen")
    assert [run.after for run in found.runs] == ["unknown:qwen"] * 3
    assert {run.data for run in found.runs} == {"cpt"}
    assert {run.replay for run in found.runs} == {0.0, 0.25}
    twostage, half, _ = (run.schedule.lr() for run in found.runs)
    assert half.max() == pytest.approx(twostage.max() / 2)
    assert twostage.max() == pytest.approx(usual_peak(7e9) / 2)
    assert all(run.schedule.lr()[0] < 0.1 * run.schedule.peak for run in found.runs)
    assert any("C4, FineWeb" in note for note in found.notes)


@pytest.mark.parametrize(("budget", "count"), [("140steps", 2), ("200steps", 3)])
def test_what_a_small_budget_leaves_of_them(budget, count):
    assert len(first_pilots(7e9, budget, unknown="qwen").runs) == count


def test_too_little_for_two_runs_of_an_open_model():
    with pytest.raises(DataError, match="two CPT runs need 100 or more"):
        first_pilots(7e9, "99steps", unknown="qwen")


def test_pilots_of_an_open_model_are_files_that_the_lab_reads(tmp_path):
    found = first_pilots(
        7e9, "6000steps", unknown="org/qwen", batch_tokens=4096, sequence_length=128
    )
    pilot_files.write(found, tmp_path / "next")
    made = experiment.load(tmp_path / "next" / "experiment.toml")
    assert {node.model.from_ for node in made.nodes} == {"org/qwen"}
    assert {node.data for node in made.nodes} == {"cpt"}
    assert {node.after for node in made.nodes} == {None}
    text = (tmp_path / "next" / "study.toml").read_text(encoding="utf-8")
    assert text.count('after = "unknown:org/qwen"') == 3
