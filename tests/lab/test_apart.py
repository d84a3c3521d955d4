"""Runs in processes apart: bitwise those of this one, and no failure takes others along."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasets")

import command
from cptlaw.lab import compiling, records
from cptlaw.lab import sweep as sweeps
from cptlaw.lab.engines import apart
from cptlaw.lab.stopping import PARENT, asked_to_stop
from labs import BASE, CPT, history, record, weights

SIDE = '\n[[run]]\nname = "side"\nafter = "base"\nschedule = "constant 4 to 1e-3"\n'
WIDE = SIDE.replace('"side"', '"wide"\nbatch_sequences = 8')
LONG = SIDE.replace('"side"', '"long"').replace("constant 4", "constant 200000")
WILD = '\n[[run]]\nname = "wild"\nafter = "base"\nschedule = "warmup 1 to 1e30 | constant 3"\n'
AFTER = '\n[[run]]\nname = "after"\nafter = "wild"\nschedule = "constant 4 to 1e-3"\n'


@pytest.fixture(autouse=True)
def warm(warm_python, monkeypatch):
    """Processes are forked, not started."""
    monkeypatch.setattr(sys, "executable", warm_python)


@pytest.fixture
def groups(monkeypatch):
    """The runs of each process."""
    found = []
    do = apart._do
    monkeypatch.setattr(
        apart, "_do", lambda job, names, asked: found.append(names) or do(job, names, asked)
    )
    return found


def swept(lab, *runs, out="apart"):
    experiment = lab.load(*runs)
    names = tuple(node.name for node in experiment.nodes)
    job = sweeps.Job(experiment, lab.out(out), names, threads=1)
    return sweeps.sweep(job, apart.apart, lab.said.append)


def test_runs_of_one_shape_share_a_process_and_are_bitwise_those_of_their_own(lab, groups):
    """The continuation second in a process, alone in one, and in the process of the tests."""
    assert swept(lab, BASE, CPT, WIDE, SIDE).done == ("base", "cpt", "wide", "side")
    assert groups == [("base", "cpt", "side"), ("wide",)]
    for name in ("base", "cpt"):
        swept(lab, *(BASE, CPT)[: 1 + (name == "cpt")], out="own")
    assert groups[2:] == [("base",), ("cpt",)]
    for folder in (lab.folder / "own", lab.done):
        for name, steps in (("base", 12), ("cpt", 8)):
            assert history(folder / name) == history(lab.out("apart") / name)
            assert weights(folder / name, steps) == weights(lab.out("apart") / name, steps)


def test_a_failure_takes_along_what_goes_on_from_it_alone(lab, groups):
    found = swept(lab, BASE, WILD, AFTER, SIDE)
    assert found.done == ("base", "side")
    assert set(found.failed) == {"wild", "after"}
    assert "the run diverged" in found.failed["wild"]
    assert found.failed["after"] == "not run, since its base 'wild' failed"
    assert groups == [("base", "wild", "after", "side"), ("side",)]


def test_a_failure_is_told_once_before_the_end(lab, capfd):
    """By the sweep, not by the process of the run as well."""
    swept(lab, BASE, WILD)
    told = [*capfd.readouterr().err.splitlines(), *lab.said]
    assert sum("the run diverged" in line for line in told) == 1


def test_the_error_of_an_earlier_try_is_not_told_again(lab):
    """Where the next try ends before its record begins."""
    assert "the run diverged" in swept(lab, BASE, WILD).failed["wild"]
    with records.alone(lab.out("apart") / "wild", "wild"):
        told = swept(lab, BASE, WILD).failed["wild"]
    assert "diverged" not in told and "its words are above" in told


def watched(monkeypatch, run, act, times=1):
    """Act on the process that a run is trained in, as soon as it is."""
    start = subprocess.Popen

    def popen(*words, **options):
        process = start(*words, **options)

        def wait():
            while process.poll() is None:
                if (run / "checkpoint-4").exists() or record_says(run, "running"):
                    act(process)
                    return
                time.sleep(0.02)

        nonlocal times
        if run.name in words[0] and times:
            times -= 1
            threading.Thread(target=wait, daemon=True).start()
        return process

    monkeypatch.setattr(apart.subprocess, "Popen", popen)


def record_says(run, status):
    return (run / "run.json").is_file() and record(run)["status"] == status


def test_a_killed_process_loses_no_other_run(lab, groups, monkeypatch):
    """It is tried once more, alone, and then given up."""
    watched(monkeypatch, lab.out("apart") / "long", lambda process: process.kill(), times=2)
    found = swept(lab, BASE, LONG, SIDE)
    assert found.done == ("base", "side")
    assert "its process was ended by SIGKILL, perhaps for want of memory" in found.failed["long"]
    assert groups == [("base", "long", "side"), ("long",), ("side",)]
    assert any(said.endswith("tried once more, alone") for said in lab.said)


def test_killed_once_it_goes_on_to_the_same_weights(lab, groups, monkeypatch):
    slow = CPT.replace("cosine 8", "cosine 300")
    lab.sweep(BASE, slow)
    watched(monkeypatch, lab.out("apart") / "cpt", lambda process: process.kill())
    assert swept(lab, BASE, slow).done == ("base", "cpt")
    assert len(groups) <= 2
    assert weights(lab.out("apart") / "cpt", 300) == weights(lab.out() / "cpt", 300)
    assert history(lab.out("apart") / "cpt") == history(lab.out() / "cpt")


def test_asked_to_stop_it_leaves_a_checkpoint(lab, monkeypatch):
    def interrupt(_):
        os.kill(os.getpid(), signal.SIGINT)

    watched(monkeypatch, lab.out("apart") / "long", interrupt)
    found = swept(lab, BASE, LONG, SIDE)
    assert (found.done, found.stopped, found.failed) == (("base",), "long", {})
    assert record(lab.out("apart") / "long")["status"] == "stopped"


def test_a_process_stops_when_the_one_that_started_it_is_gone(monkeypatch):
    monkeypatch.setenv(PARENT, str(os.getpid()))
    with asked_to_stop() as asked:
        assert not asked()
    gone = subprocess.Popen(["true"])
    gone.wait()
    monkeypatch.setenv(PARENT, str(gone.pid))
    with asked_to_stop() as asked:
        assert asked()


def test_the_command_does_several_runs_and_takes_the_engine(lab):
    file = lab.write(BASE, CPT)
    ended = command.run("lab", "run", file, "base", "cpt", "-o", lab.out(), "--threads", 1)
    assert ended.status == 0
    assert weights(lab.out() / "cpt", 8) == weights(lab.done / "cpt", 8)
    words = ("lab", "sweep", file, "-o", lab.out("apart"), "--engine", "apart")
    assert command.run(*words, "--processes", 2).status == 2
    assert command.run(*words, "--threads", 1).status == 0


def test_compiled_code_is_kept_beside_the_tokens_and_forgotten_at_another_shape(lab, monkeypatch):
    import torch

    resets = []
    monkeypatch.setattr(torch._dynamo, "reset", lambda: resets.append(1))
    monkeypatch.setattr(compiling, "_process", {})
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("ACCELERATE_DYNAMO_USE_DYNAMIC", "False")
    plain = lab.load(BASE, CPT, WIDE)
    compiled = lab.load(BASE, CPT, WIDE, changes={"[training]": "[training]\ncompile = true"})
    compiling.ready(plain, plain.node("base"), lab.folder)
    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ
    for name in ("base", "cpt", "wide", "wide", "base"):
        compiling.ready(compiled, compiled.node(name), lab.folder)
    assert len(resets) == 2
    assert os.environ.pop("TORCHINDUCTOR_CACHE_DIR") == str(lab.folder / "compiled")
