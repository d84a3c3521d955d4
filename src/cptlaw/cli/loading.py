"""Commands that are loaded when they are used: `cptlaw --help` and each command stay quick."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class LazyGroup(click.Group):
    """A group that knows its commands by where they are and by the line that lists them.

    Args:
        own: name -> the module that holds a function of that name, and the line of the help.
        group: entry points of further commands; theirs is the first sentence of their help.
    """

    def __init__(
        self, *args: Any, own: Mapping[str, tuple[str, str]], group: str, **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self._own = own
        self._group = group

    def names(self) -> list[str]:
        """All commands, our own first."""
        return [*self._own, *(name for name in self._further() if name not in self._own)]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands by the alphabet."""
        return sorted(self.names())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded; None where there is none."""
        if cmd_name in self._own:
            return getattr(import_module(self._own[cmd_name][0]), cmd_name)
        found = self._further().get(cmd_name)
        return None if found is None else found.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names.

        Raises:
            UsageError: there is none; the nearest is named.
        """
        name = args[0] if args else ""
        if name.startswith("-") or ctx.resilient_parsing or name in self.names():
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches  # slow, and only needed here

        near = get_close_matches(name, self.names(), n=1)
        more = f". Did you mean '{near[0]}'?" if near else "."
        raise click.UsageError(f"no such command '{name}'{more}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a command."""
        names = self.list_commands(ctx)
        wide = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._line(ctx, name, wide)) for name in names])

    def _line(self, ctx: click.Context, name: str, wide: int) -> str:
        if name in self._own:
            return self._own[name][1]
        command = self.get_command(ctx, name)
        return "" if command is None else command.get_short_help_str(wide)

    def _further(self) -> dict[str, EntryPoint]:
        from importlib.metadata import entry_points  # slow, and only needed for what is not ours

        return {found.name: found for found in entry_points(group=self._group)}
