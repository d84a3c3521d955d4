"""Which run to do next, and how good that advice is."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cptlaw.cli.completing import FILE, FIT, FOLDER
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import DEMO, Many, examples, load_fit, say, say_written
from cptlaw.errors import DataError

if TYPE_CHECKING:
    from cptlaw.decisions.pilot import Pilots


@click.command(
    cls=Many,
    epilog=examples(
        'cptlaw pilot fit.json --budget 5000steps --goal "cpt=1 pt=0.3"',
        "cptlaw pilot fit.json --budget 4e7tokens --goal cpt=1 --peak 5e-4 1e-3 --count 2 -o next",
        "cptlaw pilot --new --model-size 1e8 --budget 1e9tokens --batch-tokens 131072",
        after=DEMO,
    ),
)
@click.argument("fit", metavar="[FIT]", required=False, type=FIT)
@click.option(
    "--budget",
    required=True,
    metavar="N",
    help="What all the runs may cost: 5000steps, 4e7tokens or 1e15FLOPs.",
)
@click.option(
    "--goal",
    metavar="TEXT",
    help='What the long run is to be good at: weights of final losses, such as "cpt=1 pt=0.3".',
)
@click.option(
    "--after", multiple=True, metavar="RUN[@STEP] ...", help="What the candidates go on from."
)
@click.option(
    "--schedule",
    multiple=True,
    metavar="TEXT ...",
    help="Schedules of the candidates; the word PEAK stands for each --peak.",
)
@click.option(
    "--peak", type=float, multiple=True, metavar="LR ...", help="Peak LRs of the candidates."
)
@click.option(
    "--replay", type=float, multiple=True, metavar="R ...", help="Replay shares of the candidates."
)
@click.option(
    "--steps",
    type=click.IntRange(min=10),
    help="Steps of the candidates, of the five usual schedules.",
)
@click.option(
    "--target",
    multiple=True,
    metavar="TEXT ...",
    help="Schedules of the long runs that you choose among; by default the candidates.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many runs to name.",
)
@click.option(
    "--new",
    "is_new",
    is_flag=True,
    help="You have no fit yet: name the first runs; needs --model-size.",
)
@click.option("--unknown", metavar="NAME", help="With --new: the open model that they go on from.")
@click.option("--model-size", type=float, help="With --new: parameters without embeddings.")
@click.option("--batch-tokens", type=float, help="Tokens in a step.")
@click.option("--sequence-length", type=int, help="Tokens in a sequence.")
@click.option(
    "--experiment",
    type=FILE,
    metavar="FILE",
    help="The experiment of the lab that -o adds the runs to.",
)
@click.option(
    "-o",
    "--output",
    type=FOLDER,
    metavar="DIR",
    help="Write study.toml, experiment.toml and pilots.json there.",
)
@formatted
def pilot(
    fit: str | None,
    is_new: bool,
    output: str | None,
    experiment: str | None,
    how: Format,
    **given: Any,
) -> None:
    """Name the short run to do next: the one that helps most to choose the long run.

    FIT is a file that `cptlaw fit -o` wrote. In the end you will do the run whose final losses,
    weighted by --goal, are lowest; a pilot is good if it makes that choice surer for its cost.
    """
    from cptlaw.output import pilot_files
    from cptlaw.output.json.pilot import pilots_json
    from cptlaw.output.tables import pilots_rows

    if experiment is not None and output is None:
        raise DataError("--experiment is what -o writes from; give -o DIR too.")
    if output is not None:
        pilot_files.check(output)
    found = _first(fit, given) if is_new else _next(fit, given)
    written = pilot_files.write(found, output, experiment) if output is not None else []
    show(how, lambda: pilots_json(found), found.summary, lambda: pilots_rows(found))
    say_written(*map(str, written))
    if output is None:
        say("next: add -o next, for a study and an experiment of the lab with these runs")
    else:
        path = shlex.quote(str(Path(output) / "experiment.toml"))
        say(f"next: cptlaw lab sweep {path} --dry-run")


def _first(fit: str | None, given: dict[str, Any]) -> Pilots:
    """The first runs of a model."""
    from cptlaw.decisions.pilot import first_pilots

    if fit is not None:
        raise DataError(f"{fit}: --new plans first runs, without a fit. Leave one of them out.")
    for key in ("goal", "after", "schedule", "replay", "steps", "target"):
        if given[key]:
            raise DataError(f"--{key} belongs to a fit; leave it out with --new.")
    if given["model_size"] is None:
        raise DataError("--new needs --model-size N, the model's non-embedding parameters.")
    if len(given["peak"]) > 1:
        raise DataError("--new takes one --peak; the second peak is half of it.")
    return first_pilots(
        given["model_size"],
        given["budget"],
        peak=given["peak"][0] if given["peak"] else None,
        batch_tokens=given["batch_tokens"],
        sequence_length=given["sequence_length"],
        unknown=_named(given["unknown"]),
    )


def _named(unknown: str | None) -> str | None:
    if unknown is not None and not unknown.strip():
        raise DataError("--unknown needs the name of the open model, such as llama.")
    return unknown


def _next(name: str | None, given: dict[str, Any]) -> Pilots:
    """The next runs after those of a fit."""
    from cptlaw.decisions.goal import Goal
    from cptlaw.decisions.pilot import Budget, candidates
    from cptlaw.decisions.pilot import pilot as propose

    if name is None:
        raise DataError("give FIT, the file of a fit, or --new for first runs.")
    if given["unknown"] is not None:
        raise DataError(
            "--unknown belongs to --new; after a fit, runs go on as its own do (or --after)."
        )
    if given["goal"] is None:
        raise DataError('give --goal, what is decided, such as --goal "cpt=1 pt=0.3".')
    if given["model_size"] is not None:
        raise DataError("--model-size belongs to --new; a candidate has the size of its base.")
    budget, goal = Budget.parse(given["budget"]), Goal.parse(given["goal"])
    fit = load_fit(name)
    if fit.study is None:
        raise DataError(f"{name}: published coefficients come without runs. Fit a study of yours.")
    alike = {
        "after": given["after"],
        "peaks": given["peak"],
        "replay": given["replay"],
        "steps": given["steps"],
        "data": "cpt" if fit.study.has_cpt or "cpt" in fit.domains else "pt",
        "batch_tokens": given["batch_tokens"],
        "sequence_length": given["sequence_length"],
    }
    runs = candidates(fit.study, schedules=given["schedule"], **alike)
    if given["target"]:
        targets = candidates(fit.study, schedules=given["target"], prefix="target-", **alike)
        goal = Goal(goal.weights, targets)
    say(f"{len(runs)} candidates, {len(goal.targets) or len(runs)} runs to choose from ...")
    return propose(fit, goal, runs, budget, given["count"], progress=doing)
