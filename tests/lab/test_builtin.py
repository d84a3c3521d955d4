import ast
import hashlib
import importlib.util
import os
import subprocess
import sys
import sysconfig
from itertools import islice
from pathlib import Path

import pytest

from cptlaw.errors import DataError, MissingExtra
from cptlaw.lab import builtin
from cptlaw.lab.document import shuffled_key

SOURCES = sorted(Path(builtin.__file__).parents[1].glob("*.py"))
LONG = "A sentence that is long enough to be kept, for it has more than eighty characters in it."

SOURCE = f'''"""Module. {LONG}"""
# A comment.
from . import other

class A(B):
    """Class.

        Indented. {LONG}
    """  # after

    x = "not a docstring"

    def f(self): "Short."

    async def g(self):
        r"""Ünïcode. {LONG}"""; return 1

def h():
    ("In parts. "
     "{LONG}")
    assert x in {{"a", "b"}}
    return lambda: ("one",)

add_docstr(h, """
Added. {LONG}
""".format(**common))
'''


def everything_installed():
    return all(importlib.util.find_spec(package) for package in builtin.PACKAGES)


needs_all = pytest.mark.skipif(not everything_installed(), reason="needs the lab's packages")


def tree(folder, *paths):
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'"""{path} {LONG}"""\nx = 1\n')


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A standard library and no packages."""
    corpora = {
        name: builtin._Corpus(c.about, (), c.text_of, topics=False, largest=c.largest)
        for name, c in builtin._CORPORA.items()
    }
    monkeypatch.setattr(builtin, "_CORPORA", corpora)
    monkeypatch.setattr(builtin.sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path)})
    return tmp_path


def test_docstrings_stand_in_the_order_of_the_source():
    found = builtin.docstrings(SOURCE, "m").split("\n\n")
    assert found == [
        f"Module. {LONG}",
        "Class.",
        f"Indented. {LONG}",
        f"Ünïcode. {LONG}",
        f"In parts. {LONG}",
        f"Added. {LONG}",
    ]


def test_source_without_docstrings():
    assert builtin.without_docstrings(SOURCE, "m").split("add_docstr")[0] == (
        """# A comment.
from . import other

class A(B):
    pass  # after

    x = "not a docstring"

    def f(self): pass

    async def g(self):
        pass; return 1

def h():
    assert x in {"a", "b"}
    return lambda: ("one",)

"""
    )


def bare(tree):
    """A syntax tree without docstrings and passes."""
    for node in ast.walk(tree):
        if isinstance(node, builtin._Body):
            kept = node.body[1:] if ast.get_docstring(node) is not None else node.body
            node.body = [one for one in kept if not isinstance(one, ast.Pass)]
    return ast.dump(tree)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_but_docstrings_is_cut(path):
    source = path.read_text(encoding="utf-8")
    cut = builtin.without_docstrings(source, path.stem)
    assert bare(ast.parse(cut)) == bare(ast.parse(source))
    assert not any(
        ast.get_docstring(node)
        for node in ast.walk(ast.parse(cut))
        if isinstance(node, builtin._Body)
    )


def test_disassembly():
    text = builtin.disassembly(SOURCE, "m")
    parts = [part.splitlines() for part in text.split("\n\n")]
    assert [part[0] for part in parts] == [
        "<module>", "A", "A.f", "A.g", "h", "h.<locals>.<lambda>",
    ]  # fmt: skip
    assert {"LOAD_CONST <code h>", "LOAD_CONST ('other',)", "IMPORT_NAME"} <= set(parts[0])
    assert not any(said in text for said in ("Module.", "Class.", "Ünï", "In parts"))
    assert " at 0x" not in text


def test_sets_and_nested_constants_are_written_in_order():
    assert builtin._constant((frozenset("ba"), ("x",), 1.5)) == "({'a', 'b'}, ('x',), 1.5)"
    assert "LOAD_CONST {'a', 'b', 'c'}" in builtin.disassembly("x in {'b', 'c', 'a'}", "m")


def test_long_code_and_long_arguments_are_cut():
    text = builtin.disassembly("x = f(y)\n" * 1000 + f"z = {LONG!r}", "m")
    assert len(text.splitlines()) == 1 + builtin.MOST_INSTRUCTIONS
    longest = max(builtin.disassembly(f"z = {LONG!r}", "m").splitlines(), key=len)
    assert longest == f"LOAD_CONST {LONG!r}"[: len("LOAD_CONST ") + 37] + "..."


@pytest.mark.parametrize("name", ["python-docs", "python-code", "bytecode"])
def test_what_is_read(library, name):
    tree(library, "a.py", "b/__init__.py", "b/c.py", "b/__main__.py")
    tree(library, "test/d.py", "b/tests/e.py", "site-packages/f.py", "encodings/g.py")
    tree(library, "_sysconfigdata_x.py")
    tree(library, "b/not-a-name.py")
    (library / "broken.py").write_text("print 'two'")
    (library / "bytes.py").write_bytes(b"# caf\xe9\n")
    (library / "data.txt").write_text("x")
    found = [document.name for document in builtin.documents(name)]
    assert sorted(found) == ["builtin:a", "builtin:b", "builtin:b.__main__", "builtin:b.c"]
    assert found == sorted(found, key=shuffled_key)


@pytest.mark.parametrize(
    ("name", "kept"), [("python-docs", True), ("python-code", False), ("bytecode", False)]
)
def test_tables_are_no_code(library, name, kept):
    tree(library, "a.py", "table.py")
    with (library / "table.py").open("a") as file:
        file.write("x = 1\n" * (builtin.LARGEST_FILE // 6))
    found = {document.name for document in builtin.documents(name)}
    assert found == ({"builtin:a", "builtin:table"} if kept else {"builtin:a"})


def test_only_what_is_taken_is_read(library, monkeypatch):
    tree(library, *(f"m{number}.py" for number in range(20)))
    read = []
    monkeypatch.setattr(builtin, "_text", lambda _, module: read.append(module.name) or "text")
    assert len(list(islice(builtin.documents("python-code"), 3))) == len(read) == 3


def test_a_library_without_sources(library):
    (library / "a.pyc").write_bytes(b"")
    with pytest.raises(DataError, match=r"holds no .py files.*expected the sources.*text of your"):
        builtin.documents("bytecode")


@pytest.mark.parametrize("use", [builtin.documents, builtin.card])
def test_an_unknown_text(use):
    with pytest.raises(DataError, match=r"no built-in text 'python-doc'.*mean 'python-docs'"):
        use("python-doc")


@pytest.mark.parametrize("use", [builtin.documents, builtin.card])
def test_a_missing_package(use, monkeypatch):
    monkeypatch.setattr(builtin.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"needs numpy.*cptlaw\[lab\]"):
        use("python-docs")


def test_the_card_of_bytecode():
    text = builtin.card("bytecode")
    version = ".".join(map(str, sys.version_info[:3]))
    assert f"Python {version}'s standard library (PSF-2.0)" in text
    assert "numpy" not in text


@needs_all
@pytest.mark.parametrize("name", ["python-docs", "python-code"])
def test_the_card_names_every_package(name):
    text = builtin.card(name)
    assert all(f"{package} " in text for package in builtin.PACKAGES)
    assert ("topics" in text) == (name == "python-docs")
    assert str(Path(sysconfig.get_paths()["stdlib"])) not in text


@needs_all
def test_the_packages_are_not_imported():
    program = (
        "import sys; from cptlaw.lab import builtin; next(builtin.documents('python-docs')); "
        "assert not {'torch', 'sympy', 'networkx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_every_run_makes_the_same_bytes():
    program = (
        "import hashlib; from itertools import islice; from cptlaw.lab import builtin; "
        "texts = [d.text for d in islice(builtin.documents('bytecode'), 40)]; "
        "print(len(texts), hashlib.sha256(repr(texts).encode()).hexdigest())"
    )
    texts = [document.text for document in islice(builtin.documents("bytecode"), 40)]
    expected = f"40 {hashlib.sha256(repr(texts).encode()).hexdigest()}"
    for seed in ("1", "2"):
        made = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert made.stdout.strip() == expected
