"""No file and no function outgrows what is read in one go."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60
FILES = sorted(p for folder in ("src", "tests") for p in (ROOT / folder).rglob("*.py"))


def too_long(tree):
    """Functions of more lines than are allowed, from `def` on, their docstring included.

    Decorators do not count: what stands in those of a command or a test is a table.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if lines > LINES_OF_A_FUNCTION:
                yield f"{node.name}: {lines} lines"


def test_there_are_files():
    assert len(FILES) > 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LINES_OF_A_FILE
    assert list(too_long(ast.parse(text))) == []
