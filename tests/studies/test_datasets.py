"""The bundled runs load, agree with their study, and can be copied."""

import numpy as np
import pytest

from cptlaw import DataError, datasets, load_study, logs

NAMES = [
    "base",
    "annealed",
    "hidden-pt-const",
    "cpt-const",
    "cpt-cosine",
    "cpt-twostage",
    "mixed-const-replay0.25",
]


@pytest.fixture(scope="module")
def study():
    return datasets.load("tiny-cpt")


def test_the_names():
    assert datasets.names() == (
        "tiny-cpt",
        "tiny-grid",
        "tiny-grid-far",
        "grid-20m",
        "grid-20m-far",
        "grid-6m",
        "grid-20m-sizes",
        "starts-1m",
        "short-85m",
    )
    assert datasets.path().is_dir()
    assert (datasets.path() / "CARD.md").read_text().strip()


def test_the_study(study):
    assert [run.name for run in study.runs] == NAMES
    assert list(study.domains) == ["pt", "cpt", "ood.docs", "ood.bytecode"]
    assert {run.name: run.replay for run in study.runs if run.replay} == {
        "mixed-const-replay0.25": 0.25
    }
    assert study.history("cpt-cosine").pt_lr.size == 2000
    assert study.history("cpt-cosine").cpt_lr.size == 800


def test_every_log_is_used_and_every_domain_is_in_it(study):
    files = {path.stem for path in datasets.path().glob("*.csv")}
    assert files == set(NAMES)
    for run in study.runs:
        assert set(study.domains.values()) <= set(run.curves)


def test_the_schedules_are_those_that_were_logged(study):
    assert not [note for note in study.all_notes if "disagree" in note]
    for run in study.runs:
        log = logs.read(datasets.path() / f"{run.name}.csv")
        start = int(log.curves["pt"].steps[0])
        inside = log.logged_lr.steps > start
        planned = run.schedule.lr(log.logged_lr.steps[inside] - start)
        assert np.allclose(planned, log.logged_lr.lr[inside], rtol=1e-3, atol=1e-3 * planned.max())


def test_runs_share_the_loss_at_their_start(study):
    base = study.run("base").curves["pt"]
    for run in study.runs[1:]:
        at = 2000 if run.after_step is None else run.after_step
        assert run.curves["pt"].loss[0] == base.loss[base.steps == at][0]


def test_a_copy_is_the_same_study(study, tmp_path):
    folder = datasets.copy("tiny-cpt", tmp_path)
    assert load_study(folder / "study.toml").fingerprint == study.fingerprint
    assert datasets.copy("tiny-cpt", str(tmp_path)) == folder


def test_an_unknown_name():
    for use in (datasets.path, datasets.load):
        with pytest.raises(DataError, match=r"'tiny-cpd'\. Did you mean 'tiny-cpt'"):
            use("tiny-cpd")


def test_a_copy_over_a_file(tmp_path):
    (tmp_path / "tiny-cpt").write_text("a file")
    with pytest.raises(DataError, match="cannot be written"):
        datasets.copy("tiny-cpt", tmp_path)


@pytest.mark.parametrize(
    ("name", "cpt"),
    [
        ("tiny-grid", "code"),
        ("tiny-grid-far", "bytecode"),
        ("grid-20m", "c"),
        ("grid-20m-far", "de"),
        ("grid-6m", "c"),
        ("grid-20m-sizes", "c"),
        ("starts-1m", "code"),
    ],
)
def test_a_grid(name, cpt):
    grid = datasets.load(name)
    assert (grid.domains["pt"], grid.domains["cpt"]) == ("pt", cpt)
    assert not [note for note in grid.all_notes if "disagree" in note or "no column" in note]
    for run in grid.runs:
        assert run.curves["pt"].steps[0] == 0
        assert run.curves["pt"].steps[-1] == run.steps
        assert run.curves["train_loss"].source == "training"
        assert run.curves["pt"].source == "validation"
        if run.after is not None:
            base = grid.run(run.after).curves["pt"]
            same = base.loss[base.steps == run.after_step]
            assert same.size == (0 if (name, run.name) == ("starts-1m", "annealed") else 1)
            assert (run.curves["pt"].loss[0] == same).all()


@pytest.mark.parametrize(
    ("preset", "names"),
    [("grid", ("tiny-grid", "tiny-grid-far")), ("starts", ("starts-1m",))],
)
def test_it_is_the_experiment_of_the_lab(preset, names):
    from cptlaw.lab import experiment

    runs = {r.name: r for name in names for r in datasets.load(name).runs}
    nodes = {node.name: node for node in experiment.load(preset).nodes}
    assert runs.keys() == nodes.keys()
    for name, node in nodes.items():
        assert np.array_equal(runs[name].schedule.lr(), node.schedule.lr())
        assert (runs[name].after, runs[name].replay) == (node.after, node.replay)
    files = {path.stem for path in datasets.path(names[0]).glob("*.csv")}
    assert files == set(nodes)


SHARES = {"en": 0.85, "c": 0.08, "de": 0.04, "rust": 0.03}


def test_the_studies_of_the_larger_grid_are_the_same_runs():
    both = {run.name: run for run in datasets.load("grid-20m-sizes").runs}
    parts = [run for name in ("grid-20m", "grid-6m") for run in datasets.load(name).runs]
    far = datasets.load("grid-20m-far").runs
    assert list(both) == [run.name for run in parts]
    assert {run.model_size for run in parts} == {14_160_000, 2_655_000}
    for run in (*parts, *far[:-1]):
        same = both[run.name]
        assert np.array_equal(run.schedule.lr(), same.schedule.lr())
        assert (run.after, run.after_step, run.data, run.replay, run.batch_tokens) == (
            same.after,
            same.after_step,
            same.data,
            same.replay,
            same.batch_tokens,
        )
    files = {path.stem for path in datasets.path("grid-20m").glob("*.csv")}
    assert files == {*both, "far-const"}


@pytest.mark.parametrize("name", ["grid-20m", "grid-20m-far", "grid-6m"])
def test_the_larger_grid_is_what_its_card_says(name):
    for run in datasets.load(name).runs:
        mixture = sum(share * run.curves[text].loss for text, share in SHARES.items())
        assert np.allclose(run.curves["pt"].loss, mixture, atol=2e-5)
        inside = run.logged_lr.steps > 0
        planned = run.schedule.lr(run.logged_lr.steps[inside])
        assert np.allclose(planned, run.logged_lr.lr[inside], rtol=1e-3, atol=1e-8)


def test_two_seeds_of_the_larger_grid_differ_as_its_card_says():
    grid = datasets.load("grid-20m")
    one, other = grid.run("cpt-const").curves, grid.run("repeat-const").curves
    gaps = {text: abs(one[text].loss[1:] / other[text].loss[1:] - 1) for text in ("pt", "c")}
    assert {text: round(100 * gap.mean(), 2) for text, gap in gaps.items()} == {
        "pt": 0.52,
        "c": 0.8,
    }
