"""From a study to numbers: fit, forecast, backtest."""

from __future__ import annotations

import shlex
from collections.abc import Sized
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from cptlaw.cli.completing import FILE, FIT, LAW, RUN
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.options import LEVEL, fitting_options, run_options
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import (
    DEMO,
    Many,
    check_laws,
    check_writable,
    examples,
    figure_option,
    load_fit,
    say,
    say_written,
)

if TYPE_CHECKING:
    from cptlaw.fitting.options import FitOptions


@click.command(
    epilog=examples(
        "cptlaw fit grid-20m/study.toml -o fit.json",
        "cptlaw fit grid-20m/study.toml --law paper --figure fit.png",
        "cptlaw fit grid-20m/study.toml --format csv",
        after=DEMO,
    )
)
@click.argument("study", metavar="STUDY", type=FILE)
@click.option(
    "--law",
    type=LAW,
    metavar="NAME",
    help="A law of `cptlaw laws`, or paper (the law of arXiv:2505.07796 that suits the study), "
    "auto (the law that forecasts your own runs best), average (the mean of several).",
)
@fitting_options
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write the fit, which the other commands read.",
)
@figure_option("Draw the fit and its residuals (.png, .svg or .pdf).")
@click.option(
    "--verbose",
    is_flag=True,
    help="Print the runs, equations, every coefficient, conventions and notes too.",
)
@formatted
def fit(
    study: str,
    law: str | None,
    options: FitOptions,
    output: str | None,
    figure: str | None,
    size: dict[str, Any],
    verbose: bool,
    how: Format,
) -> None:
    """Fit a law to the losses of a study, and say what your runs decide.

    STUDY is a study file, which names your logs (`cptlaw init` writes one). Each domain gets a fit
    of its own: pt is the data of pre-training, cpt the new data, ood.NAME any other set.
    """
    from cptlaw.fitting.fit import fit as fit_study
    from cptlaw.fitting.tradeoffs import tradeoffs
    from cptlaw.fitting.uncertainty import with_refits
    from cptlaw.output import store
    from cptlaw.output.json.fit import fit_json
    from cptlaw.output.tables import fit_rows
    from cptlaw.studies import study_file

    check_writable(output, figure, reads=[study])
    check_laws([] if law is None else [law])
    loaded = study_file.load(study, doing.later())
    result = fit_study(loaded, law, options, progress=doing)
    result = with_refits(result, doing)
    said = [t.sentence for role in result.domains for t in tradeoffs(result, role)]
    result = replace(result, notes=(*result.notes, *said))
    what = f"{_count(loaded.domains, 'domain')} of {_count(loaded.runs, 'run')}"
    say(f"fitted {what} in {result.seconds:.2f} s")
    if output is not None:
        store.save(result, output)
    if figure is not None:
        doing(f"drawing {figure} ...")
        result.plot(figure, **size)
    show(how, lambda: fit_json(result), lambda: result.summary(verbose), lambda: fit_rows(result))
    say_written(output, figure)
    say(
        f"next: cptlaw forecast {shlex.quote(output or 'fit.json')} {_example(loaded)}"
        + ("" if output else "   (write the fit first: -o fit.json)")
    )


@click.command(
    epilog=examples(
        'cptlaw forecast fit.json --after base --schedule "cosine 2000 to 0"',
        "cptlaw forecast fit.json --after base@3000 --replay 0.25 \\",
        '    --schedule "warmup 100 to 1e-3 | linear 1900 to 0" --format csv',
        'cptlaw forecast published:fineweb-law-106m --base-schedule "constant 2000 to 2e-4" \\',
        '    --schedule "cosine 1000 to 0"',
        after=DEMO,
    )
)
@click.argument("fit", metavar="FIT", type=FIT)
@click.option(
    "--schedule",
    required=True,
    metavar="TEXT",
    help='Learning rates of the run, such as "cosine 2000 to 0".',
)
@run_options
@click.option(
    "--domain-tokens",
    type=float,
    help="Different tokens of the new data, if the run sees them more than once.",
)
@click.option(
    "--every", type=int, help="Steps between two points of the curve; by default about 400 points."
)
@LEVEL
@click.option("--anyway", is_flag=True, help="Forecast even where your runs say nothing.")
@click.option(
    "-o", "--output", type=FILE, metavar="FILE", help="Write the forecast, for `cptlaw report`."
)
@figure_option("Draw the curves (.png, .svg or .pdf).")
@formatted
def forecast(
    fit: str,
    schedule: str,
    after: str | None,
    base_schedule: str | None,
    data: Any,
    replay: float | None,
    model_size: float | None,
    batch_tokens: float | None,
    sequence_length: int | None,
    domain_tokens: float | None,
    every: int | None,
    level: float,
    anyway: bool,
    output: str | None,
    figure: str | None,
    size: dict[str, Any],
    how: Format,
) -> None:
    """Predict the losses of a run that nobody has done yet.

    FIT is a file that `cptlaw fit -o` wrote, or published:NAME (see `cptlaw published`). The run
    is told by --schedule and by what it goes on from.
    """
    from cptlaw.forecasting.forecast import forecast as predict
    from cptlaw.output import store
    from cptlaw.output.json.forecast import forecast_json
    from cptlaw.output.tables import forecast_rows

    check_writable(output, figure, reads=[fit])
    loaded = load_fit(fit)
    result = predict(
        loaded,
        schedule,
        after=after,
        base_schedule=base_schedule,
        data=data,
        replay=replay,
        model_size=model_size,
        batch_tokens=batch_tokens,
        sequence_length=sequence_length,
        domain_tokens=domain_tokens,
        every=every,
        level=level,
        anyway=anyway,
    )
    if output is not None:
        store.save(result, output)
    if figure is not None:
        doing(f"drawing {figure} ...")
        result.plot(figure, fit=loaded, **size)
    show(how, lambda: forecast_json(result), result.summary, lambda: forecast_rows(result))
    if how not in ("text", "markdown"):
        for warning in result.warnings:
            say(f"warning: {warning}")
    say_written(output, figure)
    if figure is None:
        say("next: add --figure forecast.png to see the curves")


@click.command(
    cls=Many,
    epilog=examples(
        "cptlaw backtest grid-20m/study.toml --hold-out cpt-cosine",
        "cptlaw backtest grid-20m/study.toml --hold-out cpt-cosine --law effective paper",
        "cptlaw backtest grid-20m/study.toml --fit-steps 0.3 --format csv",
        after=DEMO,
    ),
)
@click.argument("study", metavar="STUDY", type=FILE)
@click.option(
    "--hold-out", type=RUN, multiple=True, metavar="RUN ...", help="Runs that the fit does not see."
)
@click.option(
    "--fit-steps",
    type=float,
    metavar="FRACTION",
    help="Instead: fit this first share of each run, forecast the rest.",
)
@click.option(
    "--law",
    type=LAW,
    multiple=True,
    metavar="NAME ...",
    help="Laws to try, of `cptlaw laws`; by default the usual one.",
)
@fitting_options
@click.option(
    "-o", "--output", type=FILE, metavar="FILE", help="Write the result, for `cptlaw report`."
)
@formatted
def backtest(
    study: str,
    hold_out: tuple[str, ...],
    fit_steps: float | None,
    law: tuple[str, ...],
    options: FitOptions,
    output: str | None,
    how: Format,
) -> None:
    """Fit on some runs, predict the others, and say how far off the forecasts are."""
    from cptlaw.forecasting.backtest import backtest as run_backtest
    from cptlaw.output import store
    from cptlaw.output.json.backtest import backtest_json
    from cptlaw.studies import study_file

    check_writable(output, reads=[study])
    laws = list(dict.fromkeys(name for word in law for name in word.split(",")))
    check_laws(laws)
    loaded = study_file.load(study, doing.later())
    held = [name for word in hold_out for name in _words(word, loaded)]
    result = run_backtest(
        loaded,
        held,
        fit_steps=fit_steps,
        laws=laws,
        options=options,
        progress=doing,
    )
    if output is not None:
        store.save(result, output)
    say_written(output)
    show(how, lambda: backtest_json(result), result.summary)
    say(f"next: cptlaw fit {shlex.quote(study)} -o fit.json, to fit on all runs")


def _words(word: str, study: Any) -> list[str]:
    return [word] if study.has_run(word) else word.split(",")


def _count(things: Sized, word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _example(study: Any) -> str:
    """Options of a forecast that suits a study: a CPT from its base, or D_pt training."""
    from cptlaw.schedules.usual import usual_warmup

    peak = f"{max(run.schedule.peak for run in study.runs):.3g}"
    if not study.has_cpt:
        steps = max(study.runs[0].steps, 2)
        warmup = max(steps // 50, 1)
        return f'--schedule "warmup {warmup} to {peak} | cosine {steps - warmup} to 0"'
    cpt = [run for run in study.runs if run.data == "cpt" and run.after is not None]
    run = cpt[0]
    steps = max(each.steps for each in cpt)
    rates = f"cosine {steps} to 0"
    if not study.before(run).last_lr and steps > 1:
        warmup = usual_warmup(steps)
        rates = f"warmup {warmup} to {peak} | cosine {steps - warmup} to 0"
    base = run.after
    if run.after_step is not None and run.after_step < study.run(base).steps:
        base = f"{base}@{study.run(base).first_step + run.after_step}"
    words = f'--after {shlex.quote(base)} --schedule "{rates}"'
    if len({each.batch_label for each in cpt}) > 1:
        given = {"--batch-tokens": run.batch_tokens, "--sequence-length": run.sequence_length}
        words += "".join(f" {key} {value:.15g}" for key, value in given.items() if value)
    return words
