"""The command line: thin commands over the same calls as the library.

Everything heavier than click is imported inside the commands, so that --help stays quick.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points

import click

import cptlaw
from cptlaw.cli import (
    compare,
    explore,
    fitting,
    lab,
    logs,
    pilot,
    plan,
    report,
    schedule,
    showing,
    watch,
)
from cptlaw.cli.shared import say
from cptlaw.errors import CptlawError
from cptlaw.laws import compiled


def _show_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        click.echo(f"cptlaw, version {cptlaw.__version__}, {compiled.in_words()}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Predict and plan the continual pre-training of language models from its logs.

    Start with `cptlaw demo`, or with your own logs: `cptlaw init LOG ... -o study.toml`, then
    `cptlaw fit study.toml`.
    """


def main() -> None:
    """Run the command line; what a user can mend ends with status 2 and one message."""
    try:
        status = cli.main(prog_name="cptlaw", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        say("interrupted; no file was left half-written.")
        sys.exit(130)
    except click.ClickException as error:
        _show(error)
        sys.exit(2)
    except CptlawError as error:
        say(f"error: {error}")
        sys.exit(2)
    except OSError as error:
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
    message = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    more = f" See: {context.command_path} --help" if context is not None else ""
    say(f"error: {message[:1].lower()}{message[1:]}{more}")


for command in (
    showing.demo,
    logs.read,
    logs.init,
    fitting.fit,
    fitting.forecast,
    fitting.backtest,
    compare.compare,
    plan.plan,
    pilot.pilot,
    watch.watch,
    schedule.schedule,
    explore.explore,
    report.report,
    showing.laws,
    showing.published,
    lab.lab,
):
    cli.add_command(command)

for found in entry_points(group="cptlaw.commands"):
    cli.add_command(found.load(), found.name)
