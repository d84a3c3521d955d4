"""Run the code of README and docs, and bring what it prints up to date: `make docs`.

Every python block runs, in order, with what the blocks before it left; so does every line of a
console block that begins with `cptlaw`, `cd FOLDER` and `head -n N FILE > FILE`. All of a page
begins in one empty folder: what it needs, it makes, as its reader must. A comment in front of a
block says what is different:

    <!-- not run: it needs a GPU -->    its commands are only checked, a python block compiled
    <!-- needs: torch -->               the same; a test of those that have PyTorch runs it
    <!-- ends with status 2 -->         its last command is refused
    <!-- printed -->                    a text block: what the block before it printed
    <!-- printed, lines 2 to 9 -->      a part of that
    <!-- printed, paragraph 1 -->       what stands before its first blank line, and so on
    <!-- printed, 4 lines from: knob -->    from the first line on that begins so
    <!-- folder: demo -->               of the page: it begins with the runs that the demo lays
"""

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import click
import page_blocks as pages

from cptlaw import datasets
from cptlaw.cli import cli, main

WIDTH = 100
_LINES = re.compile(r"lines (\d+) to (\d+)")
_PARAGRAPH = re.compile(r"paragraph (\d+)")
_FROM = re.compile(r"(\d+) lines? from: (.+)")


class Untrue(Exception):
    """A page says what is not so."""


@dataclass
class Desk:
    """A folder in which a page is followed.

    Args:
        folder: where commands and code run; the working directory.
        names: what the python blocks have defined so far.
    """

    folder: Path
    names: dict[str, object] = field(default_factory=dict)

    def python(self, block: pages.Block) -> str:
        """Run a python block; what it prints."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block.text, "<page>", "exec"), self.names)
        return out.getvalue()

    def console(self, block: pages.Block) -> str:
        """Run the commands of a console block; what they print.

        Raises:
            Untrue: one ends otherwise than the page says.
        """
        printed, last = "", "ends with status 2" in block.notes and list(pages.lines(block))[-1]
        for words in pages.lines(block):
            if words[0] != "cptlaw":
                _other(words)
                continue
            refused = words == last
            status, out, err = run(words[1:])
            printed += out + (err if refused else "")
            if status != (2 if refused else 0):
                raise Untrue(f"{' '.join(words)}: status {status}\n{err}")
        return printed


def _other(words: list[str]) -> None:
    """Do what pages need besides cptlaw: `cd FOLDER`, `head -n N FILE > FILE`."""
    if words[0] == "cd":
        os.chdir(words[1])
    elif words[0] == "head" and words[4:5] == [">"]:
        first = Path(words[3]).read_text().splitlines(keepends=True)[: int(words[2])]
        Path(words[5]).write_text("".join(first))


def run(words: list[str]) -> tuple[int, str, str]:
    """Exit status, output and messages of `cptlaw WORDS`; what follows a pipe is left away."""
    words, into = _plain(words)
    out, err = io.StringIO(), io.StringIO()
    argv = mock.patch.object(sys, "argv", ["cptlaw", *words])
    with argv, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    if into:
        Path(into).write_text(out.getvalue())
    return status, out.getvalue(), err.getvalue()


def _plain(words: list[str]) -> tuple[list[str], str | None]:
    """Words without what follows a pipe, and the file into which the output goes."""
    if "|" in words:
        words = words[: words.index("|")]
    if ">" in words:
        return words[: words.index(">")], words[words.index(">") + 1]
    return words, None


def check(words: list[str]) -> None:
    """Parse a command line down to its command, and run nothing: files need not exist."""
    words, command, context = list(_plain(words)[0]), cli, None
    while isinstance(command, click.Group):
        settings = command.context_settings
        context = click.Context(command, context, info_name=command.name, **settings)
        command = command.get_command(context, words.pop(0))
    command.make_context(command.name, words, parent=context)


# --- what a page begins with ------------------------------------------------------------------


def lay(kind: str | None, folder: Path) -> None:
    """Put into a folder what a page begins with, by its name: nothing, or "demo"."""
    if kind == "demo":
        datasets.copy("grid-20m", folder)
    elif kind is not None:
        raise Untrue(f"no page can begin with {kind!r}")


# --- following a page -------------------------------------------------------------------------


def follow(text: str, desk: Desk) -> Iterator[tuple[pages.Block, str]]:
    """Run all blocks of a page, in order; those that must show what was printed, with that.

    Raises:
        Untrue: a command ends otherwise than the page says.
    """
    printed = ""
    for block in pages.blocks(text):
        if block.note("printed") is not None:
            yield block, part(block, printed)
        elif block.note("not run") is not None or block.note("needs") is not None:
            glance(block)
        elif block.language == "python":
            printed = desk.python(block)
        elif block.language in ("console", "bash", "sh"):
            printed = desk.console(block)


def glance(block: pages.Block) -> None:
    """See that a block that is not run could be."""
    if block.language == "python":
        compile(block.text, "<page>", "exec")
    for words in pages.commands(block) if block.language in ("console", "bash", "sh") else ():
        check(words)


def part(block: pages.Block, printed: str) -> str:
    """The lines of an output that a block is to show.

    Raises:
        Untrue: no line begins as the block says.
    """
    lines, asked = [line.rstrip() for line in printed.splitlines()], block.note("printed") or ""
    first, last = 0, len(lines)
    if found := _LINES.fullmatch(asked):
        first, last = int(found[1]) - 1, int(found[2])
    elif found := _PARAGRAPH.fullmatch(asked):
        lines = "\n".join(lines).split("\n\n")[int(found[1]) - 1].splitlines()
    elif found := _FROM.fullmatch(asked):
        starts = [i for i, line in enumerate(lines) if line.strip().startswith(found[2])]
        if not starts:
            raise Untrue(f"line {block.first}: nothing that is printed begins with: {found[2]}")
        first, last = starts[0], starts[0] + int(found[1])
    return "\n".join(lines[first:last]) + "\n"


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """With a folder as working directory and a terminal of our width."""
    with contextlib.chdir(folder), mock.patch.dict(os.environ, COLUMNS=str(WIDTH)):
        yield


def renewed(text: str, folder: Path) -> str:
    """A page with what its code prints now."""
    lines = text.splitlines()
    with inside(folder):
        shown = list(follow(text, Desk(folder)))
    for block, printed in reversed(shown):
        lines[block.first : block.first + len(block.lines)] = printed.splitlines()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for page in [Path(name).resolve() for name in sys.argv[1:]] or pages.sources():
        told = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as place:
            lay(pages.page_note(told, "folder"), Path(place))
            page.write_text(renewed(told, Path(place)), encoding="utf-8")
