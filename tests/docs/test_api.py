"""The pages of the Python API hold every public name, and say what its arguments are."""

import importlib
import inspect
import sys
import types
from pathlib import Path

import pytest

import cptlaw

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
try:
    write_api = importlib.import_module("write_api")
finally:
    sys.path.pop(0)

ENTRIES = write_api.entries()


def own_parts(entry):
    """What a public name has that is called: itself, or what its module offers."""
    if not isinstance(entry.value, types.ModuleType):
        return [entry]
    if entry.name in write_api.IN_BRIEF:
        return []
    return write_api.members(entry.value)


def test_the_pages_are_what_the_docstrings_say():
    texts = write_api.texts()
    assert {path.name for path in (ROOT / "docs" / "api").glob("*.md")} == set(texts)
    for name, text in texts.items():
        assert (ROOT / "docs" / "api" / name).read_text() == text, f"{name}: make docs"


def test_every_public_name_has_a_place():
    assert [e.name for e in ENTRIES] == [n for n in cptlaw.__all__ if n != "__version__"]
    overview = write_api.overview()
    for entry in ENTRIES:
        assert f"[`{entry.name}`](" in overview
        assert f"\n## {entry.title}\n" in write_api.page(entry.page)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_public_name_says_what_it_is_and_takes(entry):
    for part in own_parts(entry):
        assert part.doc.first, part.name
        told = {name.lstrip("*") for name, _ in part.doc.sections.get("Args", [])}
        assert set(inspect.signature(part.value).parameters) <= told, part.name
        if inspect.isclass(part.value):
            for name, member in inspect.getmembers(part.value, inspect.isfunction):
                assert name.startswith("_") or inspect.getdoc(member), f"{part.name}.{name}"


def test_a_docstring_is_taken_apart():
    def example(a, *, b=1):
        """One sentence
        over two lines.

        More of it, a * b.

        Args:
            a: words
                over lines.
            b: words.

        Raises:
            ValueError: never.

        Source: a paper.
        """

    doc = write_api.doc_of(example)
    assert (doc.first, doc.prose) == ("One sentence over two lines.", "More of it, a * b.")
    assert doc.sections["Args"] == [("a", "words over lines."), ("b", "words.")]
    assert doc.sections["Raises"] == [("ValueError", "never.")]
    assert doc.sections["Source"] == [("", "a paper.")]
    assert write_api.escaped("a * b, `a * b`, n < 1") == r"a \* b, `a * b`, n &lt; 1"
