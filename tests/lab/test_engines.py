"""Ray and Slurm leave what the local engine leaves."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time

import pytest

import command
from labs import BASE, CPT, history, record, steps_of

pytest.importorskip("torch")
pytest.importorskip("transformers")

from cptlaw.errors import DataError, MissingExtra
from cptlaw.lab import sweep as sweeps
from cptlaw.lab.engines import ray as ray_engine
from cptlaw.lab.engines import slurm

LONG = BASE.replace("constant 8", "constant 200000")
BAD = """
[[run]]
name = "bad"
schedule = "warmup 1 to 1e30 | constant 3"
"""
AFTER_BAD = """
[[run]]
name = "after-bad"
after = "bad"
schedule = "cosine 4 to 0"
"""
SBATCH = """\
#!/bin/bash
# Runs a job at once, as a Slurm that has nothing else to do.
printf '%s\\n' "$*" >> "$FAKE/submitted"
number=$(wc -l < "$FAKE/submitted")
SLURM_JOB_ID=$number bash "${@: -1}" > "$FAKE/$number.log" 2>&1
echo "$number;cluster"
"""
SCONTROL = """\
#!/bin/bash
printf '%s\\n' "$*" >> "$FAKE/requeued"
"""
PYTHON = """\
#!/bin/bash
# A run that goes on until it is asked to stop.
touch "$FAKE/begun"
until [ -e "$CPTLAW_STOP_FILE" ]; do sleep 0.05; done
touch "$FAKE/stopped"
exit 130
"""


def job_of(lab, *runs, out="other", processes=1):
    experiment = lab.load(*runs)
    names = tuple(node.name for node in experiment.nodes)
    return sweeps.Job(experiment, lab.out(out), names, threads=1, processes=processes)


# --- Ray --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_ray_leaves_the_runs_and_studies_that_the_local_engine_leaves(lab):
    pytest.importorskip("ray")
    runs = (BASE, BAD, CPT, AFTER_BAD)
    here = lab.sweep(*runs)
    swept = sweeps.sweep(job_of(lab, *runs), ray_engine.engine(None), lab.said.append)
    assert swept.done == here.done == ("base", "cpt")
    assert swept.failed == here.failed
    assert swept.failed["after-bad"] == "not run, since its base 'bad' failed"
    for name in swept.done:
        assert history(lab.out("other") / name) == history(lab.out() / name)
    for mine, its in zip(swept.studies, here.studies, strict=True):
        assert mine.read_bytes() == its.read_bytes()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_interrupt_stops_the_tasks_of_ray_with_a_checkpoint(lab):
    pytest.importorskip("ray")
    job = job_of(lab, LONG, CPT)
    run = job.out / "base"
    watcher = threading.Thread(target=interrupt_once, args=(run / "trainer_state.json",))
    watcher.start()
    swept = sweeps.sweep(job, ray_engine.engine(None), lab.said.append)
    watcher.join()
    assert (swept.done, swept.failed, swept.stopped) == ((), {}, "base")
    assert record(run)["status"] == "stopped"
    assert steps_of(run) == [history(run)[-1]["step"]]


def wait_for(file, seconds=120):
    end = time.monotonic() + seconds
    while not file.is_file() and time.monotonic() < end:
        time.sleep(0.05)


def interrupt_once(file):
    """Ctrl-C for this process as soon as a file is there."""
    wait_for(file)
    os.kill(os.getpid(), signal.SIGINT)


def test_without_ray_the_error_names_the_extra(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"cptlaw\[ray\]"):
        sweeps.sweep(job_of(lab, BASE), ray_engine.engine(None), lab.said.append)


# --- Slurm ------------------------------------------------------------------------------------


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A folder with sbatch, scontrol and python of our own, before all others on the PATH."""
    folder = tmp_path / "fake bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scontrol", SCONTROL), ("python", PYTHON)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(folder))
    return folder


def test_slurm_jobs_leave_the_study_that_the_local_engine_leaves(
    lab, fake, warm_python, monkeypatch
):
    monkeypatch.setattr(sys, "executable", warm_python)
    job = job_of(lab, BASE, CPT, out="its 100% own")
    swept = sweeps.sweep(job, slurm.engine(["partition=gpu"], True), lab.said.append)
    assert swept.done == ("base", "cpt")
    first, second = (fake / "submitted").read_text().splitlines()
    assert "--dependency" not in first
    assert "--dependency=afterok:1 " in second
    assert f"--output={job.out}/slurm/cpt-%j.log".replace("100%", "100%%") in second
    assert "#SBATCH --partition=gpu" in (job.out / "slurm/base.sbatch").read_text().splitlines()
    for name in swept.done:
        assert history(job.out / name) == history(lab.done / name)
    assert swept.studies[0].read_bytes() == (lab.done / "study.toml").read_bytes()


def test_a_slurm_job_that_runs_out_of_time_asks_for_a_stop_and_is_queued_again(
    lab, fake, monkeypatch
):
    monkeypatch.setattr(sys, "executable", str(fake / "python"))
    job = job_of(lab, LONG)
    sweeps.sweep(job, slurm.engine([], False), lab.said.append)
    assert f"next: bash {shlex.quote(str(job.out / 'slurm/submit.sh'))}" in lab.said
    environment = os.environ | {"SLURM_JOB_ID": "17"}
    script = subprocess.Popen(["bash", str(job.out / "slurm/base.sbatch")], env=environment)
    wait_for(fake / "begun")
    script.send_signal(signal.SIGUSR1)
    assert script.wait(30) == 0
    assert (fake / "stopped").is_file()
    assert (fake / "requeued").read_text() == "requeue 17\n"
    assert not list((job.out / "slurm").glob("*.stop"))


def test_a_slurm_job_takes_the_processes_that_are_asked_for_or_one_for_each_gpu(lab):
    sweeps.sweep(job_of(lab, BASE, processes=4), slurm.engine([], False), lab.said.append)
    script = (lab.out("other") / "slurm/base.sbatch").read_text()
    assert "\nprocesses=4\n" in script
    assert "\n#SBATCH --cpus-per-task=4\n" in script
    sweeps.sweep(job_of(lab, BASE), slurm.engine(["cpus-per-task=9"], False), lab.said.append)
    script = (lab.out("other") / "slurm/base.sbatch").read_text()
    assert "\nprocesses=${SLURM_GPUS_ON_NODE:-1}\n" in script
    assert [line for line in script.splitlines() if "cpus" in line] == ["#SBATCH --cpus-per-task=9"]


@pytest.mark.parametrize("option", ["", "two words", "partition=a\necho b", "=x", "-p gpu"])
def test_what_is_no_option_of_sbatch_is_refused(option):
    with pytest.raises(DataError, match="expected an option of sbatch"):
        slurm.engine([option], False)


def test_submitting_needs_sbatch(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="there is no sbatch"):
        slurm.engine([], True)


def test_a_refused_job_is_an_error(lab, fake):
    (fake / "sbatch").write_text("#!/bin/bash\nexit 3\n")
    with pytest.raises(DataError, match=r"submit\.sh ended with status 3"):
        sweeps.sweep(job_of(lab, BASE, CPT), slurm.engine([], True), lab.said.append)


@pytest.mark.parametrize(
    ("words", "owner"),
    [
        (["--submit"], "slurm"),
        (["--slurm", "partition=gpu"], "slurm"),
        (["--engine", "slurm", "--ray-address", "auto"], "ray"),
    ],
)
def test_an_option_of_another_engine_is_refused(words, owner):
    ended = command.run("lab", "sweep", "none.toml", *words)
    assert ended.status == 2
    assert f"belongs to --engine {owner}" in ended.stderr
