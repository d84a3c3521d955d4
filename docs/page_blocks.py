"""The blocks of code in a page of docs, and the comments that stand before them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^( *)(`{3,}) *(\w*)")
_COMMENT = re.compile(r"^ *<!-- (.*?) -->$")
# What a page may ask to be typed besides cptlaw: it makes an environment, or looks at one.
OTHERS = frozenset(
    {"cat", "cd", "git", "head", "ls", "make", "mkdir", "pip", "pipx", "python3", "sbatch"}
    | {"scancel", "source", "squeue", "torchrun", "uv"}
)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        first: index of its first line in the page, after the fence.
        language: the word after the fence, or "".
        lines: what it holds.
        notes: the comments right before it.
    """

    first: int
    language: str
    lines: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """What it holds, as one text."""
        return "\n".join(self.lines) + "\n"

    def note(self, name: str) -> str | None:
        """What a comment says after its name, such as "not run"; None without one."""
        for note in self.notes:
            if note == name or note.startswith((f"{name}:", f"{name},")):
                return note[len(name) + 1 :].strip()
        return None


def sources() -> list[Path]:
    """README and all pages of docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    notes: list[str] = []
    lines = text.splitlines()
    i = 0
    while i < len(lines):
        fence, comment = _FENCE.match(lines[i]), _COMMENT.match(lines[i])
        if fence:
            first, indent = i + 1, len(fence[1])
            i = next(j for j in range(first, len(lines)) if lines[j].strip() == fence[2])
            yield Block(first, fence[3], tuple(x[indent:] for x in lines[first:i]), tuple(notes))
        if comment:
            notes.append(comment[1])
        elif lines[i].strip():
            notes = []
        i += 1


def page_note(text: str, name: str) -> str | None:
    """What a comment anywhere in a page says after `name:`."""
    found = re.search(rf"^<!-- {name}: (.*?) -->$", text, flags=re.MULTILINE)
    return found and found[1]


def commands(block: Block) -> Iterator[list[str]]:
    """The words after `cptlaw` of every such command of a console block."""
    yield from (words[1:] for words in lines(block) if words[0] == "cptlaw")


def lines(block: Block) -> Iterator[list[str]]:
    """The words of every line of a console block.

    Raises:
        ValueError: a line that begins with neither cptlaw nor one of `OTHERS`.
    """
    for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words = list(lexer)
        if words and words[0] not in {"cptlaw", *OTHERS}:
            raise ValueError(f"not a command that a page may name: {line}")
        if words:
            yield words
