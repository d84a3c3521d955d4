"""The command line: thin commands over the same calls as the library.

A command is loaded when it is asked for, and what it works with is imported inside it, so that
--help stays quick.
"""

from __future__ import annotations

import os
import sys

import click

from cptlaw import ending
from cptlaw.cli import streams
from cptlaw.cli.loading import LazyGroup
from cptlaw.cli.shared import examples, say
from cptlaw.errors import CptlawError


def _show_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from cptlaw.cli import version

        click.echo(version.text())
        context.exit()


COMMANDS = {
    "demo": ("cptlaw.cli.showing", "The whole way on bundled real runs."),
    "read": ("cptlaw.cli.logs", "Show what a log holds, and what looks odd in it."),
    "init": ("cptlaw.cli.logs", "Write a first study.toml from logs."),
    "fit": ("cptlaw.cli.fitting", "Fit a law to the losses of a study."),
    "forecast": ("cptlaw.cli.fitting", "Predict the losses of a run that nobody has done yet."),
    "backtest": ("cptlaw.cli.fitting", "Say how far off forecasts of held-out runs are."),
    "compare": ("cptlaw.cli.compare", "Which law forecasts your own runs best."),
    "plan": ("cptlaw.cli.plan", "Which recipe serves a goal best, and how sure that is."),
    "pilot": ("cptlaw.cli.pilot", "Which short run to do next."),
    "watch": ("cptlaw.cli.watch", "Follow a run and forecast how it ends."),
    "schedule": ("cptlaw.cli.schedule", "Show learning rates, write them for a training run."),
    "explore": ("cptlaw.cli.explore", "Drag a recipe on a page and see the losses move."),
    "report": ("cptlaw.cli.report", "Write one file to send: fit, forecasts, plan."),
    "laws": ("cptlaw.cli.showing", "List the laws that can be fitted, with their equations."),
    "published": ("cptlaw.cli.showing", "List the coefficients that the paper prints."),
    "completion": ("cptlaw.cli.completion", "Complete words with the Tab key."),
    "lab": ("cptlaw.cli.lab", "Train real runs: pre-training, and what goes on from it."),
}
"""Name -> where a command is, and its line in the help."""


@click.group(
    cls=LazyGroup,
    own=COMMANDS,
    group="cptlaw.commands",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "cptlaw demo",
        "cptlaw fit grid-20m/study.toml -o fit.json",
        'cptlaw forecast fit.json --after base --schedule "cosine 2000 to 0"',
    ),
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, and what a bug report needs, and exit.",
)
def cli() -> None:
    """Predict and plan the continual pre-training of language models from its logs.

    Start with `cptlaw demo`. Of your own logs, `cptlaw init LOG ... -o study.toml` makes a study,
    and `cptlaw fit study.toml -o fit.json` a fit, from which the other commands work.

    A command prints its answer to standard output (see --format) and messages to standard error.
    `cptlaw completion --help` says how the Tab key completes commands, files and names.
    """


def main() -> None:
    """Run the command line; what a user can mend ends with status 2 and one message."""
    try:
        streams.prepare()
        if "_CPTLAW_COMPLETE" in os.environ:  # the Tab key was pressed
            from cptlaw.cli import completing

            completing.register()
        status = cli.main(prog_name="cptlaw", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except SystemExit:
        if streams.reader_has_gone():
            streams.give_up()
            sys.exit(streams.PIPE_CLOSED)
        raise
    except (click.exceptions.Abort, KeyboardInterrupt) as stop:
        ending.take_away()
        say(ending.INTERRUPTED)
        asked = stop if isinstance(stop, KeyboardInterrupt) else stop.__context__
        sys.exit(ending.status_of(asked or stop))
    except click.ClickException as error:
        _show(error)
        sys.exit(2)
    except CptlawError as error:
        say(f"error: {error}")
        sys.exit(2)
    except OSError as error:
        streams.give_up()
        say(f"error: {error.filename or 'the output'}: {error.strerror or error}.")
        sys.exit(2)
    except MemoryError:
        say("error: out of memory. Are the numbers of steps right?")
        sys.exit(2)
    except Exception as error:
        if os.environ.get("CPTLAW_TRACEBACK"):
            raise
        say(
            f"error: a bug in cptlaw, {type(error).__name__}: {error}. "
            "CPTLAW_TRACEBACK=1 in the environment shows where; please report it."
        )
        sys.exit(1)


def _no_such(error: click.NoSuchOption) -> str:
    from difflib import get_close_matches

    near = get_close_matches(error.option_name, error.possibilities or [], n=1, cutoff=0.7)
    return f"no such option '{error.option_name}'." + (
        f" Did you mean '{near[0]}'?" if near else ""
    )


def _show(error: click.ClickException) -> None:
    """One message in the form of all others; the help where a command is missing."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        error.show()
        return
    told = _no_such(error) if isinstance(error, click.NoSuchOption) else error.format_message()
    message = " ".join(told.split())
    context = error.ctx if isinstance(error, click.UsageError) else None
    more = f" See: {context.command_path} --help" if context is not None else ""
    say(f"error: {message[:1].lower()}{message[1:]}{more}")
