"""Pages of docs, followed in a test."""

import importlib
import math
import re
import sys
from pathlib import Path

import pytest

from cptlaw import MissingExtra

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
try:
    pages, run_pages = importlib.import_module("page_blocks"), importlib.import_module("run_pages")
finally:
    sys.path.pop(0)

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


def name(page: Path) -> str:
    """What a page is called in a test."""
    return page.relative_to(ROOT).as_posix()


def follow(page: Path, folder: Path) -> None:
    """Run the code of a page in a folder; what it prints must be what the page shows."""
    text = page.read_text()
    run_pages.lay(pages.page_note(text, "folder"), folder)
    try:
        with run_pages.inside(folder):
            for block, printed in run_pages.follow(text, run_pages.Desk(folder)):
                assert same(block.text, printed), f"line {block.first}: now\n{printed}"
    except (MissingExtra, ModuleNotFoundError) as missing:
        pytest.skip(f"{page.name}: {missing}")


def same(said: str, printed: str) -> bool:
    """Whether texts agree, their numbers to 2 % or two units of the last place."""
    if _NUMBER.sub("#", said).split() != _NUMBER.sub("#", printed).split():
        return False
    pairs = zip(_NUMBER.findall(said), _NUMBER.findall(printed), strict=True)
    return all(_close(a.replace(",", ""), b.replace(",", "")) for a, b in pairs)


def _close(a: str, b: str) -> bool:
    unit = 10.0 ** -len(a.partition("e")[0].partition(".")[2]) if "e" not in a else 0.0
    return math.isclose(float(a), float(b), rel_tol=0.02, abs_tol=2 * unit)
