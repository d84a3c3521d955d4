"""Each run a job of Slurm: scripts to submit, a continuation after its base."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cptlaw.errors import DataError
from cptlaw.files import write_atomic
from cptlaw.lab.engines import torchrun
from cptlaw.lab.stopping import STOP_FILE
from cptlaw.lab.sweep import Ended, Engine, Job, Say

_HEADER = re.compile(r"(?:--)?([a-z][a-z0-9-]*)(=[^\n\r]+)?")

_SCRIPT = """\
#!/bin/bash
{header}
# Trains {name}. Written by: cptlaw lab sweep --engine slurm
set -uo pipefail
stop={stop}
rm -f "$stop"
again=no
trap 'again=yes; touch "$stop"' USR1
trap 'touch "$stop"' TERM
processes={processes}
export {variable}="$stop" OMP_NUM_THREADS={threads}
start=({python})
if [ "$processes" -gt 1 ]; then
  start+=(-m torch.distributed.run --standalone --nproc-per-node "$processes")
fi
"${{start[@]}}" {words} &
child=$!
status=0
wait "$child" || status=$?
while kill -0 "$child" 2>/dev/null; do
  status=0
  wait "$child" || status=$?
done
if [ -e "$stop" ] && {{ [ "$status" -eq 0 ] || [ "$status" -eq 130 ]; }}; then
  rm -f "$stop"
  [ "$again" = yes ] && scontrol requeue "$SLURM_JOB_ID" && exit 0
  exit 130
fi
exit "$status"
"""

_SUBMIT = """\
#!/bin/bash
# Submits the runs of {name} that are left, bases first. Written by: cptlaw lab sweep
set -euo pipefail
submit() { sbatch --parsable --kill-on-invalid-dep=yes "$@"; }
"""


def engine(options: Sequence[str], submit: bool) -> Engine:
    """The engine for Slurm.

    Args:
        options: further lines for the head of each script, such as "partition=gpu".
        submit: whether to submit the jobs too.

    Raises:
        DataError: an option that is none, or there is no sbatch to submit with.
    """
    for option in options:
        if not _HEADER.fullmatch(option):
            raise DataError(
                f"--slurm {option!r}: expected an option of sbatch by its long name, such as "
                "--slurm partition=gpu or --slurm exclusive."
            )
    if submit and shutil.which("sbatch") is None:
        raise DataError(
            "--submit: there is no sbatch on this machine. Leave --submit out, and run the script "
            "where Slurm is."
        )
    return lambda job, say: _slurm(job, say, options, submit)


def _slurm(job: Job, say: Say, options: Sequence[str], submit: bool) -> Ended:
    """Write a script for every run of a job and one that submits them all; train nothing here.

    A run that Slurm signals saves a checkpoint. It is queued again after USR1, two minutes before
    its time is over; after TERM Slurm decides, by whether the job was pre-empted or cancelled. A
    run whose base fails is taken out of the queue. Without --processes, a run takes one process
    for each GPU of its node.

    Raises:
        DataError: sbatch refused a job.
    """
    folder = job.out / "slurm"
    folder.mkdir(parents=True, exist_ok=True)
    for name in job.names:
        write_atomic(_script_file(job, name), _script(job, name, options))
    path = write_atomic(folder / "submit.sh", _submit_script(job))
    say(f"wrote {len(job.names)} scripts and {path}")
    if submit:
        status = subprocess.run(["bash", str(path)], check=False).returncode
        if status:
            raise DataError(
                f"{path} ended with status {status}; the words of sbatch are above. Mend the "
                "options (--slurm), and cancel what was submitted (scancel) before the next try."
            )
    else:
        say(f"next: bash {shlex.quote(str(path))}")
    say("once all jobs are done, the same command writes the study.")
    return Ended({})


def _script_file(job: Job, name: str) -> Path:
    return job.out / "slurm" / f"{name}.sbatch"


def _script(job: Job, name: str, options: Sequence[str]) -> str:
    """The script of a run; every word of ours is quoted."""
    return _SCRIPT.format(
        header="\n".join(f"#SBATCH --{line}" for line in _header(job, name, options)),
        name=name,
        stop=shlex.quote(str(job.out / "slurm" / f"{name}.stop")),
        variable=STOP_FILE,
        threads=job.threads or "$(((${SLURM_CPUS_PER_TASK:-1} + processes - 1) / processes))",
        processes=job.processes if job.processes > 1 else "${SLURM_GPUS_ON_NODE:-1}",
        python=shlex.quote(sys.executable),
        words=shlex.join(torchrun.module(job, name)),
    )


def _header(job: Job, name: str, options: Sequence[str]) -> list[str]:
    """The options of sbatch; one that the user gives stands instead of ours."""
    ours = {
        "job-name": f"={name}",
        "nodes": "=1",
        "ntasks": "=1",
        "cpus-per-task": f"={(job.threads or 1) * job.processes}",
        "requeue": "",
        "open-mode": "=append",
        "signal": "=B:USR1@120",
    }
    pairs: list[tuple[str, str]] = []
    for option in options:
        match = _HEADER.fullmatch(option)
        assert match is not None
        pairs.append((match[1], match[2] or ""))
    given = {key for key, _ in pairs}
    kept = [(key, value) for key, value in ours.items() if key not in given]
    return [key + value for key, value in (*kept, *pairs)]


def _submit_script(job: Job) -> str:
    """A line for each run that submits it and keeps the number of its job."""
    numbers = {name: f"job_{i}" for i, name in enumerate(job.names, start=1)}
    lines = [_SUBMIT.replace("{name}", job.experiment.name)]
    for name, variable in numbers.items():
        base = numbers.get(job.experiment.node(name).after or "")
        log = str(job.out / "slurm" / f"{name}-").replace("%", "%%") + "%j.log"
        words = [
            *([f'--dependency=afterok:"${{{base}%%;*}}"'] if base else []),
            *(f"--output={shlex.quote(log)}", shlex.quote(str(_script_file(job, name)))),
        ]
        lines.append(f"{variable}=$(submit {' '.join(words)})")
        lines.append(f'echo {shlex.quote(name)}: "job ${{{variable}%%;*}}"')
    return "\n".join(lines) + "\n"
