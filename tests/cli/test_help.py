"""The help texts of the commands."""

import click
import pytest

from command import run
from cptlaw.cli import COMMANDS, cli


def test_a_line_of_the_help_for_every_command():
    lines = run("--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    names = [line.split()[0] for line in lines]
    assert names == sorted({*COMMANDS, "bench", "paper"})
    assert all(
        name in COMMANDS or "..." not in line for name, line in zip(names, lines, strict=True)
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_it_is_looked_for(name):
    found = cli.get_command(click.Context(cli), name)
    assert isinstance(found, click.Command)
    assert COMMANDS[name][1].endswith(".")


@pytest.mark.parametrize(
    "words",
    ["", "read", "init", "fit", "forecast", "backtest", "laws", "published", "demo", "bench fit"],
)
def test_help(words):
    ended = run(*words.split(), "--help")
    assert ended.status == 0
    assert ended.stdout.startswith("Usage: cptlaw")
    assert ended.stderr == ""
