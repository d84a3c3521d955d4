"""Nine pre-training runs of a 100M model (arXiv:2503.12811)."""

from __future__ import annotations

from pathlib import Path

from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.reading import read_run
from cptlaw_evidence.sources.source import Curves, Origin, Protocol, Source, Split
from cptlaw_evidence.sources.splits import LONGER, longer, whole_runs

NAME = "multipower-100m"
WARMUP = "warmup 2160 to 3e-4"
SCHEDULES = {
    "constant_24000": "constant 21840",
    "constant_72000": "constant 69840",
    "cosine_24000": "cosine 21840 to 3e-5",
    "cosine_72000": "cosine 69840 to 3e-5",
    "wsd_20000_24000": "constant 17840 | exponential 4000 to 3e-5",
    "wsdld_20000_24000": "constant 17840 | linear 4000 to 3e-5",
    "wsdcon_3": "constant 5840 | constant 8000 to 3e-5",
    "wsdcon_9": "constant 5840 | constant 8000 to 9e-5",
    "wsdcon_18": "constant 5840 | constant 8000 to 18e-5",
}
THREE = ("cosine_24000", "constant_24000", "wsdcon_9")


def load(folder: Path) -> Curves:
    """Read the nine logs.

    Raises:
        DataError: a file or column is missing.
    """
    runs = tuple(_run(folder, name, text) for name, text in SCHEDULES.items())
    return Curves(NAME, {NAME: Study({"loss": "loss"}, runs)})


def _run(folder: Path, name: str, text: str) -> Run:
    schedule = Schedule.parse(f"{WARMUP} | {text}")
    return read_run(folder / f"{name}.csv", "loss", name, schedule, "adamw")


def _horizon(curves: Curves) -> tuple[Split, ...]:
    return tuple(longer(k, curves.study, "constant_72000", "wsdcon_9") for k in LONGER)


def _given(name: str, fitted: tuple[str, ...], said: str, scored: str) -> Protocol:
    return whole_runs(name, NAME, fitted, (), (said, scored), "mae")


SOURCE = Source(
    NAME,
    "9 pre-training runs of a 100M model, smoothed training loss (arXiv:2503.12811)",
    load,
    (
        _given(
            "multipower-three",
            THREE,
            "cosine 24k, constant 24k and one drop to 9e-5 at step 8k",
            "the other six: up to three times as long, WSD, other drops",
        ),
        _given(
            "multipower-one",
            ("wsdcon_9",),
            "one run with a drop to 9e-5 at step 8k of 16k",
            "the other eight, up to 4.5 times as long",
        ),
        _given(
            "one-run-multipower",
            ("cosine_24000",),
            "cosine 24k alone",
            "the other eight",
        ),
        _given(
            "no-drop-multipower",
            ("constant_24000",),
            "constant 24k alone",
            "the other eight",
        ),
        Protocol(
            "horizon-multipower",
            NAME,
            "constant 72k up to step 36k, 18k or 9k, with the drop to 9e-5 where it ends by then",
            "the rest of the constant run: 2, 4 and 8 times as long",
            _horizon,
            "mae",
            apart=True,
        ),
    ),
    origin=Origin(
        "github.com/thu-yao-01-luo/MultiPowerLaw (arXiv:2503.12811)",
        "MIT",
        (
            "a CSV for each run, named as there (constant_24000.csv, wsdcon_9.csv, ...): "
            "step, lr, loss"
        ),
    ),
)
