"""Sources of the accuracy benchmark: schedules, reading, and what each protocol holds back."""

from pathlib import Path

import numpy as np
import pytest

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw_evidence.sources import (
    delphi,
    gemstones,
    loading,
    lr_schedules,
    multipower,
    olmo,
    optimizers,
)
from cptlaw_evidence.sources.splits import keeping, split
from curve_files import WRITERS, write

DATA = Path(__file__).parents[3] / "shared" / "data"
FOREIGN = [source for source in loading.SOURCES if not source.bundled]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of curves as people may have it, with a small invented run for each real one."""
    folder = tmp_path_factory.mktemp("data")
    for name, writer in WRITERS.items():
        (folder / name).mkdir()
        writer(folder / name)
    return folder


@pytest.fixture(scope="module")
def loaded(data):
    return loading.load((), data)


def points(study, run, domain):
    """Steps of a run's losses in one domain."""
    curve = study.run(run).curves.get(study.domains[domain])
    return set() if curve is None else set(curve.steps.tolist())


@pytest.mark.parametrize("name", loading.names())
def test_no_scored_loss_is_fitted(loaded, name):
    for one in loaded.splits[name]:
        for role in one.study.domains:
            for run, after in one.scored.items():
                seen, there = points(one.fitted, run, role), points(one.study, run, role)
                assert not {step for step in seen if step > after}, run
                assert {step for step in there if step > after}, run


@pytest.mark.parametrize("name", loading.names())
def test_every_split_fits_some_losses_and_candidates_are_runs(loaded, name):
    for one in loaded.splits[name]:
        assert any(run.curves for run in one.fitted.runs)
        for candidate in one.candidates:
            assert candidate.group == f"{one.study.run(candidate.run).steps} steps"


def test_names_of_protocols_are_unique_and_all_are_loaded(loaded):
    assert len(set(loading.names())) == len(loading.names())
    assert [p.name for p in loaded.protocols] == list(loading.names())
    assert loaded.left_out == ()


def test_what_is_absent_is_left_out_by_name(tmp_path, data):
    (tmp_path / multipower.NAME).symlink_to(data / multipower.NAME)
    loaded = loading.load(("multipower-one", "two-peaks", "grid-far"), tmp_path)
    assert [p.name for p in loaded.protocols] == ["multipower-one", "grid-far"]
    (left,) = loaded.left_out
    assert left["protocol"] == "two-peaks" and "no folder lr-schedules-124m" in left["why"]
    assert {one["protocol"] for one in loading.load().left_out} == {
        p.name for room in FOREIGN for p in room.protocols
    }


@pytest.mark.parametrize(
    ("protocols", "folder", "said"),
    [
        (("two-peak",), None, "Did you mean 'two-peaks'"),
        ((), "nowhere", "there is no such folder"),
        (("two-peaks",), None, "nothing can be measured: the curves lr-schedules-124m do not come"),
    ],
)
def test_errors_of_loading(tmp_path, protocols, folder, said):
    with pytest.raises(DataError, match=said):
        loading.load(protocols, folder and tmp_path / folder)


@pytest.mark.parametrize("room", FOREIGN, ids=lambda room: room.name)
def test_a_missing_file_is_named(tmp_path, room):
    with pytest.raises(DataError, match=str(tmp_path)):
        room.load(tmp_path)


def test_a_log_of_another_schedule_is_refused(tmp_path, data):
    for path in (data / multipower.NAME).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    wrong = (data / multipower.NAME / "wsdcon_3.csv").read_bytes()
    (tmp_path / "wsdcon_9.csv").write_bytes(wrong)
    with pytest.raises(DataError, match=r"wsdcon_9\.csv: step \d+ has LR 3e-05"):
        multipower.load(tmp_path)


@pytest.mark.parametrize("row", ["a,constant,5e-4,many,300,3.1", "a,constant", "a,step,1e-3,9,1,3"])
def test_a_broken_table_of_runs_is_refused(tmp_path, row):
    head = "name,schedule,peak_lr,steps,warmup,final_val_loss_full_set"
    (tmp_path / "runs.csv").write_text(f"{head}\n{row}\n")
    write(tmp_path / "a.csv", Schedule.constant(1e-3, 9), range(9), ["val_loss"])
    with pytest.raises(DataError, match=r"runs.csv: row 2|schedule 'step'"):
        lr_schedules.load(tmp_path)


def test_what_a_branch_shares_with_its_stem_counts_once(loaded):
    run = loaded.curves[lr_schedules.NAME].study.run("wsd0.2-linear_lr0.001_T25000")
    assert run.curves["val_loss"].steps[0] == 20_500
    assert "up to step 20000 are those of 'constant_lr0.001_T50000'" in run.notes[-1]


@pytest.mark.parametrize(
    ("kind", "at", "lr"),
    [
        ("constant", [1, 300, 50_000], [1.33e-5, 1e-3, 1e-3]),
        ("wsd0.2-linear", [20_000, 22_500, 25_000], [1e-3, 5e-4, 0.0]),
        ("wsd0.2-sqrt", [20_000, 21_250, 25_000], [1e-3, 5e-4, 0.0]),
        ("cosine10", [50, 299, 12_649, 25_000], [7.6751496e-5, 1e-3, 5.5e-4, 1e-4]),
    ],
)
def test_lr_schedules_of_the_124m_runs(kind, at, lr):
    steps = 50_000 if kind == "constant" else 25_000
    got = lr_schedules.schedule(kind, 1e-3, steps).lr(at)
    np.testing.assert_allclose(got, lr, rtol=1e-3, atol=1e-12)


def test_lr_schedules_of_the_ladder():
    decay = olmo.schedule("190M", "decay", "2xC")
    assert (decay.steps, olmo.decay_start("190M", "2xC")) == (14_533, 13_071)
    np.testing.assert_allclose(
        decay.lr([363, 13_071, 13_200, 14_400, 14_533]) / olmo.PEAK["190M"],
        [1, 1, 0.92004, 0.17624, 0.1],
        rtol=1e-4,
    )


@pytest.mark.parametrize(
    ("recipe", "at", "lr"),
    [
        ((0.035, 3150, 0, 0.7), [1, 945, 3050, 3150], [0.035, 0.035, 0.0015873, 0.0]),
        ((0.0015, 5625, 250, 0.7), [125, 249, 1687, 5375], [7.56e-4, 1.5e-3, 1.5e-3, 9.52381e-5]),
        ((0.018, 3325, 0, 1.0), [1, 3325], [0.018 * 3324 / 3325, 0.0]),
    ],
)
def test_lr_schedules_of_the_optimizers(recipe, at, lr):
    schedule = optimizers.schedule(*recipe)
    assert schedule.steps == recipe[1]
    np.testing.assert_allclose(schedule.lr(at), lr, rtol=1e-6, atol=1e-12)


def test_seeds_of_a_recipe_are_averaged_and_unknown_rates_left_out(loaded, data):
    studies = loaded.curves[optimizers.NAME].studies
    assert list(studies) == ["muon", "adamw"]
    run = studies["muon"].run("muon_T3150_lr0.035_wd0.025")
    seed = optimizers.NAME, "muon_T3150_lr0.035_wd0.025_s01.csv"
    one = float((data / seed[0] / seed[1]).read_text().splitlines()[-1].split(",")[-1])
    assert run.curves["val"].loss[-1] == pytest.approx(one + 0.05)
    assert (run.optimizer, run.weight_decay) == ("muon", 0.025)
    assert studies["adamw"].run("adamw_T5625_lr0.0015_wdna").weight_decay is None


def test_seeds_that_were_measured_at_other_steps_are_refused(tmp_path, data):
    for path in (data / optimizers.NAME).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    other = tmp_path / "muon_T3150_lr0.035_wd0.025_s02.csv"
    other.write_text("".join(other.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match="other seeds were measured at other steps"):
        optimizers.load(tmp_path)


def test_shapes_whose_branches_left_another_run_are_left_out(loaded):
    studies = loaded.curves[gemstones.NAME].studies
    assert list(studies) == ["256x23", "1280x36", gemstones.ALL]
    assert studies["256x23"].has_run("branch-4770")
    assert not studies["1280x36"].has_run("branch-4770")  # a wrong row at the source
    first = loaded.splits["gemstones-branches"][0]
    ends = {run.name: run.curves["train"].steps[-1] for run in first.fitted.runs}
    assert [n for n, end in ends.items() if end] == [
        "hot",
        "half",
        *(f"branch-{2385 * k}" for k in (1, 2, 3)),
    ]
    assert list(first.scored) == [f"branch-{2385 * k}" for k in range(4, 10)]


def test_the_open_base_has_a_study_of_its_own(loaded):
    studies = loaded.curves[delphi.NAME].studies
    assert {run.after for run in studies[delphi.OPEN].runs} == {"unknown:1e21"}
    assert {run.after for run in studies[delphi.KNOWN].runs} == {None, "1e21"}
    assert studies[delphi.OPEN].run("1e21_p67m33_lr50").replay == 0.67
    assert not studies[delphi.OPEN].has_run("1e22_p33m67_lr33")


def test_the_constant_runs_are_fitted_as_far_as_a_shorter_run_shares_them(loaded):
    (one,) = loaded.splits["horizon-50k-124m"]
    constant = one.fitted.run("constant_lr0.001_T50000")
    assert constant.curves["val_loss"].steps[-1] == 31_500
    assert not one.fitted.run("constant_lr0.001_T50000_rerun").curves


def test_keeping_cuts_and_drops(loaded):
    study = loaded.curves[multipower.NAME].study
    kept = keeping(study, {"cosine_24000": 5000, "wsdcon_3": None})
    assert [run.name for run in kept.runs if run.curves] == ["cosine_24000", "wsdcon_3"]
    assert kept.run("cosine_24000").curves["loss"].steps[-1] <= 5000
    with pytest.raises(DataError, match="no loss in its first 100 steps"):
        keeping(study, {"cosine_24000": 100})
    with pytest.raises(DataError, match="wsdcon_5"):
        split("", study, ["cosine_24000"], ["wsdcon_5"])


@pytest.mark.parametrize("room", FOREIGN, ids=lambda room: room.name)
def test_the_real_curves_load(room):
    if not (DATA / room.name).is_dir():
        pytest.skip(f"../shared/data/{room.name} is absent")
    source = room.load(DATA / room.name)
    assert all(protocol.splits(source) for protocol in room.protocols)
