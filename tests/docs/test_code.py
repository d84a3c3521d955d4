"""The code of README and docs runs, and prints what the pages show."""

import importlib
import math
import re
import shutil
import sys
from pathlib import Path

import pytest

from cptlaw import MissingExtra

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
try:
    pages, run_pages = importlib.import_module("pages"), importlib.import_module("run_pages")
finally:
    sys.path.pop(0)

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    """What a page may begin with, laid once: the copy of a kind."""
    made = {}

    def of(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind)
            run_pages.lay(kind, made[kind])
        return made[kind]

    return of


def same(said: str, printed: str) -> bool:
    """Whether texts agree, their numbers to 2 % or two units of the last place."""
    if _NUMBER.sub("#", said).split() != _NUMBER.sub("#", printed).split():
        return False
    pairs = zip(_NUMBER.findall(said), _NUMBER.findall(printed), strict=True)
    return all(_close(a.replace(",", ""), b.replace(",", "")) for a, b in pairs)


def _close(a: str, b: str) -> bool:
    unit = 10.0 ** -len(a.partition("e")[0].partition(".")[2]) if "e" not in a else 0.0
    return math.isclose(float(a), float(b), rel_tol=0.02, abs_tol=2 * unit)


@pytest.mark.parametrize("page", pages.sources(), ids=lambda p: p.name)
def test_the_code_of_a_page_runs(page, tmp_path, laid):
    text = page.read_text()
    if not any(pages.blocks(text)):
        return
    shutil.copytree(laid(pages.page_note(text, "folder") or "study"), tmp_path, dirs_exist_ok=True)
    try:
        with run_pages.inside(tmp_path):
            for block, printed in run_pages.follow(text, run_pages.Desk(tmp_path)):
                assert same(block.text, printed), f"line {block.first}: now\n{printed}"
    except (MissingExtra, ModuleNotFoundError) as missing:
        pytest.skip(f"{page.name}: {missing}")


def test_what_is_not_run_says_why():
    for page in pages.sources():
        for block in pages.blocks(page.read_text()):
            assert block.note("not run") != "", f"{page.name}, line {block.first}"


def test_what_needs_pytorch_is_run_where_the_lab_is_tested():
    """By tests/schedules/test_export_torch.py."""
    needing = {
        p.name for p in pages.sources() for b in pages.blocks(p.read_text()) if b.note("needs")
    }
    assert needing == {"schedules.md"}


def test_a_page_that_says_what_is_not_so_is_found(tmp_path):
    def follow(text: str) -> list:
        with run_pages.inside(tmp_path):
            return list(run_pages.follow(text, run_pages.Desk(tmp_path)))

    with pytest.raises(run_pages.Untrue, match="no such file"):
        follow("```console\ncptlaw fit nowhere.toml\n```\n")
    follow("<!-- ends with status 2 -->\n```console\ncptlaw fit nowhere.toml\n```\n")
    with pytest.raises(ValueError, match="not a command"):
        follow("```bash\nrm -rf .\n```\n")
    code = "```python\nprint('a 1.00')\nprint('b')\n```\n\n"
    shown = code + "<!-- printed, lines 1 to 1 -->\n```text\na 2.0\n```\n"
    ((block, printed),) = follow(shown)
    assert printed == "a 1.00\n"
    assert not same(block.text, printed)
    assert same("a 1.01", printed)


def test_a_part_of_an_output_is_found_by_its_words():
    def part(note: str) -> str:
        return run_pages.part(pages.Block(1, "text", (), (note,)), "a\n b\n\nc\n  d e\nf\n")

    assert part("printed") == "a\n b\n\nc\n  d e\nf\n"
    assert part("printed, lines 1 to 2") == part("printed, paragraph 1") == "a\n b\n"
    assert part("printed, 2 lines from: d") == "  d e\nf\n"
    with pytest.raises(run_pages.Untrue, match="begins with: x"):
        part("printed, 1 line from: x")


def test_blocks_and_their_comments_are_found():
    text = "<!-- not run: days -->\n\n```console\na\n```\n\ntext\n\n```python\nb\n```\n"
    first, second = pages.blocks(text)
    assert (first.language, first.lines, first.note("not run")) == ("console", ("a",), "days")
    assert (second.language, second.note("not run")) == ("python", None)
