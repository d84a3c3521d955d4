"""The whole way on bundled real runs, as a user would go it."""

from __future__ import annotations

import importlib.util
import json
import shlex
from collections.abc import Callable
from pathlib import Path

from cptlaw.cli.progress import doing
from cptlaw.cli.shared import tell
from cptlaw.errors import MissingExtra
from cptlaw.files import make_folder
from cptlaw.fitting.fit import fit
from cptlaw.fitting.uncertainty import with_refits
from cptlaw.forecasting.backtest import backtest
from cptlaw.forecasting.forecast import forecast
from cptlaw.output import store
from cptlaw.output.json.backtest import backtest_json
from cptlaw.output.json.fit import fit_json
from cptlaw.output.json.forecast import forecast_json
from cptlaw.output.text.backtest import backtest_text
from cptlaw.studies import datasets

STUDY = "grid-20m"
HELD_OUT = ("cpt-cosine", "half-wsd", "rewarmed-cosine")
OTHERS = (
    "hidden-pt-const",
    "early-const",
    "mixed-wsd-replay0.05",
    "mixed-const-replay0.25",
    "repeat-const",
)
SCHEDULE = "constant 300 | linear 900 to 0"


def run(directory: Path, say: Callable[[str], None], as_json: bool = False) -> None:
    """Fit, backtest, forecast and draw; figures and files go into `directory`.

    Args:
        directory: made if it is missing.
        say: is told of every step.
        as_json: print one JSON object instead of text.

    Raises:
        DataError: the directory cannot be made.
        MissingExtra: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtra("matplotlib", "plot", "The demo")
    make_folder(directory)
    folder = datasets.copy(STUDY, directory)
    study = datasets.load(STUDY).without(OTHERS)
    say(f"1. real runs of a 20M model, with a study file: {folder / 'study.toml'}")
    say(f"2. backtest: fit without {', '.join(HELD_OUT)}, forecast them, compare")
    tested = backtest(study, HELD_OUT, progress=doing)
    say("3. fit: the effective-LR law on D_pt and D_cpt, Eq. 6 on three out-of-domain sets")
    fitted = fit(study, progress=doing)
    say(f"4. forecast of a run that was never done: {SCHEDULE}")
    fitted = with_refits(fitted, doing)
    future = forecast(fitted, SCHEDULE, after="base")
    store.save(fitted, directory / "fit.json")
    doing("drawing fit.png (1 of 2) ...")
    fitted.plot(directory / "fit.png")
    doing("drawing forecast.png (2 of 2) ...")
    future.plot(directory / "forecast.png", fit=fitted)
    if as_json:
        parts = {
            "backtest": backtest_json(tested),
            "fit": fit_json(fitted),
            "forecast": forecast_json(future),
        }
        tell(json.dumps(parts, allow_nan=False))
    else:
        texts = (
            backtest_text(tested, notes=False),
            fitted.summary(),
            future.summary(),
        )
        tell("\n\n".join(texts))
    for name in ("fit.json", "fit.png", "forecast.png"):
        say(f"wrote {directory / name}")
    fit_file = directory / "fit.json"
    say(
        f'next: cptlaw forecast {fit_file} --after base --schedule "cosine 1200 to 0", '
        "or your own logs: cptlaw init LOG ... -o study.toml"
    )


def hand_over(
    name: str, directory: Path, say: Callable[[str], None], as_json: bool = False
) -> None:
    """Copy a bundled study with its logs into a folder of its name.

    Args:
        name: of the study.
        directory: made if it is missing.
        say: is told what there is, and what to do with it.
        as_json: print one JSON object instead of text.

    Raises:
        DataError: there is no such study, or the directory cannot be made.
    """
    datasets.path(name)  # raises where there is none of that name
    make_folder(directory)
    folder = datasets.copy(name, directory)
    study = folder / datasets.study_file_name(name)
    runs = datasets.load(name).runs
    if as_json:
        tell(json.dumps({"study": str(study), "runs": [run.name for run in runs]}))
    else:
        tell(f"{study}: {len(runs)} real runs: {', '.join(run.name for run in runs)}")
    say(f"what they are: {folder / 'CARD.md'}")
    say(f"next: cptlaw fit {shlex.quote(str(study))} -o fit.json")
