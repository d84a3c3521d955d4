"""Write the pages of the Python API from signatures and docstrings: `make docs`.

A public name stands on the page of the wing that it lives in, so that a new one finds its place by
itself.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cptlaw
from cptlaw.shown import Shown

FOLDER = Path(__file__).parent / "api"
WIDTH = 88
MADE = "Made by `make docs` from the docstrings; do not edit.\n"
# Page -> its title, the wings that it is about, and a sentence.
PAGES = {
    "studies": ("Studies and schedules", ("schedules", "studies"), "What was run."),
    "fitting": ("Fits", ("fitting",), "From a study to a law, and how sure that is."),
    "forecasting": ("Forecasts", ("forecasting",), "Losses of runs that nobody has done yet."),
    "decisions": ("Plans and pilots", ("decisions",), "What to run."),
    "live": ("A run under way", ("live",), "Its end, from what it has shown so far."),
    "laws": ("Laws", ("laws",), "What laws are made of, and the catalogue."),
    "output": ("Figures, files, errors", ("output", "shown", "errors"), "What results become."),
}
# Modules of many small parts: a line each.
IN_BRIEF = ("catalog", "factors")


@dataclass(frozen=True)
class Entry:
    """A public name.

    Args:
        name: as it is written after `cptlaw.`
        value: what it names.
    """

    name: str
    value: Any

    @property
    def wing(self) -> str:
        """The package below cptlaw that it lives in."""
        value = self.value
        module = value.__name__ if isinstance(value, types.ModuleType) else value.__module__
        return module.split(".")[1]

    @property
    def page(self) -> str:
        """The page that it stands on."""
        return next(page for page, (_, wings, _) in PAGES.items() if self.wing in wings)

    @property
    def rank(self) -> tuple[int, str]:
        """Functions first, then modules, then classes, then errors."""
        value = self.value
        if isinstance(value, types.ModuleType):
            return 1, self.name
        error = inspect.isclass(value) and issubclass(value, Exception)
        return (3 if error else 2 if inspect.isclass(value) else 0), self.name

    @property
    def title(self) -> str:
        """Its heading; a class says so, since some are called as a function is."""
        return f"class {self.name}" if inspect.isclass(self.value) else self.name

    @cached_property
    def doc(self) -> Doc:
        """Its docstring."""
        return doc_of(self.value)


@dataclass(frozen=True)
class Doc:
    """A docstring of Google's style, taken apart.

    Args:
        first: its first sentence.
        prose: what follows, as Markdown.
        sections: "Args", "Returns", "Raises" and "Source", each as lines of (name, text); what is
            no list has one line without a name.
    """

    first: str
    prose: str
    sections: dict[str, list[tuple[str, str]]]


_SECTION = re.compile(r"^(Args|Returns|Yields|Raises|Source):[ ]?", flags=re.MULTILINE)
_ITEM = re.compile(r"^ {4}(\*{0,2}[\w.]+): ", flags=re.MULTILINE)


def doc_of(value: Any) -> Doc:
    """The docstring of a function, class or module."""
    head, *rest = _SECTION.split(inspect.getdoc(value) or "")
    first, _, prose = head.strip().partition("\n\n")
    sections = dict(zip(rest[::2], map(_lines, rest[1::2]), strict=True))
    return Doc(_joined(first), prose.strip(), sections)


def _lines(text: str) -> list[tuple[str, str]]:
    before, *items = _ITEM.split("\n" + text.strip("\n") + "\n") if _ITEM.search(text) else [text]
    found = [("", _joined(before))] if before.strip() else []
    return found + [(n, _joined(t)) for n, t in zip(items[::2], items[1::2], strict=True)]


def _joined(text: str) -> str:
    return " ".join(text.split())


def entries() -> list[Entry]:
    """All public names but the version."""
    return [Entry(name, getattr(cptlaw, name)) for name in cptlaw.__all__ if name[0] != "_"]


def members(module: types.ModuleType) -> list[Entry]:
    """The public functions and classes of a public module."""
    own = [n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__]
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    found = [Entry(name, getattr(module, name)) for name in sorted(names)]
    return [e for e in found if inspect.isfunction(e.value) or inspect.isclass(e.value)]


# --- signatures, as they stand in the source ---------------------------------------------------


def signature(entry: Entry) -> str:
    """The call, over several lines where it is long."""
    node = _source(entry.value)
    if isinstance(node, ast.ClassDef):
        name, parts, end = entry.name, _fields(node, entry.value), ""
    else:
        name, parts = entry.name, _parameters(node.args)
        end = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{name}({', '.join(parts)}){end}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){end}"])


def _source(value: Any) -> Any:
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(value)))).body[0]


def _parameters(args: ast.arguments) -> list[str]:
    before = [None] * (len(args.args) - len(args.defaults))
    parts = [_parameter(a, d) for a, d in zip(args.args, [*before, *args.defaults], strict=True)]
    if args.vararg:
        parts.append(f"*{_parameter(args.vararg, None)}")
    elif args.kwonlyargs:
        parts.append("*")
    parts += [_parameter(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    if args.kwarg:
        parts.append(f"**{_parameter(args.kwarg, None)}")
    return [part for part in parts if part not in ("self", "cls")]


def _parameter(arg: ast.arg, default: ast.expr | None) -> str:
    written = f"{arg.arg}: {ast.unparse(arg.annotation)}" if arg.annotation else arg.arg
    if default is None:
        return written
    given = "..." if isinstance(default, ast.Lambda) else ast.unparse(default)
    return f"{written}{' = ' if arg.annotation else '='}{given}"


def _fields(node: ast.ClassDef, value: type) -> list[str]:
    if not hasattr(value, "__dataclass_fields__"):
        own = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        return _parameters(own[0].args) if own else []
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign) and _is_given(n)]
    return [_field(field) for field in fields]


def _is_given(node: ast.AnnAssign) -> bool:
    written = ast.unparse(node)
    return not written.startswith("_") and "ClassVar" not in written and "init=False" not in written


def _field(node: ast.AnnAssign) -> str:
    written = f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}"
    if node.value is None:
        return written
    made = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "field"
    return f"{written} = {'...' if made else ast.unparse(node.value)}"


# --- Markdown ---------------------------------------------------------------------------------


def escaped(text: str) -> str:
    """Prose of a docstring as Markdown: what stands in backticks is left as it is."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"([*|\[\]])", r"\\\1", p).replace("<", "&lt;") for p in parts[::2]]
    return "".join(parts)


def prose(text: str) -> list[str]:
    """Paragraphs; those that are indented are formulas."""
    return [
        f"{part}\n" if part.startswith("    ") else f"{escaped(part)}\n"
        for part in text.split("\n\n")
        if part.strip()
    ]


def sections(doc: Doc) -> Iterator[str]:
    """Arguments, what comes back, errors and the source."""
    for title, lines in doc.sections.items():
        if not lines[0][0]:
            yield f"{title}: {escaped(lines[0][1])}\n"
        elif title != "Args":
            yield f"{title}:\n"
        named = [f"- `{name}`: {escaped(text)}" for name, text in lines if name]
        if named:
            yield "\n".join(named) + "\n"


def described(entry: Entry, level: int) -> Iterator[str]:
    """A name with its signature and docstring, then what it has."""
    yield f"{'#' * level} {entry.title}\n"
    if isinstance(entry.value, types.ModuleType):
        yield from [f"{escaped(entry.doc.first)}\n", *prose(entry.doc.prose)]
        yield from _of_module(entry, level)
        return
    yield f"```py\n{signature(entry)}\n```\n"
    yield from [f"{escaped(entry.doc.first)}\n", *prose(entry.doc.prose), *sections(entry.doc)]
    if inspect.isclass(entry.value):
        yield from _of_class(entry.value)


def _of_module(entry: Entry, level: int) -> Iterator[str]:
    for member in members(entry.value):
        whole = Entry(f"{entry.name}.{member.name}", member.value)
        if member.name in cptlaw.__all__ and getattr(cptlaw, member.name) is member.value:
            continue
        if entry.name in IN_BRIEF:
            yield f"- `{whole.name}`: {escaped(whole.doc.first)}"
        else:
            yield from described(whole, level + 1)
    yield ""


def _of_class(value: type) -> Iterator[str]:
    names = [name for name in vars(value) if not name.startswith("_")]
    told = [line for name in names if (line := _member(value, name))]
    if issubclass(value, Shown) and value is not Shown:
        told.append("- `summary()`, `plot()`, `to_pandas()`: [as all results](output.md#results).")
    if told:
        yield "It has\n"
        yield "\n".join(told) + "\n"


def _member(value: type, name: str) -> str:
    """A method or a property, in a line or with its arguments."""
    found = vars(value)[name]
    call = getattr(found, "__func__", found)
    own = found.fget if isinstance(found, property) else getattr(found, "func", call)
    if not inspect.isfunction(own):
        return ""
    doc = doc_of(own)
    written = name
    if inspect.isfunction(call):
        written = re.sub(r"\(\n +", "(", signature(Entry(name, call))).replace(",\n)", ")")
        written = _joined(written)
    lines = [f"- `{written}`: {escaped(doc.first)}"]
    lines += [f"    - `{n}`: {escaped(t)}" for n, t in doc.sections.get("Args", []) if n]
    return "\n".join(lines)


def page(name: str) -> str:
    """One page."""
    title, _, sentence = PAGES[name]
    parts = [f"# {title}\n", f"{sentence} {MADE}"]
    for entry in sorted((e for e in entries() if e.page == name), key=lambda e: e.rank):
        parts += described(entry, 2)
    if name == "output":
        parts += _results()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _results() -> Iterator[str]:
    """What all results have."""
    yield "## Results\n"
    yield "Studies, fits, forecasts, backtests, comparisons, plans and pilots all have\n"
    yield "\n".join(filter(None, (_member(Shown, name) for name in vars(Shown)))) + "\n"


def overview() -> str:
    """All names, each with its sentence and a link."""
    parts = ["# The Python API\n", f"`import cptlaw` and these names are all of it. {MADE}"]
    for name, (title, _, _) in PAGES.items():
        parts += [f"## [{title}]({name}.md)\n", "| name | what it is |", "|---|---|"]
        for entry in sorted((e for e in entries() if e.page == name), key=lambda e: e.rank):
            place = entry.title.lower().replace(" ", "-").replace(".", "")
            link = f"[`{entry.name}`]({name}.md#{place})"
            parts.append(f"| {link} | {escaped(entry.doc.first)} |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def texts() -> dict[str, str]:
    """Every page by the name of its file."""
    importlib.import_module("cptlaw.output.views")
    return {"index.md": overview(), **{f"{name}.md": page(name) for name in PAGES}}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in texts().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
