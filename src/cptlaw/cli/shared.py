"""What the commands share: messages, checks, figures."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cptlaw.cli.completing import FILE, TYPED
from cptlaw.cli.progress import doing
from cptlaw.errors import DataError, MissingExtra
from cptlaw.files import check_file
from cptlaw.visible import visible, visible_lines

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def say(message: str) -> None:
    """A message, to standard error, in one line whatever is in the names that it tells."""
    doing.clear()
    click.echo(visible(message), err=True)


def tell(text: str, err: bool = False) -> None:
    """What was asked for, to standard output (or standard error), in as many lines as it has."""
    doing.clear()
    click.echo(visible_lines(text), err=err)


def examples(*lines: str, after: str = "") -> str:
    """Examples for the end of a help text (click's epilog), each in a line of its own.

    Args:
        lines: commands; one that ends with a backslash goes on in the next.
        after: the command that leaves the files which they read.
    """
    where = f", in the folder where `{after}` was run" if after else ""
    return "\n".join(["\b", f"Examples{where}:", *(f"  {line}" for line in lines)])


DEMO = "cptlaw demo"
"""Leaves fit.json and the folder grid-20m."""


class Many(click.Command):
    """A command whose repeatable options also take several words: --law eq4 eq9."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write the option again before each further word; a study file (.toml) is none."""
        ctx.meta[TYPED] = args
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
            elif current and not fresh and not arg.endswith(".toml"):
                out.append(current)
            else:
                fresh = False
            out.append(arg)
            if arg in repeatable:
                fresh = True
        return super().parse_args(ctx, out)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What the Tab key offers: further words of such an option, too."""
        typed: list[str] = ctx.meta.get(TYPED, [])
        last = next((arg for arg in reversed(typed) if arg.startswith("-")), "")
        for option in self.params:
            many = isinstance(option, click.Option) and option.multiple
            if many and last in option.opts and not incomplete.startswith("-"):
                return option.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)


def say_written(*paths: str | None) -> None:
    """Name the files that were written; None for one that was not."""
    for path in paths:
        if path is not None:
            say(f"wrote {path}")


def check_writable(*paths: str | None, reads: Iterable[str] = ()) -> None:
    """Whether files can be written there, before the work begins.

    Args:
        paths: where to, None for what is not written.
        reads: files that must not be written over.

    Raises:
        DataError: a folder is missing or cannot be written to, the name is that of a folder or
            device, or two files are one.
    """
    inputs = {Path(path).resolve() for path in reads}
    given = [path for path in paths if path is not None]
    if len({Path(path).resolve() for path in given}) < len(given):
        raise DataError(f"{given[0]}: two outputs would be written to it. Name two files.")
    for path in given:
        if Path(path).resolve() in inputs:
            raise DataError(f"{path}: is read here and would be written over. Name another file.")
        if path == "-":
            raise DataError("-: name a file; --json prints to standard output.")
        check_file(path)


def check_figure(path: str | None) -> None:
    """Whether a figure of that name can be drawn, before the work begins.

    Raises:
        DataError: another suffix than png, svg and pdf.
        MissingExtra: matplotlib is not installed.
    """
    if path is None:
        return
    from cptlaw.output.plot.writing import figure_kind

    check_writable(path)
    figure_kind(path)
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtra("matplotlib", "plot", "Drawing a figure")


def figure_option(help: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """--figure and how large it is drawn; a command gets `figure`, a path, and `size`.

    Args:
        help: what the figure shows.
    """

    def with_figure(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def checked(
            figure: str | None,
            figure_width: float | None,
            font_size: float | None,
            no_titles: bool,
            **rest: Any,
        ) -> None:
            if figure is None and (figure_width or font_size or no_titles):
                raise DataError(
                    "--figure-width, --font-size and --no-titles shape a figure; give --figure too."
                )
            size = {"width": figure_width, "font_size": font_size, "titles": not no_titles}
            check_figure(figure)
            command(figure=figure, size=size, **rest)

        wrapped: Callable[..., None] = checked
        for option in reversed(
            (click.option("--figure", type=FILE, metavar="FILE", help=help), *_SIZE)
        ):
            wrapped = option(wrapped)
        return wrapped

    return with_figure


_SIZE = (
    click.option("--figure-width", type=float, metavar="INCHES", help="Width of the figure."),
    click.option(
        "--font-size", type=float, metavar="POINTS", help="Size of its letters; usually 13."
    ),
    click.option("--no-titles", is_flag=True, help="Leave out the titles of the panels."),
)


def check_lab() -> None:
    """Whether the packages that train are there, before the work begins.

    Raises:
        DataError: the system has no locks of POSIX, by which processes share a folder.
        MissingExtra: naming the first that is not.
    """
    if importlib.util.find_spec("fcntl") is None:
        raise DataError("The lab trains on Linux and macOS. On Windows, use it within WSL.")
    for package in ("torch", "transformers", "datasets", "tokenizers"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, "lab", "The lab")


def check_laws(laws: Iterable[str]) -> None:
    """Whether laws of these names exist, before the work begins.

    Raises:
        DataError: naming the laws there are.
    """
    from cptlaw.laws.catalog import CHOSEN, COMBINATIONS, LAWS, is_known

    known = ", ".join(LAWS)
    for law in laws:
        if law in COMBINATIONS:
            raise DataError(f"law '{law}' is for out-of-domain sets (--ood-law), not for a study.")
        if law not in CHOSEN and not is_known(law):
            names = f"{known}, {', '.join(CHOSEN)}"
            raise DataError(f"law '{law}' is unknown. Known: {names} (see: cptlaw laws).")


def load_fit(name: str) -> Any:
    """A fit by its file, or a published one by published:NAME.

    Raises:
        DataError: there is none, or the file holds something else.
    """
    from cptlaw.fitting import published
    from cptlaw.fitting.result import Fit
    from cptlaw.output import store

    if name.startswith("published:"):
        return published.load(name)
    path = Path(name)
    if name in published.names():
        raise DataError(f"{name}: there is no such file. Did you mean 'published:{name}'?")
    if not path.exists():
        raise DataError(f"{name}: there is no such file. Make one with: cptlaw fit STUDY -o {name}")
    if path.is_dir():
        raise DataError(f"{name}: is a directory; name the fit's file in it.")
    if path.suffix.lower() == ".toml":
        raise DataError(
            f"{name}: is a study, but a fit is needed. Make it with: cptlaw fit {name} -o fit.json"
        )
    return store.load(name, Fit)
