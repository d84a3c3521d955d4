"""The examples of every help text: all of them are understood, and those that are quick are run."""

import re
import shlex

import click
import pytest

from command import run
from cptlaw import Study, fit
from cptlaw.cli import cli
from cptlaw.cli.demo import OTHERS
from cptlaw.cli.prior import prior
from cptlaw.fitting.uncertainty import with_refits
from cptlaw.output import store
from cptlaw.studies import datasets

# What trains, serves a page, draws or takes more than some seconds is only read.
_SLOW = (
    *("cptlaw demo", "cptlaw explore", "cptlaw compare", "cptlaw backtest", "cptlaw lab"),
    *("cptlaw bench", "torchrun", "cptlaw fit runs/", "cptlaw paper fig", "cptlaw pilot fit"),
    *("cptlaw fit grid-20m/study.toml --law paper", "cptlaw plan fit.json --after base --goal cpt"),
)
# 1.5e+03, 2e-05, 12000 steps: people write 1,500, 2e-5, 12,000 steps.
_NOT_FOR_PEOPLE = re.compile(r"\de[+]\d|\de-0\d|\b\d{4,} (?:steps|tokens|points|parameters)\b")
_QUICK_ANYWAY = ("cptlaw bench accuracy --list",)


def commands(command, name="cptlaw"):
    """Every command below one, by its words."""
    found = {name: command}
    context = click.Context(command)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found |= commands(command.get_command(context, each), f"{name} {each}")
    return found


COMMANDS = {**commands(cli), "cptlaw plan --prior": prior}


def each_example():
    for command in COMMANDS.values():
        told = command.epilog or ""
        body = told.partition("Examples")[2].partition("\n")[2]
        yield from re.sub(r"\\\n\s+", "", body).strip().splitlines()


EXAMPLES = list(dict.fromkeys(line.strip() for line in each_example()))
QUICK = [e for e in EXAMPLES if e in _QUICK_ANYWAY or not e.startswith(_SLOW)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_two_examples_or_more(name):
    body = (COMMANDS[name].epilog or "").partition("Examples")[2]
    assert body.count(name.replace(" --prior", "")) >= 2
    assert "Examples" in run(*name.split()[1:], "--help").stdout


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_is_understood(line):
    words = shlex.split(line)
    words = words[words.index("cptlaw") + 1 :]
    context = click.Context(cli, info_name="cptlaw")
    command = cli
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
        assert command is not None
    assert command.make_context(command.name, words, context) is not None


@pytest.fixture(scope="module")
def after_demo(tmp_path_factory):
    """A folder as `cptlaw demo` leaves it."""
    folder = tmp_path_factory.mktemp("demo")
    datasets.copy("grid-20m", folder)
    study = datasets.load("grid-20m").without(OTHERS)
    few = Study({role: study.domains[role] for role in ("pt", "cpt")}, study.runs, study.origin)
    store.save(with_refits(fit(few)), folder / "fit.json")
    return folder


@pytest.mark.parametrize("line", QUICK)
def test_quick_examples_work_as_printed(line, after_demo, monkeypatch):
    monkeypatch.chdir(after_demo)
    ended = run(*shlex.split(line)[1:])
    assert ended.status == 0, ended.stderr
    assert ended.stdout or "wrote report" in ended.stderr
    if "csv" not in line and "completion" not in line:
        assert not list(_NOT_FOR_PEOPLE.finditer(ended.stdout + ended.stderr))
