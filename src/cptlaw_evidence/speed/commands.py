"""What commands cost as processes of their own, from the first import on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cptlaw.errors import DataError
from cptlaw.page import table
from cptlaw.studies import datasets
from cptlaw_evidence.speed.plans import GOAL
from cptlaw_evidence.timing import Progress, median, ratio

STUDY = "tiny-cpt"
BARE = "import numpy, scipy.optimize"
"""What a script of one's own imports before it does anything."""


def measure(rounds: int, progress: Progress) -> dict[str, Any]:
    """Run commands on the bundled runs by turns; each once before, so that all files are warm."""
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        lines = command_lines(Path(folder))
        environment = _with_bytecode(Path(folder))
        for turn in range(rounds + 1):
            for name, words in lines.items():
                progress(f"({turn + 1} of {rounds + 1}) {name} ...")
                cost = _cost(words, environment)
                if turn:
                    found.setdefault(name, []).append(cost)
    bare = [seconds for seconds, _ in found[BARE]]
    return {
        "study": STUDY,
        "rounds": rounds,
        "commands": [
            {
                "command": name,
                "seconds": median([seconds for seconds, _ in each]),
                "ratio": ratio([seconds for seconds, _ in each], bare),
                "megabytes": median([megabytes for _, megabytes in each]),
            }
            for name, each in found.items()
        ],
    }


def command_lines(folder: Path) -> dict[str, Sequence[str]]:
    """Name -> the words of a command; those that need a fit come after the one that writes it."""
    study, fitted = str(datasets.path(STUDY) / "study.toml"), str(folder / "fit.json")
    cosine = "warmup 20 to 1e-3 | cosine 780 to 0"
    knobs = ("--peak", "2e-4..1e-3", "--steps", "300..800", "--replay", "0..0.5")
    held_out = ("cpt-cosine", "hidden-pt-const", "mixed-const-replay0.25")
    ours = (sys.executable, "-m", "cptlaw")
    return {
        BARE: (sys.executable, "-c", BARE),
        "import cptlaw": (sys.executable, "-c", "import cptlaw"),
        "cptlaw --help": (*ours, "--help"),
        "cptlaw fit": (*ours, "fit", study, "-o", fitted),
        "cptlaw forecast": (*ours, "forecast", fitted, "--after", "base", "--schedule", cosine),
        "cptlaw plan, 3 knobs": (*ours, "plan", fitted, "--after", "base", "--goal", GOAL, *knobs),
        "cptlaw backtest, 3 laws": (
            *(*ours, "backtest", study, "--hold-out", *held_out),
            *("--law", "effective", "eq4", "eq10"),
        ),
    }


def _with_bytecode(folder: Path) -> dict[str, str]:
    """The environment of commands whose modules are compiled once, as pip does on installing."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def _cost(words: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """CPU seconds of a process, and megabytes at its most.

    Raises:
        DataError: it failed.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as told:
        note = Path(folder) / "cost.json"
        small = (sys.executable, "-I", "-S", "-c", _SMALL, str(note), *words)
        subprocess.run(small, stdout=told, stderr=subprocess.STDOUT, env=dict(environment))
        status, seconds, size = json.loads(note.read_text())
        if status:
            told.seek(0)
            raise DataError(f"{' '.join(words)} failed:\n{told.read().decode(errors='replace')}")
    return seconds, size / (1e6 if sys.platform == "darwin" else 1e3)


# A process counts as large as the one that began it: this one is small.
_SMALL = """
import json, os, sys
child = os.spawnvp(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, used = os.wait4(child, 0)
ended = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss
with open(sys.argv[1], "w") as note:
    json.dump(ended, note)
"""


def text(result: Mapping[str, Any]) -> str:
    """The measurement as a table."""
    rows = [
        (
            each["command"],
            f"{each['seconds']:.2f}",
            f"{each['ratio']:.1f}",
            f"{each['megabytes']:.0f}",
        )
        for each in result["commands"]
    ]
    title = f"Commands on {result['study']}, each a process of its own"
    return "\n".join(
        [
            table(("process", "s", "times the first", "MB"), rows, title),
            "From the start of Python to its end, modules compiled beforehand as pip does it. The "
            "first is what a script of one's own imports before it does anything.",
        ]
    )
