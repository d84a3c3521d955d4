"""The whole way on bundled real runs, as a user would go it."""

from __future__ import annotations

import importlib.util
import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from cptlaw.cli.progress import doing
from cptlaw.cli.shared import tell
from cptlaw.files import make_folder
from cptlaw.fitting.fit import fit
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import with_refits
from cptlaw.forecasting.backtest import backtest
from cptlaw.forecasting.forecast import Forecast, forecast
from cptlaw.output import store
from cptlaw.output.json.backtest import backtest_json
from cptlaw.output.json.fit import fit_json
from cptlaw.output.json.forecast import forecast_json
from cptlaw.output.json.numbers import dumped
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

    Without matplotlib there are no figures, and it says how to get them.

    Args:
        directory: made if it is missing.
        say: is told of every step.
        as_json: print one JSON object instead of text.

    Raises:
        DataError: the directory cannot be made.
    """
    make_folder(directory)
    folder = datasets.copy(STUDY, directory)
    study = datasets.load(STUDY).without(OTHERS)
    show = (lambda text: None) if as_json else (lambda text: tell(f"{text}\n"))
    say(f"1. the data: {len(study.runs)} real runs of a 20M model, in {folder / 'study.toml'}")
    say(f"2. backtest: are forecasts right of runs that the fit has not seen ({_few(HELD_OUT)})?")
    tested = backtest(study, HELD_OUT, progress=doing)
    show(backtest_text(tested, notes=False))
    say("3. fit: what do all these runs decide?")
    fitted = with_refits(fit(study, progress=doing), doing)
    show(fitted.summary())
    say(f"4. forecast: how would a run end that nobody has done, {SCHEDULE}?")
    future = forecast(fitted, SCHEDULE, after="base")
    show(future.summary())
    store.save(fitted, directory / "fit.json")
    written = ["fit.json", *_drawn(fitted, future, directory, say)]
    if as_json:
        parts = {
            "backtest": backtest_json(tested),
            "fit": fit_json(fitted),
            "forecast": forecast_json(future),
        }
        tell(dumped(parts))
    for name in written:
        say(f"wrote {directory / name}")
    fit_file = shlex.quote(str(directory / "fit.json"))
    say(
        f'next: cptlaw forecast {fit_file} --after base --schedule "cosine 1200 to 0", '
        "or your own logs: cptlaw init LOG ... -o study.toml"
    )


def _few(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _drawn(fitted: Fit, future: Forecast, directory: Path, say: Callable[[str], None]) -> list[str]:
    """Draw the figures; their names, none where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        say("no figures: they need matplotlib. Install it with: pip install 'cptlaw[plot]'")
        return []
    doing("drawing fit.png (1 of 2) ...")
    fitted.plot(directory / "fit.png")
    doing("drawing forecast.png (2 of 2) ...")
    future.plot(directory / "forecast.png", fit=fitted)
    return ["fit.png", "forecast.png"]


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
