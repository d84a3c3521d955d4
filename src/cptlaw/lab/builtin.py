"""Texts made, without a network, of the Python packages that come with the lab."""

from __future__ import annotations

import ast
import dis
import importlib.metadata
import importlib.util
import inspect
import os
import platform
import sysconfig
import tokenize
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, MappingProxyType

from cptlaw.errors import DataError, MissingExtra, suggestion
from cptlaw.lab.document import Document, shuffled_key

# Each with the licence of its own code; parts that it brings along may be under others.
PACKAGES = MappingProxyType(
    {
        "numpy": "BSD-3-Clause",
        "scipy": "BSD-3-Clause",
        "sympy": "BSD-3-Clause",
        "networkx": "BSD-3-Clause",
        "torch": "BSD-3-Clause",
    }
)
SHORTEST_DOCSTRING = 80
LARGEST_FILE = 400_000
MOST_INSTRUCTIONS = 1000
LONGEST_ARGUMENT = 40

# Tests, tables of characters, and what differs from machine to machine.
_LEFT_OUT = frozenset(
    ("__pycache__", "encodings", "idlelib", "lib2to3", "pydoc_data", "test", "tests", "turtledemo")
)
_LEFT_OUT_STARTS = ("_sysconfigdata", "sitecustomize", "usercustomize", "torch.testing._internal")
_DOCUMENTING_CALLS = frozenset(("add_docstr", "add_newdoc"))
_Body = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python source file.

    Args:
        name: as it would be imported, such as "json.decoder".
        path: of the file.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class _Corpus:
    about: str
    packages: tuple[str, ...]
    text_of: Callable[[str, str], str]
    topics: bool = False
    largest: int | None = None


def names() -> tuple[str, ...]:
    """The texts that `documents` knows."""
    return tuple(_CORPORA)


def documents(name: str) -> Iterator[Document]:
    """The documents of a built-in text, always in the same shuffled order, made as they are taken.

    Args:
        name: one of `names()`.

    Raises:
        DataError: there is no such text, or Python's sources are not on this machine.
        MissingExtra: a package that the text is made of is not installed.
    """
    corpus = _corpus(name)
    topics = _topics() if corpus.topics else {}
    found = {f"builtin:{module.name}": module for module in _modules(corpus)}
    return _made(corpus, topics, found)


def card(name: str) -> str:
    """What a built-in text is made of on this machine: files, versions and licences.

    Args:
        name: one of `names()`.

    Raises:
        DataError: there is no such text, or Python's sources are not on this machine.
        MissingExtra: a package that the text is made of is not installed.
    """
    corpus = _corpus(name)
    files = len(_modules(corpus))
    sources = [f"Python {platform.python_version()}'s standard library (PSF-2.0)"]
    for package in corpus.packages:
        version = importlib.metadata.version(package)
        sources.append(f"{package} {version} ({PACKAGES[package]})")
    topics = f" and {len(_topics())} topics of Python's help" if corpus.topics else ""
    return (
        f"{name}: {corpus.about}, one document a module, from {files:,} source files{topics}. "
        f"Made on this machine of {', '.join(sources)}; parts that a package brings along may be "
        "under other licences."
    )


def docstrings(source: str, name: str) -> str:
    """The docstrings of a module, in the order of the source, with blank lines between.

    Args:
        source: of the module.
        name: of the module.

    Raises:
        SyntaxError: it is not Python.
    """
    found: list[tuple[int, str]] = []
    for node in ast.walk(_parsed(source, name)):
        if isinstance(node, _Body):
            text = ast.get_docstring(node, clean=False)
            found += [(node.body[0].lineno, text)] if text else []
        elif isinstance(node, ast.Call) and _called(node) in _DOCUMENTING_CALLS:
            found += [(line, text) for line, text in _strings(node)]
    cleaned = (inspect.cleandoc(text) for _, text in sorted(found, key=lambda pair: pair[0]))
    return "\n\n".join(text for text in cleaned if len(text) >= SHORTEST_DOCSTRING)


def without_docstrings(source: str, name: str) -> str:
    """The source of a module, comments and all, without its docstrings.

    Args:
        source: of the module.
        name: of the module.

    Raises:
        SyntaxError: it is not Python.
    """
    lines = source.split("\n")
    bodies = [node for node in ast.walk(_parsed(source, name)) if isinstance(node, _Body)]
    bodies = [node for node in bodies if ast.get_docstring(node, clean=False) is not None]
    for node in sorted(bodies, key=lambda node: node.body[0].lineno, reverse=True):
        _cut(lines, node)
    return "\n".join(lines).strip("\n") + "\n"


def disassembly(source: str, name: str) -> str:
    """The bytecode of a module, one instruction a line, such as "LOAD_FAST self" or "CALL 2".

    Args:
        source: of the module; it is compiled, without docstrings and assertions, and never run.
        name: of the module.

    Raises:
        SyntaxError: it is not Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compile(source, name, "exec", dont_inherit=True, optimize=2)
    return "\n\n".join(_listing(part) for part in _code_objects(code)) + "\n"


_CORPORA = MappingProxyType(
    {
        "python-docs": _Corpus("docstrings", tuple(PACKAGES), docstrings, topics=True),
        "python-code": _Corpus(
            "source code without its docstrings",
            tuple(PACKAGES),
            without_docstrings,
            largest=LARGEST_FILE,
        ),
        "bytecode": _Corpus("disassembled bytecode", (), disassembly, largest=LARGEST_FILE),
    }
)


def _corpus(name: str) -> _Corpus:
    if name not in _CORPORA:
        raise DataError(f"There is no built-in text '{name}'. {suggestion(name, _CORPORA)}")
    return _CORPORA[name]


def _made(
    corpus: _Corpus, topics: dict[str, str], modules: dict[str, Module]
) -> Iterator[Document]:
    for name in sorted({*topics, *modules}, key=shuffled_key):
        text = topics[name] if name in topics else _text(corpus, modules[name])
        if text.strip():
            yield Document(name, text)


def _text(corpus: _Corpus, module: Module) -> str:
    # Templates and examples of errors among the sources are no valid Python.
    try:
        with tokenize.open(module.path) as file:
            return corpus.text_of(file.read(), module.name)
    except (SyntaxError, ValueError, RecursionError):
        return ""


def _topics() -> dict[str, str]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return {}
    return {f"builtin:pydoc_data.topics:{name}": text for name, text in topics.items()}


def _modules(corpus: _Corpus) -> list[Module]:
    library = Path(sysconfig.get_paths()["stdlib"])
    found = list(_below(library, ""))
    if not found:
        raise DataError(
            f"{library}: holds no .py files; expected the sources of Python's standard library. "
            "Use a Python that brings its sources, or a text of your own (path = ...)."
        )
    for package in corpus.packages:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtra(package, "lab", "This built-in text")
        for folder in spec.submodule_search_locations:
            found += _below(Path(folder), package)
    small = corpus.largest
    return [m for m in found if small is None or m.path.stat().st_size <= small]


def _below(folder: Path, package: str) -> Iterator[Module]:
    """All modules that can be imported from a folder; folders such as site-packages cannot."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name.isidentifier() and name not in _LEFT_OUT]
        parts = Path(parent).relative_to(folder).parts
        for file in files:
            stem, suffix = os.path.splitext(file)  # noqa: PTH122
            if suffix == ".py" and stem.isidentifier():
                words = (package, *parts, "" if stem == "__init__" else stem)
                name = ".".join(word for word in words if word)
                if name and not name.startswith(_LEFT_OUT_STARTS):
                    yield Module(name, Path(parent, file))


def _parsed(source: str, name: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, name)


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _strings(call: ast.Call) -> Iterator[tuple[int, str]]:
    for argument in call.args:
        for node in ast.walk(argument):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.lineno, node.value


def _cut(lines: list[str], node: _Body) -> None:
    """Take a docstring out of the lines; "pass" takes its place where something must stand."""
    first = node.body[0]
    start, end = first.lineno - 1, (first.end_lineno or first.lineno) - 1
    before = lines[start].encode()[: first.col_offset].decode()
    after = lines[end].encode()[first.end_col_offset :].decode()
    needed = len(node.body) == 1 and not isinstance(node, ast.Module)
    shared = before.strip() or after.strip()
    lines[start : end + 1] = [f"{before}pass{after}"] if needed or shared else []


def _code_objects(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_objects(constant)


def _listing(code: CodeType) -> str:
    lines = [code.co_qualname]
    for instruction in dis.get_instructions(code):
        if instruction.opname != "EXTENDED_ARG":
            lines.append(f"{instruction.opname} {_argument(instruction)}".rstrip())
        if len(lines) > MOST_INSTRUCTIONS:
            break
    return "\n".join(lines)


def _argument(instruction: dis.Instruction) -> str:
    if instruction.arg is None:
        return ""
    if instruction.opcode in _JUMPS:
        return str(instruction.arg)
    if instruction.opcode in dis.hasconst:
        text = _constant(instruction.argval)
    else:
        # A name may be empty (from . import x); a number has no argrepr before Python 3.13.
        named = instruction.argrepr or instruction.opcode in dis.hasname
        text = instruction.argrepr if named else str(instruction.arg)
    return text if len(text) <= LONGEST_ARGUMENT else f"{text[: LONGEST_ARGUMENT - 3]}..."


def _constant(value: object) -> str:
    """The constant written without addresses, and sets in order: both differ from run to run."""
    if isinstance(value, CodeType):
        return f"<code {value.co_name}>"
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(_constant, value))) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_constant, value)) + (",)" if len(value) == 1 else ")")
    return repr(value)


_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
