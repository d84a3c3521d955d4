"""Runs that are killed, stopped, done again, changed or trained by two at once."""

import json
import os
import signal
import subprocess
import time

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasets")

import torch
from transformers import TrainerState

import command
from cptlaw.errors import DataError
from cptlaw.lab import estimate, memory, records, running, speed, trainer, training
from cptlaw.lab.progress import Progress
from cptlaw.lab.tokenizer import key_of
from labs import BASE, CPT, evaluations, history, record, steps_of, weights

LONG_BASE = """
[[run]]
name = "base"
schedule = "warmup 20 to 1e-2 | constant 100"
"""
LONG_CPT = """
[[run]]
name = "cpt"
after = "base"
schedule = "cosine 120 to 0"
"""
OFTEN = {"evaluate_every = 4": "evaluate_every = 20\ncheckpoint_every = 10"}
MIDDLE = '\n[[run]]\nname = "middle"\nafter = "base"\nafter_step = 6\nschedule = "linear 4 to 0"\n'


def start(python, lab, file):
    """The sweep as a process of its own."""
    out = str(lab.out("killed"))
    words = ["-m", "cptlaw", "lab", "sweep", str(file), "-o", out, "--threads", "1"]
    return subprocess.Popen([python, *words], stderr=subprocess.PIPE, text=True)


def wait_for(process, run, step=10):
    """Until the run has a complete checkpoint of that step or a later one."""
    for _ in range(12_000):
        if max(steps_of(run), default=0) >= step:
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    raise AssertionError("no checkpoint within two minutes")


def test_killed_runs_end_bitwise_as_undisturbed_ones(lab, warm_python):
    """Killed in the base, then in the continuation, then done."""
    lab.sweep(LONG_BASE, LONG_CPT, changes=OFTEN)
    file = lab.write(LONG_BASE, LONG_CPT, changes=OFTEN)
    for name in ("base", "cpt"):
        process = start(warm_python, lab, file)
        wait_for(process, lab.folder / "killed" / name)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert record(lab.folder / "killed" / name)["status"] == "running"
        assert steps_of(lab.folder / "killed" / name)[-1] < 120
    ended = command.run("lab", "sweep", file, "-o", lab.folder / "killed", "--threads", 1)
    assert ended.status == 0
    for name in ("base", "cpt"):
        undisturbed, killed = lab.out() / name, lab.folder / "killed" / name
        assert record(killed)["resumed"] == 1
        assert history(killed) == history(undisturbed)
        assert weights(killed, 120) == weights(undisturbed, 120)


@pytest.mark.parametrize("number, name", [(signal.SIGINT, "base"), (signal.SIGTERM, "cpt")])
def test_stopped_runs_go_on(lab, monkeypatch, number, name):
    changes = {"evaluate_every = 4": "evaluate_every = 3"}
    file = lab.write(changes=changes)
    show = Progress.__call__

    def interrupt(self, state, losses):
        show(self, state, losses)
        if (self.node.name, state.global_step) == (name, 3):
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "__call__", interrupt)
        ended = command.run("lab", "sweep", file, "-o", lab.out("stopped"), "--threads", 1)
    stopped = lab.folder / "stopped" / name
    assert ended.status == 128 + number
    assert "with a checkpoint" in ended.stderr
    assert f"stopped in '{name}'; the same command goes on" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert record(stopped)["status"] == "stopped"
    assert steps_of(stopped) == [4]

    ended = command.run("lab", "sweep", file, "-o", lab.folder / "stopped", "--threads", 1)
    assert ended.status == 0
    assert f"{name}: step 1/" not in ended.stderr
    lab.sweep(changes=changes)
    assert evaluations(stopped) == evaluations(lab.out() / name)
    assert weights(stopped, steps_of(stopped)[-1]) == weights(
        lab.out() / name, steps_of(stopped)[-1]
    )
    assert record(stopped)["resumed"] == 1


def test_half_written_checkpoint_is_replaced(lab):
    base = lab.finished() / "base"
    (base / "checkpoint-12" / "complete").unlink()
    (base / "checkpoint-12" / "model.safetensors").write_bytes(b"half")
    assert lab.sweep(BASE).done == ("base",)
    assert steps_of(base) == [12]
    assert weights(base, 12) == weights(lab.done / "base", 12)
    assert history(base) == history(lab.done / "base")


def test_mark_is_taken_away_while_a_checkpoint_is_written_over(lab, monkeypatch):
    base = lab.out() / "base"
    seen = []
    save = trainer.Trainer._save_checkpoint
    monkeypatch.setattr(
        trainer.Trainer,
        "_save_checkpoint",
        lambda self, *args: (
            seen.append((self.state.global_step, steps_of(base))),
            save(self, *args),
        ),
    )
    early = MIDDLE.replace("middle", "early").replace("6", "2")
    late = MIDDLE.replace("middle", "late").replace("6", "8")
    lab.sweep(BASE, MIDDLE, early, late, only=("base",))
    for step in (2, 8):
        (base / f"checkpoint-{step}" / "complete").unlink()
    seen.clear()
    lab.sweep(BASE, MIDDLE, early, late, only=("base",))
    assert seen == [(2, [6, 12]), (6, [2, 12]), (8, [2, 6, 12])]


def test_mark_is_taken_away_before_a_checkpoint_is_removed(lab, monkeypatch):
    removed = []
    monkeypatch.setattr(
        trainer.shutil,
        "rmtree",
        lambda path: removed.append((path.name, (path / "complete").exists())),
    )
    lab.sweep(BASE, changes={"evaluate_every = 4": "evaluate_every = 4\ncheckpoint_every = 6"})
    assert removed == [("checkpoint-6", False)]


def test_end_between_the_last_checkpoint_and_the_record_trains_nothing_again(lab, monkeypatch):
    base = lab.finished() / "base"
    logged = history(base)
    records.write(base, record(base) | {"status": "running"})
    steps = count_steps(monkeypatch)
    assert lab.sweep(BASE).done == ("base",)
    assert steps == []
    assert record(base)["status"] == "done"
    assert history(base) == logged


def test_new_branch_trains_a_done_base_only_as_far_as_needed(lab, monkeypatch):
    logged = history(lab.finished() / "base")
    steps = count_steps(monkeypatch)
    swept = lab.sweep(BASE, MIDDLE)
    assert swept.done == ("base", "middle")
    assert steps == [*range(1, 7), *range(1, 5)]
    assert steps_of(lab.out() / "base") == [6, 12]
    assert history(lab.out() / "base") == logged
    assert record(lab.out() / "base")["status"] == "done"
    assert any("no checkpoint of step 6" in line and "step 6" in line for line in lab.said)

    lab.sweep(BASE, MIDDLE, out="at once")
    at_once = lab.folder / "at once"
    assert weights(lab.out() / "base", 6) == weights(at_once / "base", 6)
    assert history(lab.out() / "middle") == history(at_once / "middle")
    assert evaluations(lab.out() / "base") == evaluations(at_once / "base")


def count_steps(monkeypatch):
    """A list that gets the number of every step that is trained from here on."""
    steps = []
    end = trainer.Rhythm.on_step_end

    def count(self, args, state, control, **more):
        steps.append(state.global_step)
        end(self, args, state, control, **more)

    monkeypatch.setattr(trainer.Rhythm, "on_step_end", count)
    return steps


def test_second_sweep_trains_nothing(lab, monkeypatch):
    lab.finished()
    first = lab.sweep()
    study = first.studies[0].read_text()
    first.studies[0].write_text("else")
    before = {name: record(lab.out() / name) for name in first.done}
    monkeypatch.setattr(training, "train", lambda *args, **keys: pytest.fail("trained again"))
    second = lab.sweep()
    assert second == first
    assert second.studies[0].read_text() == study
    assert {name: record(lab.out() / name) for name in second.done} == before
    assert "2 of 2 runs are done already" in lab.said


@pytest.mark.parametrize(
    "old, new, key",
    [
        ("cosine 8 to 0", "cosine 8 to 1e-4", "schedule"),
        ('name = "cpt"', 'name = "cpt"\nreplay = 0.5', "shares"),
        ('name = "cpt"', 'name = "cpt"\nbatch_sequences = 2', "batch_sequences"),
        ('after = "base"', 'after = "base"\nafter_step = 8', "after_step"),
    ],
)
def test_changed_run_is_refused_and_kept(lab, old, new, key):
    lab.finished()
    before = history(lab.out() / "cpt"), record(lab.out() / "cpt")
    with pytest.raises(DataError) as raised:
        lab.sweep(changes={old: new})
    text = str(raised.value)
    assert text.startswith("run 'cpt': ")
    assert f"{key}: " in text and ", now " in text
    assert "-o" in text
    assert (history(lab.out() / "cpt"), record(lab.out() / "cpt")) == before


def test_changed_run_that_is_not_asked_for_is_left_out_of_the_study(lab):
    lab.finished()
    swept = lab.sweep(changes={"cosine 8 to 0": "cosine 9 to 0"}, only=("base",))
    assert swept.done == ("base",)
    assert any("run 'cpt'" in line and "schedule" in line for line in lab.said)
    assert 'name = "cpt"' not in swept.studies[0].read_text()


def test_second_process_on_the_same_run_gets_an_error(lab):
    (lab.out() / "base").mkdir(parents=True)
    with records.alone(lab.out() / "base", "base"):
        swept = lab.sweep()
    assert "run 'base': another process is at work on it in" in swept.failed["base"]
    assert "its base 'base' failed" in swept.failed["cpt"]
    assert swept.done == ()
    assert lab.sweep().done == ("base", "cpt")


def test_diverging_run_fails_alone(lab):
    wild = '\n[[run]]\nname = "wild"\nafter = "base"\nschedule = "constant 8 to 1e8"\n'
    after = '\n[[run]]\nname = "next"\nafter = "wild"\nschedule = "constant 8"\n'
    file = lab.write(BASE, wild, after, CPT)
    ended = command.run("lab", "sweep", file, "-o", lab.out(), "--threads", 1)
    assert ended.status == 2
    assert "Traceback" not in ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("error: run 'wild' failed: ")
    assert "diverged" in last and "at step" in last and "loss is" in last
    assert "'next' failed: not run, since its base 'wild' failed" in last
    assert record(lab.out() / "wild")["status"] == "diverged"
    assert not (lab.out() / "next").exists()
    study = (lab.out() / "study.toml").read_text()
    assert 'name = "cpt"' in study and "wild" not in study


@pytest.mark.parametrize("loss", [float("inf"), float("nan"), -float("inf")])
def test_loss_that_is_no_finite_number_is_divergence(tmp_path, loss):
    losses = trainer.Losses(tmp_path, lambda state, losses: None, writes=True)
    state = TrainerState(global_step=7)
    with pytest.raises(trainer.Diverged, match=r"eval_code_loss is -?(inf|nan) at step 7"):
        losses.on_log(None, state, None, logs={"eval_code_loss": loss})


def test_failed_run_is_named_with_the_type_of_its_error(lab, monkeypatch):
    def fail(*args, **keys):
        raise RuntimeError("the disk\nis full")

    monkeypatch.setattr(training, "train", fail)
    swept = lab.sweep(BASE)
    assert swept.failed == {"base": "RuntimeError: the disk is full"}
    assert record(lab.out() / "base")["status"] == "failed"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 5.38 GiB. GPU 0 has ..."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"
        ),
        MemoryError(),
    ],
)
def test_run_that_is_too_large_names_the_mend(lab, monkeypatch, error):
    """What it computes at once, and what to set; then the same folder goes on."""

    def fail(*args, **keys):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(training, "train", fail)
        swept = lab.sweep(BASE)
    said = swept.failed["base"]
    assert said.startswith(
        "run 'base' does not fit into the memory of this machine: 4 sequences of"
    )
    assert "Set micro_batch, in [training] or its [[run]], to 2 or fewer" in said
    assert record(lab.out() / "base")["error"] == said
    smaller = BASE.replace('name = "base"', 'name = "base"\nmicro_batch = 2')
    assert lab.sweep(smaller).done == ("base",)


@pytest.mark.parametrize(("at_once", "words"), [(6, "3 or fewer"), (9, "3 or fewer"), (5, "1:")])
def test_a_smaller_micro_batch_that_is_named_divides_the_batch(lab, at_once, words):
    with (
        pytest.raises(DataError, match=f"to {words}"),
        memory.told(lab.load(BASE).node("base"), at_once),
    ):
        raise MemoryError


def test_dry_run_of_a_run_that_is_too_large_names_the_mend(lab, monkeypatch):
    def fail(*args, **keys):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(speed, "measure", fail)
    with pytest.raises(DataError, match=r"run 'base' does not fit .* Set micro_batch"):
        estimate.estimate(lab.load(BASE), ("base",))


def test_broken_record_is_told(lab):
    lab.finished()
    (lab.out() / "base" / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json: is not JSON .*Remove the folder"):
        lab.sweep(BASE)


def test_record_tells_what_it_cost(lab):
    made = record(lab.done / "base")
    assert made["tokens"] == 12 * 4 * 16
    assert made["model_size"] == 4 * 16 * 16 + 3 * 16 * 48 + 3 * 16
    assert made["flops"] == (6 * (made["model_size"] + 300 * 16) + 12 * 16 * 16) * made["tokens"]
    assert made["seconds"] > 0
    assert made["threads"] == 1
    assert json.dumps(made["defined_by"]).count(str(lab.texts)) == 0


def test_a_bases_definition_is_part_of_its_continuations(lab):
    first = lab.load()
    corpus = lab.corpus(first)
    second = lab.load(
        changes={"constant 8": "constant 9", 'schedule = "cos': 'after_step = 12\nschedule = "cos'}
    )
    one, two = (running.definition(e, corpus, "cpt") for e in (first, second))
    assert one["base"] != two["base"]
    assert {k for k in one if one[k] != two[k]} == {"base"}
    assert one["base"] == key_of(running.definition(first, corpus, "base"))


@pytest.mark.parametrize("left", ["checkpoint-8/model.safetensors", "trainer_state.json"])
def test_folder_that_no_run_of_ours_has_left_is_refused(lab, left):
    file = lab.out() / "base" / left
    file.parent.mkdir(parents=True)
    file.write_text("another's")
    ended = lab.sweep(BASE)
    assert "holds checkpoints or a log, and no run.json" in ended.failed["base"]
    assert file.read_text() == "another's"


def test_other_weights_of_an_open_model_are_another_run(lab):
    from cptlaw.lab import model, running, tables

    folder = lab.folder / "open"
    shape = tables.Model(width=16, layers=1, heads=2)
    found = []
    for seed in (0, 1):
        model.build(shape, 300, 16, seed).save_pretrained(folder)
        found.append(running._weights(str(folder)))
    assert found[0].keys() == found[1].keys() == {"model.safetensors"}
    assert found[0] != found[1]
    assert running._weights("owner/model") == {}
