"""Write docs/commands.md from the help texts: `make docs`."""

from pathlib import Path

import click

from cptlaw.cli import cli
from cptlaw.cli.loading import LazyGroup
from cptlaw.cli.prior import FLAG, OrPrior, prior


def pages(command: click.Command, name: str, parent: click.Context | None = None) -> list[str]:
    """The help of a command and of everything below it, as Markdown."""
    settings = {**command.context_settings, "terminal_width": 90, "max_content_width": 90}
    own = name.removeprefix("" if parent is None else parent.command_path).strip()
    context = click.Context(command, info_name=own, parent=parent, **settings)
    body = command.get_help(context)
    found = [f"## {name}\n\n```text\n{body}\n```\n"]
    if isinstance(command, OrPrior):
        found += pages(prior, f"{name} {FLAG}", parent)
    for child in children(command, context):
        found += pages(child, f"{name} {child.name}", context)
    return found


def children(command: click.Command, context: click.Context) -> list[click.Command]:
    """The commands of a group, in the order in which they are written."""
    if not isinstance(command, click.Group):
        return []
    names = command.names() if isinstance(command, LazyGroup) else command.commands
    return [child for name in names if (child := command.get_command(context, name))]


def text() -> str:
    """The whole page."""
    head = "# Commands\n\nMade by `make docs` from the help texts; do not edit.\n"
    return "\n".join([head, *pages(cli, "cptlaw")])


if __name__ == "__main__":
    Path(__file__).with_name("commands.md").write_text(text(), encoding="utf-8")
