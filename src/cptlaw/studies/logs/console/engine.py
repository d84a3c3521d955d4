"""Console text read line by line: what a writer's lines look like, and how they become rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from cptlaw.errors import DataError
from cptlaw.studies.logs.cells import Cell
from cptlaw.studies.logs.habits import Habit
from cptlaw.studies.logs.source import UTF16, Source
from cptlaw.studies.logs.table import Table

NUMBER = r"(?>[-+]?(?:\d+(?:,\d+)*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf|NaN|Inf))"
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_RANK = re.compile(r"^\[(?:default|rank ?)?(\d+)\]:|\brank=(\d+)\b|\[Rank (\d+)\]")
_MOST_COLUMNS = 2000
_LONGEST_STEP = 15  # digits; more are no step but a damaged line
_MOST_LINES = 3_000_000
_LINE = re.compile(r"[^\n]+")
_LONGEST_LINE = 20_000  # longer ones are no rows: source code, configurations, dumps

Fields: TypeAlias = "dict[str, Cell]"


@dataclass(frozen=True)
class Line:
    """One kind of line of a writer.

    Args:
        pattern: searched in the line. The group `step` names the step; `name` and `value` are a
            pair; every other group is a column, called as in `columns`.
        columns: group name -> column name.
        pairs: a pattern with `name` and `value`, found again and again behind the match.
        called: the column's name made of a pair's `name` and the groups of the match.
        ahead: whether the values belong to the step that the next line names.
        proof: whether such a line shows that the text is the writer's.
    """

    pattern: str
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    pairs: str = ""
    called: str = "{name}"
    ahead: bool = False
    proof: bool = True

    @cached_property
    def found(self) -> re.Pattern[str]:
        """The pattern, compiled."""
        return re.compile(self.pattern)

    @cached_property
    def each(self) -> re.Pattern[str]:
        """The pattern of the pairs, compiled."""
        return re.compile(self.pairs)

    def values(self, line: str) -> tuple[int | None, dict[str, str]] | None:
        """The step, if the line names it, and what it says of columns; None if it is another."""
        match = self.found.search(line)
        if match is None:
            return None
        groups = {key: value for key, value in match.groupdict().items() if value is not None}
        step = groups.pop("step", "").replace(",", "")
        if len(step) > _LONGEST_STEP:
            return None
        cells: dict[str, str] = {}
        pairs = [groups] if "value" in groups else []
        if self.pairs:
            pairs += [pair.groupdict() for pair in self.each.finditer(line, match.end())]
        for pair in pairs:
            name = self.called.format(**{**groups, "name": pair["name"].strip()})
            cells[" ".join(name.split())] = pair["value"]
        for group in groups.keys() & self.columns.keys():
            cells[self.columns[group]] = groups[group]
        return int(step) if step else None, cells


@dataclass(frozen=True)
class Writer:
    """A program that prints its training to a console or a text file.

    Args:
        name: what `Run.format` says.
        lines: its lines that hold numbers, the first that fits a line reads it.
        habit: what it logs: means over steps, the LR of the next step, ...
        notes: what to say about its log, each a sentence.
        mend: rows as read -> rows as they are meant, with what was done.
        known: whether it is known what its values are.
    """

    name: str
    lines: tuple[Line, ...]
    habit: Habit = field(default_factory=Habit)
    notes: tuple[str, ...] = ()
    mend: Callable[[Rows], list[str]] | None = None
    known: bool = True

    def fits(self, text: str) -> int:
        """How many lines of a sample are the writer's and name a step; others prove little."""
        naming = [
            line.found for line in self.lines if line.proof and "step" in line.found.groupindex
        ]
        each_line = (each for each in text.split("\n") if 0 < len(each) <= _LONGEST_LINE)
        return sum(any(found.search(each) for found in naming) for each in each_line)


@dataclass
class Rows:
    """Rows as they are read, and the line that each began at."""

    rows: list[Fields] = field(default_factory=list[Fields])
    lines: list[int] = field(default_factory=list[int])
    waiting: Fields = field(default_factory=dict[str, "Cell"])
    names: dict[str, None] = field(default_factory=dict[str, None])

    def add(self, number: int, step: int | None, cells: Fields, ahead: bool = False) -> None:
        """Take what a line holds; without a step of its own it belongs to the row before."""
        self.names.update(dict.fromkeys(cells))
        if ahead:
            self.waiting.update(cells)
        elif step is not None:
            self.rows.append({"step": step, **self.waiting, **cells})
            self.lines.append(number)
            self.waiting = {}
        elif self.rows:
            self.rows[-1].update(cells)

    def drop_empty(self) -> None:
        """Leave out rows that hold nothing but a step and a rank."""
        kept = [i for i, row in enumerate(self.rows) if row.keys() - {"step", "rank"}]
        self.rows, self.lines = [self.rows[i] for i in kept], [self.lines[i] for i in kept]

    def columns(self) -> dict[str, list[Cell]]:
        """Cells by column, one a row."""
        return {name: [row.get(name) for row in self.rows] for name in ("step", *self.names)}


def plain(text: str) -> str:
    """A line without colour codes."""
    return _COLOUR.sub("", text) if "\x1b" in text else text


def text_of(data: bytes) -> str:
    """Console text as it lies in a file: odd bytes replaced, bars on lines of their own."""
    text = data.decode("utf-16" if data[:2] in UTF16 else "utf-8-sig", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines_of(source: Source) -> Iterator[tuple[int, str]]:
    """The lines of a console text that are not empty, numbered from 1, without colour codes.

    Raises:
        DataError: there are too many.
    """
    text, at, number, count = text_of(source.data), 0, 1, 0
    for match in _LINE.finditer(text):
        number += text.count("\n", at, match.start())
        at, count = match.start(), count + 1
        if count > _MOST_LINES:
            raise DataError(
                f"{source.given}: more than {_MOST_LINES} lines, the most that is read of console "
                f"text. Keep those with losses: grep loss '{source.path.name}' > short.log"
            )
        if match.end() - at <= _LONGEST_LINE:
            yield number, plain(match.group())


@dataclass
class Last:
    """Whether the last line of a text was cut while it was written: then a number may lack digits.

    Args:
        number: of the last line if it has no line end, else 0.
        notes: what to say of it.
        step: the last one named so far.
        shortest: how many characters each column had at least so far.
    """

    number: int = 0
    notes: list[str] = field(default_factory=list[str])
    step: int = 0
    shortest: dict[str, int] = field(default_factory=dict[str, int])

    @staticmethod
    def of(source: Source) -> Last:
        """What is to be said of a text's last line."""
        if source.data.endswith((b"\n", b"\r", b"\n\0")):
            return Last()
        number = text_of(source.data).count("\n") + 1
        told = f"Line {number}, the last, has no line end, as of a text that was cut: "
        return Last(number, [f"{told}what is whole of it was read."])

    def checked(
        self, at: int, line: str, step: int | None, said: dict[str, str]
    ) -> tuple[int | None, dict[str, str]]:
        """A line's step and cells, without a last number that is shorter than all before it."""
        if at == self.number:
            if step is not None and step < self.step and line.endswith(str(step)):
                return None, {}
            short = {name for name, text in said.items() if len(text) < self.shortest.get(name, 0)}
            short = {name for name in short if line.endswith(said[name])}
            return step, {name: text for name, text in said.items() if name not in short}
        self.step = self.step if step is None else step
        for name, text in said.items():
            self.shortest[name] = min(len(text), self.shortest.get(name, len(text)))
        return step, said


def read(source: Source, writer: Writer) -> Table:
    """The rows of a console text.

    Raises:
        DataError: none of its lines names a step.
    """
    rows, last = Rows(), Last.of(source)
    for at, line in lines_of(source):
        for kind in writer.lines:
            found = kind.values(line)
            if found is not None:
                step, said = last.checked(at, line, *found)
                cells: Fields = {name: number(text) for name, text in said.items()}
                if step is not None and (rank := _rank(line)):
                    cells["rank"] = rank
                rows.add(at, step, cells, kind.ahead)
                break
    rows.drop_empty()
    notes = [*last.notes, *writer.notes, *(writer.mend(rows) if writer.mend else [])]
    return table(source, writer, rows, notes)


def table(source: Source, writer: Writer, rows: Rows, notes: Sequence[str]) -> Table:
    """The table of the rows that were read.

    Raises:
        DataError: there is no row, or columns beyond all measure.
    """
    if not rows.rows:
        raise DataError(f"{source.given}: {writer.name}, but none of its lines names a step.")
    if len(rows.names) > _MOST_COLUMNS:
        raise DataError(
            f"{source.given}: {len(rows.names)} columns; at most {_MOST_COLUMNS} are read."
        )
    columns = rows.columns()
    if len({row.get("rank") for row in rows.rows}) == 1:
        columns.pop("rank", None)
    told = f"Console text of {writer.name}: {len(rows.rows)} rows read."
    return Table(
        source.given,
        source.stem,
        writer.name,
        columns,
        lambda row: f"{source.given}, line {rows.lines[row]}",
        habit=replace(writer.habit, framework=writer.name if writer.known else ""),
        notes=(told, *notes),
    )


def _rank(line: str) -> str | None:
    match = _RANK.search(line)
    return None if match is None else match.group(match.lastindex or 0)


def number(text: str) -> Cell:
    """A number with thousands commas or not; the text itself if it is none."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return text.strip()
