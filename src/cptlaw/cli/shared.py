"""What the commands share: messages, options, checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from cptlaw.errors import DataError


def say(message: str) -> None:
    """Progress and messages, to standard error."""
    click.echo(message, err=True)


class Many(click.Command):
    """A command whose repeatable options also take several words: --law eq4 eq9."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write the option again before each further word."""
        repeatable = {
            name: option.opts[0]
            for option in self.params
            if isinstance(option, click.Option) and option.multiple
            for name in option.opts
        }
        out: list[str] = []
        current, fresh = "", False
        for arg in args:
            if arg.startswith("-"):
                current, fresh = repeatable.get(arg, ""), True
            elif current and not fresh:
                out.append(current)
            else:
                fresh = False
            out.append(arg)
            if arg in repeatable:
                fresh = True
        return super().parse_args(ctx, out)


def show(as_json: bool, shape: Callable[[], dict[str, Any]], text: Callable[[], str]) -> None:
    """Print one JSON object, or text."""
    click.echo(json.dumps(shape(), allow_nan=False) if as_json else text())


def check_writable(*paths: str | None) -> None:
    """Whether files can be written there, before the work begins.

    Raises:
        DataError: a folder is missing or the name is that of a folder.
    """
    for path in paths:
        if path is None:
            continue
        if Path(path).is_dir():
            raise DataError(f"{path}: is a directory; name a file in it.")
        if not Path(path).absolute().parent.is_dir():
            raise DataError(
                f"{path}: the folder {Path(path).parent} does not exist. Make it first."
            )


def fixed_shapes(pairs: Iterable[str], lambda_: float | None) -> dict[str, float]:
    fixed = {} if lambda_ is None else {"lambda": lambda_}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        try:
            fixed[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise DataError(f"--fix {pair}: expected NAME=VALUE, such as --fix alpha=0.5.")
    return fixed


def convention_of(warmup: str, tail: str, fit_from: int | None) -> Any:
    """The convention that was asked for; None lets the data choose how warm-up counts."""
    from cptlaw.areas import Convention

    if warmup == "auto":
        if tail != "frozen" or fit_from is not None:
            raise DataError("--tail and --fit-from need --warmup peak or --warmup as-is.")
        return None
    return Convention(warmup, tail, fit_from)  # type: ignore[arg-type]


def load_fit(name: str) -> Any:
    from cptlaw import published, store
    from cptlaw.fitted import Fit

    return published.load(name) if name.startswith("published:") else store.load(name, Fit)


def fitting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every command that fits."""
    options = (
        click.option("--lambda", "lambda_", type=float, help="Fix lambda instead of fitting it."),
        click.option("--fix", multiple=True, metavar="NAME=VALUE", help="Fix a shape parameter."),
        click.option(
            "--warmup",
            type=click.Choice(["auto", "peak", "as-is"]),
            default="auto",
            show_default=True,
            help="How the initial warm-up counts; auto keeps the better fit.",
        ),
        click.option(
            "--tail",
            type=click.Choice(["frozen", "carried"]),
            default="frozen",
            show_default=True,
            help="PT annealing momentum at the transfer.",
        ),
        click.option("--fit-from", type=int, help="First PT step that is fitted."),
    )
    for option in reversed(options):
        command = option(command)
    return command


JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
