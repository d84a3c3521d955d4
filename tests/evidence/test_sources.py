"""Sources of the accuracy benchmark: schedules, reading, and what each protocol holds back."""

import json
from pathlib import Path

import numpy as np
import pytest

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw_evidence.sources import loading, lr_schedules, multipower, olmo, tiny_cpt
from cptlaw_evidence.sources.splits import keeping, split

DATA = Path(__file__).parents[3] / "shared" / "data"
FOREIGN = [source for source in loading.SOURCES if not source.bundled]


def write(path, schedule, steps, columns, first=0, more=0.0):
    """A log of one smooth curve with the LR of each step."""
    lines = [f"step,lr,{','.join(columns)}"]
    for step in steps:
        lr = "" if step < 1 else f"{schedule.lr(step):.9g}"
        loss = f"{3.0 + 5.0 / (step + 10.0) ** 0.3 + schedule.peak + more:.5f}"
        lines.append(f"{first + step},{lr},{','.join([loss] * len(columns))}")
    path.write_text("\n".join(lines) + "\n")


def every(schedule, stride, start=0):
    return [*range(start, schedule.steps, stride), schedule.steps]


def write_lr_schedules(folder):
    kinds = {"constant": (50_000,), "cosine0": (25_000,), "cosine10": (25_000,)}
    kinds |= {f"wsd{share}-linear": (15_000, 25_000) for share in (0.1, 0.2, 0.4, 0.8)}
    kinds |= {"wsd0.2-sqrt": (25_000,)}
    rows = ["name,schedule,peak_lr,steps,warmup,final_val_loss_full_set"]
    for peak in lr_schedules.PEAKS:
        for kind, lengths in kinds.items():
            for steps in lengths:
                names = [f"{kind}_lr{peak}_T{steps}"]
                names += [f"{names[0]}_rerun"] if kind == "constant" else []
                for name in names:
                    schedule = lr_schedules.schedule(kind, float(peak), steps)
                    more = 0.01 if "wsd0.8" in kind else 0.0  # real runs that branched nowhere
                    steps_of = every(schedule, 500)
                    write(folder / f"{name}.csv", schedule, steps_of, ["val_loss"], more=more)
                    rows.append(f"{name},{kind},{peak},{steps},300,3.1")
    (folder / "runs.csv").write_text("\n".join(rows) + "\n")


def write_multipower(folder):
    for name, text in multipower.SCHEDULES.items():
        schedule = Schedule.parse(f"{multipower.WARMUP} | {text}")
        write(folder / f"{name}.csv", schedule, every(schedule, 1000, 2500), ["loss"])


def write_olmo(folder):
    for size in olmo.PEAK:
        for kind, lengths in (("constant", ("10xC",)), ("cosine", None), ("decay", None)):
            for length in lengths or olmo.LENGTHS:
                schedule = olmo.schedule(size, kind, length)
                start = olmo.decay_start(size, length) if kind == "decay" else 100
                steps = every(schedule, max(schedule.steps // 60, 10), start)
                write(folder / f"{size}_{kind}_{length}.csv", schedule, steps, olmo.DOMAINS)


def write_tiny_cpt(folder):
    texts = {"pt_const": "warmup 200 to 1e-3 | constant 3800", "pt_anneal": "linear 800 to 0"}
    for name in (tiny_cpt.BASE, *tiny_cpt.STARTS):
        schedule = Schedule.parse(texts.get(name, "cosine 1500 to 1e-4"), 1e-3)
        steps, first = every(schedule, 100), tiny_cpt.first_step(name)
        write(folder / f"{name}.csv", schedule, steps, ["pt", "py"], first)
        (folder / f"{name}.lrs.json").write_text(json.dumps(schedule.lr().tolist()))


WRITERS = {
    lr_schedules.NAME: write_lr_schedules,
    multipower.NAME: write_multipower,
    olmo.NAME: write_olmo,
    tiny_cpt.NAME: write_tiny_cpt,
}


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
