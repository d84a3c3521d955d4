"""Continued runs of an open 3.4B model at several peaks and replay shares (Marin's Delphi)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import UNKNOWN, Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.reading import bad_row, read_run, read_table
from cptlaw_evidence.sources.source import Curves, Origin, Protocol, Source, Split
from cptlaw_evidence.sources.splits import split

NAME = "delphi-midtraining"
BASE = "1e21"  # the one with several runs
OPEN, KNOWN = "unknown base", "assumed base"
_KEYS = ("file", "base", "replay_share_pt", "peak_lr", "warmup_steps", "total_steps")
# Nothing is logged of the base but its peak and its tokens; that it fell to 0 is assumed.
_STEPS, _WARMUP, _PEAK = 22_000, 1_000, 7.425e-3
_SIZE, _BATCH, _SEQUENCE = 3.4e9, 512 * 4096, 4096
_SHARES = {"33 %": "1e21_p33m67", "67 %": "1e21_p67m33"}
_HALF = "1e21_p50m50_lr50"


def load(folder: Path) -> Curves:
    """Read runs.csv and the logs of one base; only the loss on D_cpt was measured.

    There are two studies of them: the base is unknown, or its schedule is assumed.

    Raises:
        DataError: a file or column is missing.
    """
    path = folder / "runs.csv"
    runs = [
        _run(folder, row, number)
        for number, row in enumerate(read_table(path, _KEYS), start=2)
        if row["base"] == BASE
    ]
    schedule = Schedule.parse(f"warmup {_WARMUP} to {_PEAK} | linear {_STEPS - _WARMUP} to 0")
    base = Run(BASE, schedule=schedule, model_size=_SIZE, batch_tokens=_BATCH, optimizer="adamh")
    known = [base, *(replace(run, after=BASE) for run in runs)]
    studies = {
        name: Study({"cpt": "math"}, tuple(some)) for name, some in ((OPEN, runs), (KNOWN, known))
    }
    return Curves(NAME, studies)


def _run(folder: Path, row: dict[str, str], number: int) -> Run:
    try:
        warmup, steps = int(row["warmup_steps"]), int(row["total_steps"])
        peak, replay = float(row["peak_lr"]), float(row["replay_share_pt"])
    except ValueError:
        raise bad_row(folder / "runs.csv", number, _KEYS) from None
    name = row["file"].removesuffix(".csv")
    schedule = Schedule.parse(f"warmup {warmup} to {peak!r} | linear {steps - warmup} to 0")
    run = read_run(folder / row["file"], "math", name, schedule)
    return replace(
        run,
        after=f"{UNKNOWN}{BASE}",
        data="cpt",
        replay=replay,
        model_size=_SIZE,
        batch_tokens=_BATCH,
        sequence_length=_SEQUENCE,
        optimizer="adamh",
        optimizer_reset=True,
    )


def _at(*factors: int) -> tuple[str, ...]:
    """The runs of both shares at these hundredths of the base's peak."""
    return tuple(f"{stem}_lr{factor}" for stem in _SHARES.values() for factor in factors)


def _peaks(study: str) -> Callable[[Curves], tuple[Split, ...]]:
    """Two peaks of one replay share, or of both, to the higher third."""

    def splits(curves: Curves) -> tuple[Split, ...]:
        runs = curves.studies[study]
        both = split("both shares", runs, (*_at(33, 50), _HALF), _at(67))
        alone = [
            split(f"{share} replay alone", runs, (f"{s}_lr33", f"{s}_lr50"), (f"{s}_lr67",))
            for share, s in _SHARES.items()
        ]
        return (*alone, both)

    return splits


def _down(curves: Curves) -> tuple[Split, ...]:
    return (split("down", curves.studies[KNOWN], (*_at(50, 67), _HALF), _at(33)),)


def _replay(curves: Curves) -> tuple[Split, ...]:
    return (split("50 %", curves.studies[KNOWN], _at(33, 50, 67), (_HALF,)),)


def _one_peak(curves: Curves) -> tuple[Split, ...]:
    return (split("one peak", curves.studies[KNOWN], (*_at(50), _HALF), _at(33, 67)),)


_PEAKS = (
    "peaks of .33 and .5 of the base's, at one replay share or at both",
    "the peak of .67 at that share",
)

SOURCE = Source(
    NAME,
    "7 continued runs of a 3.4B model, validation loss on D_cpt; its pre-training was not logged "
    "and counts as a line down to 0, or as unknown",
    load,
    (
        Protocol("delphi-peak", NAME, *_PEAKS, _peaks(KNOWN), apart=True),
        Protocol(
            "delphi-peak-down",
            NAME,
            "peaks of .5 and .67 of the base's",
            "the peak of .33",
            _down,
        ),
        Protocol(
            "delphi-one-peak",
            NAME,
            "the peak of .5 of the base's alone, at three replay shares",
            "peaks of .33 and .67",
            _one_peak,
        ),
        Protocol(
            "delphi-replay",
            NAME,
            "33 and 67 % replay at three peaks",
            "50 % replay at the middle peak",
            _replay,
        ),
        Protocol(
            "delphi-open",
            NAME,
            f"{_PEAKS[0]}; the base counts as unknown",
            _PEAKS[1],
            _peaks(OPEN),
            apart=True,
        ),
    ),
    origin=Origin(
        (
            "github.com/ahmeda14960/ahmeda14960.github.io, delphi-midtraining/index.html; "
            "recipe: github.com/marin-community/marin"
        ),
        "none stated",
        f"a CSV for each run: step, lr, math; runs.csv: {', '.join(_KEYS)}",
    ),
)
