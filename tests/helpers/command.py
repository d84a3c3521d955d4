"""The command line run inside the test, and small logs to run it on."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest import mock

import pytest

from cptlaw import forecast, published
from cptlaw.cli import main
from cptlaw.cli.progress import doing

BASE = "warmup 100 to 2e-4 | constant 1900"
RUNS = {"cosine": "cosine 1000 to 0", "stages": "constant 500 | constant 500 to 2e-5"}
STUDY = """\
[domains]
pt = "eval_general_loss"
cpt = "eval_law_loss"

[[run]]
name = "base"
log = "base.csv"

[[run]]
name = "cosine"
log = "cosine.csv"
after = "base"

[[run]]
name = "stages"
log = "stages.csv"
after = "base"
"""


class Ended(NamedTuple):
    """How a command ended: exit status, and what it wrote where."""

    status: int
    stdout: str
    stderr: str


def run(*words):
    """`cptlaw WORDS`, through main(), as by a process of its own: none has told anything yet."""
    doing.__init__()
    out, err = io.StringIO(), io.StringIO()
    argv = mock.patch.object(sys, "argv", ["cptlaw", *map(str, words)])
    with argv, redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main()
    return Ended(ended.value.code, out.getvalue(), err.getvalue())


def write_logs(folder):
    """A base and two CPT runs of a published law without noise, and a study of them."""
    write_log(folder / "base.csv", BASE, data="pt")
    for name, schedule in RUNS.items():
        write_log(folder / f"{name}.csv", schedule, base_schedule=BASE)
    (folder / "study.toml").write_text(STUDY)


def write_log(path, schedule, fit="fineweb-law-106m", **start):
    """A CSV log with a row every 50 steps, its steps counted from 0."""
    made = forecast(published.load(fit), schedule, every=50, **start)
    lr = made.schedule.lr()
    lines = ["step,learning_rate,eval_general_loss,eval_law_loss"]
    pt, cpt = made.domains["pt"], made.domains["cpt"]
    for step, general, law in zip(pt.step, pt.loss, cpt.loss, strict=True):
        if step % 50 == 0:
            rate = "" if step == 0 else f"{lr[step - 1]:.9g}"
            lines.append(f"{step},{rate},{general:.6f},{law:.6f}")
    path.write_text("\n".join(lines) + "\n")
