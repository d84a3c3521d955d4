"""The command line: thin commands over the same calls as the library.

Everything heavier than click is imported inside the commands, so that --help stays quick.
"""

from __future__ import annotations

import os
import sys

import click

from cptlaw.cli import fitting, logs, showing
from cptlaw.cli.shared import say
from cptlaw.errors import CptlawError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cptlaw")
def cli() -> None:
    """Predict and plan the continual pre-training of language models from its logs.

    Start with `cptlaw demo`, or with your own logs: `cptlaw init LOG ... -o study.toml`, then
    `cptlaw fit study.toml`.
    """


def main() -> None:
    """Run the command line; what a user can mend ends with status 2 and one message."""
    try:
        status = cli.main(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.Abort:
        say("interrupted; nothing was written.")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except CptlawError as error:
        say(f"error: {error}")
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


for command in (
    showing.demo,
    logs.read,
    logs.init,
    fitting.fit,
    fitting.forecast,
    fitting.backtest,
    showing.laws,
    showing.published,
    showing.bench,
):
    cli.add_command(command)
