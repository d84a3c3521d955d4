"""What a sweep would be, counted beforehand."""

import json

import pytest

from command import run as command
from experiments import BASE, CPT, HEAD, read

pytest.importorskip("torch")
pytest.importorskip("transformers")

from cptlaw import page
from cptlaw.errors import DataError
from cptlaw.lab import estimate as estimates
from cptlaw.lab import estimate_text, known_speed, speed
from cptlaw.lab.estimate import estimate
from cptlaw.page import amount, width

# Multiplied parameters of [model.small]: attention and MLP of two layers, gains, output layer.
LAYER = 4 * 64 * 64 + 3 * 64 * 176
NORMS = 5 * 64
SMALL = 2 * LAYER + NORMS
PER_TOKEN = 6 * (SMALL + 512 * 64) + 12 * 2 * 64 * 64
HUGE = {"width = 96\nlayers = 4\nheads = 3": "width = 4096\nlayers = 48\nheads = 32"}


@pytest.fixture
def never_probes(monkeypatch):
    def measure(*_):
        raise AssertionError("measured")

    monkeypatch.setattr(speed, "measure", measure)


def found(folder, text, changes=None, **options):
    experiment = read(folder, text, changes)
    names = [node.name for node in experiment.nodes]
    return estimate(experiment, names, **({"probe": False} | options))


def test_counts_flops_as_by_hand(tmp_path):
    base, cpt = found(tmp_path, HEAD + BASE + CPT).runs
    assert base.architecture.non_embedding == SMALL
    assert base.tokens == 100 * 8 * 64
    assert base.flops == PER_TOKEN * base.tokens
    assert cpt.flops == PER_TOKEN * 50 * 8 * 64


def test_counts_evaluations_at_the_start_every_so_many_steps_and_at_the_end(tmp_path):
    for steps, times in ((50, 1 + 2), (60, 1 + 2 + 1)):
        run = {"linear 50": f"linear {steps}"}
        cpt = found(tmp_path, HEAD + BASE + CPT, run).runs[1]
        tokens = 3 * 4096  # of three texts
        assert cpt.evaluation_flops == pytest.approx(PER_TOKEN / 3 * times * tokens)


def test_takes_a_given_speed(tmp_path, never_probes):
    made = found(tmp_path, HEAD + BASE + CPT, probe=True, flops=1e9)
    for run in made.runs:
        assert run.seconds == pytest.approx((run.flops + run.evaluation_flops) / 1e9)
    assert made.seconds == pytest.approx(sum(run.seconds for run in made.runs))
    assert "at 1.0e9 FLOP/s, as --flops says" in " ".join(estimate_text.text(made).split())


@pytest.mark.parametrize("flops", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_other_speeds(tmp_path, flops):
    with pytest.raises(DataError, match="--flops"):
        found(tmp_path, HEAD + BASE, flops=flops)


def test_measures_each_kind_of_model_once(tmp_path, monkeypatch):
    asked = []

    def measure(architecture, length, sequences, training):
        asked.append((architecture.width, length, sequences))
        return speed.Speed(1e9, 1e-9)

    monkeypatch.setattr(speed, "measure", measure)
    monkeypatch.setattr(speed, "thread_counts", lambda given: (1,))
    text = HEAD + BASE.replace("[[run]]", '[[run]]\nmodel = ["small", "big"]') + CPT
    made = found(tmp_path, text, {'after = "base"': 'after = "base"\nmodel = "small"'}, probe=True)
    assert asked == [(64, 64, 8), (96, 64, 8)]
    base = made.runs[0]
    work = (base.flops + base.evaluation_flops) / 1e9
    assert base.seconds == pytest.approx(work + 100 * base.architecture.parameters * 1e-9)


def test_the_probe_measures_a_speed(tmp_path):
    made = found(tmp_path, HEAD + BASE, probe=True)
    assert made.runs[0].seconds > 0
    assert made.speed.device is not None


@pytest.mark.parametrize("quick", [1, 2])
def test_probes_one_thread_too_and_names_the_faster(tmp_path, monkeypatch, quick):
    counts = iter([1, 2])

    def measure(*_):
        return speed.Speed(1e9 if next(counts) == quick else 1e8, 0.0)

    monkeypatch.setattr(speed, "measure", measure)
    monkeypatch.setattr(speed, "_device", lambda: "cpu")
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    read(tmp_path, HEAD + BASE + CPT)
    ended = command("lab", "sweep", tmp_path / "trial.toml", "--dry-run")
    seconds = found(tmp_path, HEAD + BASE + CPT, flops=1e9).seconds
    assert f"one run after another: {estimate_text._time(seconds)}\n" in ended.stdout
    slow = "with 2 threads it would take 10.0 times as long" in " ".join(ended.stdout.split())
    assert slow == (quick == 1)
    assert ("--threads 1" in ended.stderr.splitlines()[-1]) == (quick == 1)


def test_keeps_to_threads_that_are_given(monkeypatch):
    monkeypatch.setattr(speed, "_device", lambda: "cpu")
    assert speed.thread_counts(3) == (3,)
    monkeypatch.setattr(speed, "_device", lambda: "cuda")
    assert speed.thread_counts(3) == (None,)


def test_cuts_large_models_for_the_probe(tmp_path, never_probes):
    made = found(tmp_path, HEAD + BASE, HUGE | {'"base"': '"base"\nmodel = "big"'})
    architecture = made.runs[0].architecture
    assert architecture.non_embedding > 9e9
    cut = speed._config(architecture, 4096, cut=True)
    assert (cut.hidden_size, cut.intermediate_size) == (4096, architecture.feed_forward)
    assert cut.num_hidden_layers == 1
    assert cut.vocab_size <= 8192
    sizes = speed._growing(4096, 8, 1024)
    assert sizes == [(1, 64), (1, 256), (1, 1024)]


def test_probes_grow_to_the_whole_micro_batch():
    assert speed._growing(128, 16, 128 * 16)[-1] == (16, 128)
    assert speed._growing(32, 1, 32) == [(1, 32)]


def test_shows_the_graph(tmp_path):
    text = HEAD + BASE + CPT.replace("[[run]]", "[[run]]\nafter_step = 40\nreplay = [0, 0.25]")
    shown = estimate_text.text(found(tmp_path, text)).splitlines()
    assert shown[:2] == [
        f"trial: 3 runs, 102k tokens, {page.power(PER_TOKEN * 102400)} FLOPs",
        "the longest way from run to run: base > cpt-replay0",
    ]
    assert shown[3:10] == [
        "run                                        steps   tokens    FLOPs",
        "base                                         100    51.2k   "
        + page.power(PER_TOKEN * 51200),
        "    pt: warmup 10 to 0.001 | linear 90 to 0.0001",
        "  cpt-replay0 @40                             50    25.6k   "
        + page.power(PER_TOKEN * 25600),
        "      cpt: linear 50 to 0 from=0.0007",
        "  cpt-replay0.25 @40                          50    25.6k   "
        + page.power(PER_TOKEN * 25600),
        "      cpt + 25 % pt: linear 50 to 0 from=0.0007",
    ]


def test_keeps_to_the_width_of_a_page(tmp_path):
    name = "a-run-with-a-name-that-is-longer-than-there-is-room-for-in-front"
    cpt = CPT.replace('"cpt"', f'"{name}"').replace(
        "linear 50 to 0", " | ".join(["constant 10"] * 12)
    )
    shown = estimate_text.text(found(tmp_path, HEAD + BASE + cpt, flops=1e9)).splitlines()
    assert max(map(len, shown)) <= width()
    at = next(i for i, line in enumerate(shown) if line.strip().startswith(f"{name} @"))
    assert "61.4k" in shown[at + 1]


def test_tells_passes_over_the_texts(tmp_path):
    changes = {"tokens = 6e6": "tokens = 38400"}
    draws = found(tmp_path, HEAD + BASE + CPT, changes).draws
    docs = next(draw for draw in draws if draw.text == "docs")
    assert (docs.mixture, docs.run) == ("pt", "base")
    assert docs.tokens == pytest.approx(0.75 * 51200)
    assert docs.passes == pytest.approx(1.0)
    code = [draw for draw in draws if draw.text == "code"]
    assert {draw.mixture for draw in code} == {"pt", "cpt"}
    assert all(draw.passes is None for draw in code)


def test_a_continued_stream_counts_what_its_base_drew(tmp_path):
    more = CPT.replace('"cpt"', '"more"').replace('after = "base"', 'after = "base"\ndata = "pt"')
    draws = found(tmp_path, HEAD + BASE + more).draws
    docs = next(draw for draw in draws if draw.text == "docs")
    assert docs.run == "more"
    assert docs.tokens == pytest.approx(0.75 * 150 * 8 * 64)


def test_says_what_cannot_be_had_without_a_download(tmp_path, never_probes):
    changes = {
        "vocabulary = 512": 'name = "nobody/nothing"',
        "width = 64\nlayers = 2\nheads = 2": 'from = "nobody/nothing"',
        'name = "base"': 'name = "base"\ndata = "cpt"',
    }
    made = found(tmp_path, HEAD + BASE, changes, probe=True)
    assert (made.flops, made.seconds) == (None, None)
    assert len(made.notes) == 2
    assert all("nobody/nothing" in note for note in made.notes)
    shown = estimate_text.text(made)
    assert "model small: ? parameters" in shown
    assert " 51.2k        ?" in shown
    json.dumps(estimates.estimate_json(made), allow_nan=False)


def test_the_command_prints_one_object_and_writes_nothing(tmp_path, monkeypatch, never_probes):
    read(tmp_path, HEAD + BASE + CPT)
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    ended = command("lab", "sweep", "trial.toml", "--dry-run", "--no-probe", "--json")
    assert ended.status == 0
    architecture = json.loads(ended.stdout)
    assert [run["name"] for run in architecture["runs"]] == ["base", "cpt"]
    assert architecture["flops"] == PER_TOKEN * 150 * 8 * 64
    assert architecture["longest_chain"] == ["base", "cpt"]
    assert (architecture["seconds"], architecture["speed"]) == (None, None)
    assert ended.stderr.splitlines()[-1] == "next: cptlaw lab sweep trial.toml -o trial"
    assert set(tmp_path.rglob("*")) == before


def test_speeds_are_for_dry_runs(tmp_path):
    read(tmp_path, HEAD + BASE)
    ended = command("lab", "sweep", tmp_path / "trial.toml", "--flops", "1e9")
    assert ended.status == 2
    assert "--dry-run" in ended.stderr


def test_the_next_command_has_all_that_was_given(tmp_path, monkeypatch, never_probes):
    read(tmp_path, HEAD + BASE + CPT)
    monkeypatch.chdir(tmp_path)
    given = ("--only", "base", "--engine", "slurm", "--slurm", "time=1:00", "--slurm", "gpus=1")
    ended = command("lab", "sweep", "trial.toml", "--dry-run", "--no-probe", *given)
    assert ended.stderr.splitlines()[-1] == (
        f"next: cptlaw lab sweep trial.toml -o trial {' '.join(given)}"
    )


def test_tables_are_for_dry_runs(tmp_path):
    read(tmp_path, HEAD + BASE)
    ended = command("lab", "sweep", tmp_path / "trial.toml", "--format", "csv")
    assert ended.status == 2 and "--format csv belongs to --dry-run" in ended.stderr


def test_times_beyond_reach_keep_to_their_column(tmp_path):
    made = found(tmp_path, HEAD + BASE, flops=1.0)
    years = (PER_TOKEN * 51200 + made.runs[0].evaluation_flops) / (365.25 * 86400)
    assert estimate_text.text(made).splitlines()[4].endswith(f" {years:,.0f} years")


def test_tells_where_runs_begin_and_what_they_read_once_more(tmp_path):
    """The base takes 100 x 8 x 64 tokens, a part of them of the text of the continuation."""
    text = HEAD.replace('cpt = "code"', 'cpt = "code"\nmore = { docs = 0.5, far = 0.5 }')
    cpt = CPT.replace('after = "base"', 'after = "base"\ndata = "more"')
    made = found(tmp_path, text + BASE + cpt)
    shared = 0.75 * 100 * 8 * 64
    docs, far = estimates.readings(made.experiment, made.runs[1].node)
    assert (docs.text, docs.skipped, docs.tokens) == ("docs", shared, 0.5 * 50 * 8 * 64)
    assert (far.text, far.skipped) == ("far", 0)
    shown = estimate_text.text(made)
    assert "text that a base has read comes last, so these runs begin" in shown
    assert f"  in docs after {amount(shared)} tokens: cpt" in shown


def test_names_the_step_where_a_text_is_used_up(tmp_path):
    """20,000 tokens of code, less the 12,800 of the base, hold 14 steps of 512."""
    text = HEAD.replace("[text.code]", "[text.code]\ntokens = 2e4")
    made = found(tmp_path, text + BASE + CPT)
    (code,) = estimates.readings(made.experiment, made.runs[1].node)
    assert code.again_from_step == 15
    assert "code is read once more by cpt from step 15" in estimate_text.text(made)
    assert estimates.estimate_json(made)["runs"][1]["reading"][0]["again_from_step"] == 15


# --- speeds of runs that were done ------------------------------------------------------------


def done_before(folder, experiment, name, **changes):
    """The record that a run leaves."""
    speed = {"tokens_per_second": 1000.0, "start_seconds": 7.0, "evaluation_seconds": 2.0}
    shape = {"compile": False, "micro_batch": 8}
    record = {
        "status": "done",
        "fingerprint": "x",
        "defined_by": experiment.identity(name),
        "threads": 1,
        "processes": 1,
        "device": "cpu",
        "speed": {**speed, **shape},
    }
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "run.json").write_text(json.dumps(record | changes))


def test_times_are_those_of_runs_that_were_done_here(tmp_path, never_probes):
    """4,096 tokens of validation every 25 steps, at the start and at the end."""
    made = found(tmp_path, HEAD + BASE + CPT)
    done_before(tmp_path, made.experiment, "base")
    known = known_speed.known_speeds(made.experiment, tmp_path, ("base", "cpt"), None)
    timed = known_speed.timed(made, known)
    assert [run.seconds for run in timed.runs] == [
        7 + 100 * 8 * 64 / 1000 + 5 * 2,
        7 + 50 * 8 * 64 / 1000 + 3 * 2,
    ]
    shown = " ".join(estimate_text.text(timed).split())
    assert "times of base, cpt: at 1,000 tokens/s, as runs of that shape went here before" in shown
    assert "and 7 s to start" in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"device": "NVIDIA H100"},
        {"status": "running"},
        {"processes": 4},
        {"threads": 2},
        {"speed": None},
        {"speed": {"tokens_per_second": None, "start_seconds": None}},
    ],
)
def test_speeds_of_other_machines_and_versions_are_left_alone(tmp_path, changes):
    made = found(tmp_path, HEAD + BASE + CPT)
    done_before(tmp_path, made.experiment, "base", **changes)
    assert not known_speed.known_speeds(made.experiment, tmp_path, ("base", "cpt"), 1)


def test_speeds_of_other_shapes_are_left_alone(tmp_path):
    made = found(tmp_path, HEAD + BASE + CPT)
    done_before(tmp_path, made.experiment, "base")
    wide = CPT.replace('"cpt"', '"cpt"\nbatch_sequences = 16')
    other = read(tmp_path, HEAD + BASE + wide)
    assert set(known_speed.known_speeds(other, tmp_path, ("base", "cpt"), None)) == {"base"}
