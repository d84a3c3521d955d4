"""Which recipe to run for a goal."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cptlaw.cli.completing import FILE, FIT, FOLDER, MEASURE
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.options import DATA, LEVEL
from cptlaw.cli.prior import FLAG, OrPrior
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import DEMO, examples, figure_option, load_fit, say, say_written
from cptlaw.decisions.cost import PRICES, Prices
from cptlaw.decisions.plan.knobs import KNOBS, Knobs, Numbers
from cptlaw.errors import DataError


def _knob_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for every knob, with its default."""
    for name, knob in reversed(list(KNOBS.items())):
        default = _default(name)
        given: dict[str, Any] = {}
        if default is not None:  # click takes None for a value, and then nothing is missing
            given = {"default": default, "show_default": True}
        command = click.option(
            f"--{_option(name)}",
            _parameter(name),
            required=not hasattr(Knobs, name),
            metavar=knob.metavar,
            help=knob.help,
            **given,
        )(command)
    return command


def _option(name: str) -> str:
    """The option of a knob, without dashes before it."""
    return KNOBS[name].option or name.replace("_", "-")


def _parameter(name: str) -> str:
    """What the command calls a knob: --batch is what may vary, --batch-tokens what is given."""
    return _option(name).replace("-", "_")


def _default(name: str) -> str | None:
    """The default of a knob, as it is written on the command line; None where there is none."""
    value = getattr(Knobs, name, None)
    if value is None:
        return None
    if isinstance(value, str):
        return value
    return ",".join(value) if isinstance(value, tuple) else f"{value:g}"


def _price_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for everything that costs must be told."""
    for name, words in reversed(list(PRICES.items())):
        option = f"--{name.replace('_', '-')}"
        command = click.option(option, name, type=float, help=words)(command)
    return command


@click.command(
    cls=OrPrior,
    epilog=examples(
        'cptlaw plan fit.json --after base --goal "cpt=1 pt=0.3" \\',
        "    --peak 1e-4..1e-3 --steps 1200 -o plan",
        'cptlaw plan fit.json --after base --goal cpt=1 --limit "pt<=+0.5" \\',
        "    --peak 1e-4..1e-3 --steps 600,1200 --family constant,cosine",
        after=DEMO,
    ),
)
@click.argument("fit", metavar="FIT", type=FIT)
@click.option(
    FLAG,
    is_flag=True,
    expose_value=False,
    help="You have no runs yet: take ranges from other people's (cptlaw plan --prior --help).",
)
@click.option(
    "--goal",
    required=True,
    metavar="TEXT",
    help='What is to be low at the end: a weighted sum of losses, such as "cpt=1 pt=0.3"; the '
    'highest of them, "worst cpt=1 pt=1"; or a cost, "cheapest tokens" (steps, flops, hours, '
    "money), where --limit says which losses are good enough.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="TEXT ...",
    help='What must hold: "pt<=+1%" or "pt<=+0.02" (against the start), "cpt<=2.6", '
    '"tokens<=5e9", "flops<=1e20", "hours<=500", "money<=1000", "passes<=1".',
)
@click.option(
    "--after",
    multiple=True,
    metavar="RUN[@STEP] ...",
    help="What the run goes on from: a checkpoint, a range of them (base@1000..4000), "
    '"unknown:NAME", or a checkpoint annealed first ("base@32000 | linear 8000 to 0").',
)
@_knob_options
@click.option(
    "--knots", default=4, show_default=True, help="Number of straight lines in a free schedule."
)
@click.option(
    "--measure",
    type=MEASURE,
    metavar="NAME",
    default="loss",
    show_default=True,
    help="What the goal counts: loss, change (against --reference), perplexity, bits-per-byte.",
)
@click.option(
    "--bytes-per-token",
    multiple=True,
    metavar="DOMAIN=N ...",
    help="Bytes in a token of a domain, for bits-per-byte.",
)
@click.option(
    "--reference",
    metavar="RUN[@STEP]",
    help="The checkpoint that changes are measured against; by default the first start.",
)
@DATA
@click.option(
    "--base-schedule",
    metavar="TEXT",
    help="Learning rates of the pre-training, for published:NAME.",
)
@click.option(
    "--model-size", type=float, help="Parameters without embeddings; by default those of the start."
)
@click.option(
    "--batch-tokens", type=float, help="Tokens in a step; by default those of the fitted runs."
)
@_price_options
@LEVEL
@click.option("--anyway", is_flag=True, help="Plan even where your runs say nothing.")
@click.option(
    "-o",
    "--output",
    type=FOLDER,
    metavar="DIR",
    help="Write the plan, its schedule for a trainer, and an experiment of the lab.",
)
@click.option("--name", default="plan", show_default=True, help="The run's name in the experiment.")
@click.option(
    "--experiment",
    type=FILE,
    metavar="FILE",
    help="The experiment of the lab that -o adds the run to.",
)
@figure_option("Draw trade-offs, schedule and knobs (.png, .svg or .pdf).")
@formatted
def plan(
    fit: str,
    goal: str,
    limits: tuple[str, ...],
    output: str | None,
    name: str,
    experiment: str | None,
    figure: str | None,
    size: dict[str, Any],
    how: Format,
    **given: Any,
) -> None:
    """Find the recipe that serves a goal best, and say how sure that is.

    FIT is a file that `cptlaw fit -o` wrote, or published:NAME. A knob such as --peak is one value,
    a list (1e-4,2e-4) or a range (1e-5..2e-4); the best value of it is looked for. Without any run
    of yours, see `cptlaw plan --prior --help`.
    """
    from cptlaw.decisions.first_run import with_first_run
    from cptlaw.output.json.plan import plan_json
    from cptlaw.output.plan_files import check, write
    from cptlaw.output.tables import plan_rows

    if experiment is not None and output is None:
        raise DataError("--experiment is what -o writes from; give -o DIR too.")
    known = load_fit(fit)
    if output is not None:
        check(output, name, known.study)
    found = with_first_run(known, _planned(known, goal, limits, given))
    written: list[str] = []
    if figure is not None:
        doing(f"drawing {figure} ...")
        found.plot(figure, **size)
        written.append(figure)
    if output is not None:
        written += map(str, write(found, output, known.study, experiment, name))
    show(how, lambda: plan_json(found), found.summary, lambda: plan_rows(found))
    say_written(*written)
    say(f"next: {_next(known.study, output, found.best.recipe.schedule)}")


def _next(study: Any, output: str | None, schedule: Any) -> str:
    """What to do with a plan, in the user's own training framework where the logs tell it."""
    from cptlaw.output.trainers import trainer_of
    from cptlaw.schedules.text import short

    trainer = trainer_of(study)
    if output is None:
        more = "" if trainer is None or trainer.file is None else f" and for {trainer.name}"
        return f"add -o plan, for the schedule as CSV, as Python{more}"
    module = shlex.quote(str(Path(output) / "schedule.py"))
    if trainer is None:
        others = "lr_optax.py, hf.yaml, axolotl.yaml, llamafactory.yaml or megatron.args"
        text = shlex.quote(short(schedule.text))
        return (
            f"{module} says how PyTorch and transformers take it; for others: "
            f"cptlaw schedule {text} -o FILE, such as {others}"
        )
    own = None if trainer.file is None else Path(output) / trainer.file
    if own is not None and own.exists():
        by_step = f"{module} has every step for PyTorch"
        return f"{shlex.quote(str(own))} has {trainer.what} for {trainer.name}; {by_step}"
    if trainer.name == "transformers":
        return f"{module} says how transformers' Trainer takes it"
    return f"{module} has lr_at(step) for {trainer.name}, and a scheduler of PyTorch"


def _planned(known: Any, goal: str, limits: tuple[str, ...], given: dict[str, Any]) -> Any:
    """The plan for what the command line says."""
    from cptlaw.decisions.plan import Aim, PlanOptions, plan

    values = {name: _read(name, given[_parameter(name)]) for name in KNOBS}
    knobs = Knobs(**values, after=given["after"] or (None,), knots=given["knots"])
    return plan(
        known,
        Aim.parse(goal, given["measure"], _pairs(given["bytes_per_token"])),
        knobs,
        limits,
        PlanOptions(
            data=given["data"],
            reference=given["reference"],
            base_schedule=given["base_schedule"],
            model_size=given["model_size"],
            batch_tokens=given["batch_tokens"],
            prices=Prices(**{name: given[name] for name in PRICES}),
            level=given["level"],
            anyway=given["anyway"],
        ),
        progress=doing,
    )


def _read(name: str, text: str | None) -> Any:
    """The values of a knob; words stay as they are."""
    if text is None or KNOBS[name].choices:
        return text
    return Numbers.parse(text, f"--{_option(name)}")


def _pairs(texts: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        try:
            number = float(value) if name else math.nan
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise DataError(f"--bytes-per-token {text}: expected DOMAIN=NUMBER, such as cpt=4.2.")
        if name in found:
            raise DataError(f"--bytes-per-token {text}: {name} is given twice. Keep one.")
        found[name] = number
    return found
