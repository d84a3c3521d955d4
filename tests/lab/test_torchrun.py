"""Runs in two processes: the same losses, one log, and an end when asked."""

import sys

import pytest

from labs import BASE, CPT, history, rates, record, steps_of

pytest.importorskip("torch")
pytest.importorskip("transformers")

from cptlaw.lab import sweep as sweeps
from cptlaw.lab.engines import torchrun
from cptlaw.lab.engines.local import local

EVERY_STEP = {"evaluate_every = 4": "evaluate_every = 4\nlog_every = 1\nmicro_batch = 1"}
SHARDED = {**EVERY_STEP, "batch_sequences": 'sharding = "fsdp2"\nbatch_sequences'}


def in_two_processes(lab, *runs, changes=None, out="two"):
    experiment = lab.load(*runs, changes=changes)
    names = tuple(node.name for node in experiment.nodes)
    return sweeps.Job(experiment, lab.out(out), names, threads=1, processes=2)


@pytest.fixture
def warm(warm_python, monkeypatch):
    """Processes are forked, not started, by torchrun and for it."""
    monkeypatch.setattr(sys, "executable", warm_python)


def same_history(run, other, atol):
    """Whether two runs logged the same steps and rates, and losses within a tolerance."""
    one, two = history(run), history(other)
    assert [row["step"] for row in one] == [row["step"] for row in two]
    assert rates(run) == rates(other)
    for row, its in zip(one, two, strict=True):
        assert row == pytest.approx(its, rel=0, abs=atol)


def test_two_processes_log_the_losses_of_one_and_log_them_once(lab, capfd):
    lab.sweep(BASE, changes=EVERY_STEP)
    capfd.readouterr()
    swept = sweeps.sweep(in_two_processes(lab, BASE, changes=EVERY_STEP), local, lab.said.append)
    assert swept.done == ("base",)
    same_history(lab.out() / "base", lab.out("two") / "base", 1e-4)
    assert record(lab.out("two") / "base")["processes"] == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert len([line for line in said.err.splitlines() if "step 12 of 12" in line]) == 1


def test_sharded_weights_are_saved_whole_and_a_continuation_starts_from_them(lab, warm):
    new = CPT + 'optimizer_state = "new"\n'
    lab.sweep(BASE, new, changes=EVERY_STEP)
    job = in_two_processes(lab, BASE, new, changes=SHARDED)
    assert torchrun.train(job, "base", lambda: False)
    lab.sweep(BASE, new, changes=SHARDED, out="two")
    for name in ("base", "cpt"):
        same_history(lab.out() / name, job.out / name, 1e-4)
    assert (job.out / "base/checkpoint-12/optimizer.bin").is_file()  # as sharding alone saves it
    assert record(job.out / "base")["model_size"] == record(lab.out() / "base")["model_size"]


def test_processes_that_are_asked_stop_with_a_checkpoint(lab, warm):
    job = in_two_processes(lab, BASE.replace("constant 8", "constant 8000"))
    run = job.out / "base"
    log = run / "trainer_state.json"
    assert not torchrun.train(job, "base", log.is_file)
    assert record(run)["status"] == "stopped"
    (step,) = steps_of(run)
    assert 0 < step < 8004
    assert history(run)[-1]["step"] == step
