"""What the Tab key offers: files where files are expected, names where names are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
)

TYPED = "cptlaw.cli.typed"
"""Where a context keeps the words that were typed; an option without its value hides arguments."""

COMPLETE = "_CPTLAW_COMPLETE"
"""What the shell sets when it asks for words."""


class Words(click.ParamType):
    """Any text; the Tab key offers names, and files or folders.

    Args:
        names: what is offered, made when it is asked for.
        place: "file" or "dir", where paths are expected too; "" otherwise.
    """

    name = "text"

    def __init__(self, names: Callable[[], Iterable[str]] = tuple, place: str = "") -> None:
        self._names = names
        self._place = place

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names that begin so; paths by the shell itself, where no name does."""
        done, comma, rest = incomplete.rpartition(",")
        found = [f"{done}{comma}{name}" for name in self._names() if name.startswith(rest)]
        on_disk = self._place and _begins(incomplete)
        if found and not (on_disk and incomplete):
            return [CompletionItem(name) for name in found]
        return [CompletionItem(incomplete, type=self._place)] if self._place else []


def _begins(incomplete: str) -> bool:
    """Whether the name of anything on the disk begins so."""
    folder, _, begin = incomplete.rpartition("/")
    try:
        return any(
            path.name.startswith(begin) for path in Path(f"{folder}/" if folder else ".").iterdir()
        )
    except OSError:
        return False


def _laws() -> list[str]:
    from cptlaw.laws.catalog import CHOSEN, LAWS

    return [*LAWS, *CHOSEN]


def _ood_laws() -> list[str]:
    from cptlaw.laws.catalog import BY_CROSS_VALIDATION, COMBINATIONS, LAWS

    return [BY_CROSS_VALIDATION, *COMBINATIONS, *LAWS]


def _studies() -> tuple[str, ...]:
    from cptlaw.studies import datasets

    return datasets.names()


def _published() -> list[str]:
    from cptlaw.fitting import published

    return [f"published:{name}" for name in published.names()]


def _measures() -> Iterable[str]:
    from cptlaw.decisions.plan.aim import MEASURES

    return MEASURES


def _exports() -> Iterable[str]:
    from cptlaw.schedules.export import EXPORTS

    return (name if name[0] not in "._" else f"lr{name}" for name in EXPORTS)


def _presets() -> Iterable[str]:
    from cptlaw.lab import presets

    return presets.names()


class RunNames(Words):
    """Runs of the study file that the command was given."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names in its [[run]] tables; none where it cannot be read."""
        import tomllib

        typed: list[str] = ctx.meta.get(TYPED, [])
        file = ctx.params.get("study") or next((w for w in typed if w.endswith(".toml")), "")
        try:
            text = Path(str(file)).read_text(encoding="utf-8")
            names = [str(run["name"]) for run in tomllib.loads(text)["run"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return Words(lambda: names).shell_complete(ctx, param, incomplete)


FILE = Words(place="file")
FOLDER = Words(place="dir")
FIT = Words(_published, "file")
LAW = Words(_laws)
OOD_LAW = Words(_ood_laws)
BUNDLED = Words(_studies)
EXPERIMENT = Words(_presets, "file")
MEASURE = Words(_measures)
EXPORT = Words(_exports, "file")
RUN = RunNames()


class Bash(BashComplete):
    """Bash parts words at a colon; published:NAME is one."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is completed, and that one, with its colons."""
        args, incomplete = super().get_completion_args()
        self._before = ""
        if incomplete == ":":
            args, incomplete = [*args, ":"], ""
        if args and args[-1] == ":":
            self._before = "".join(args[-2:])
            args, incomplete = args[:-2], self._before + incomplete
        return args, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Without what stands before the last colon already."""
        if item.type == "plain":
            item = CompletionItem(item.value.removeprefix(self._before), item.type)
        return super().format_completion(item)


def register() -> None:
    """Let click complete in bash by ours; it is asked before any command is loaded."""
    add_completion_class(Bash)


def script(command: click.Command, shell: str) -> str:
    """What a shell reads to complete a command.

    Args:
        command: the whole command line.
        shell: bash, zsh or fish.
    """
    register()
    kind: Any = get_completion_class(shell)
    return kind(command, {}, "cptlaw", COMPLETE).source()
