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
from cptlaw.cli.shared import say
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
    "fit": ("cptlaw.cli.fitting", "Fit a law to every domain of a study file."),
    "forecast": ("cptlaw.cli.fitting", "Predict the losses of a run that nobody has done yet."),
    "backtest": ("cptlaw.cli.fitting", "Fit on some runs, predict the others, and score it."),
    "compare": ("cptlaw.cli.compare", "Compare laws by their errors on held-out runs."),
    "plan": ("cptlaw.cli.plan", "The recipe to run for a goal."),
    "pilot": ("cptlaw.cli.pilot", "Which run to do next."),
    "watch": ("cptlaw.cli.watch", "Follow a run and forecast how it ends."),
    "schedule": ("cptlaw.cli.schedule", "Show a schedule's numbers, write it for a training run."),
    "explore": ("cptlaw.cli.explore", "Drag a recipe on a page and see the losses move."),
    "report": ("cptlaw.cli.report", "Write one file that tells it all."),
    "laws": ("cptlaw.cli.showing", "List the laws of the catalogue with their equations."),
    "published": ("cptlaw.cli.showing", "List the paper's coefficients to use as fits."),
    "lab": ("cptlaw.cli.lab", "Train real runs: pre-training, and what goes on from it."),
}
"""Name -> where a command is, and its line in the help."""


@click.group(
    cls=LazyGroup,
    own=COMMANDS,
    group="cptlaw.commands",
    context_settings={"help_option_names": ["-h", "--help"]},
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

    Start with `cptlaw demo`, or with your own logs: `cptlaw init LOG ... -o study.toml`, then
    `cptlaw fit study.toml`.
    """


def main() -> None:
    """Run the command line; what a user can mend ends with status 2 and one message."""
    try:
        streams.prepare()
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
        sys.exit(ending.status_of(stop.__cause__ or stop))
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


def _show(error: click.ClickException) -> None:
    """One message in the form of all others; the help where a command is missing."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        error.show()
        return
    message = " ".join(error.format_message().split())
    context = error.ctx if isinstance(error, click.UsageError) else None
    more = f" See: {context.command_path} --help" if context is not None else ""
    say(f"error: {message[:1].lower()}{message[1:]}{more}")
