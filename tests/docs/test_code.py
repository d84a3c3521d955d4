"""The code of README and of the pages of docs runs, and prints what they show."""

import pytest

from doc_pages import follow, name, pages, run_pages, same

GUIDES = (pages.ROOT / "docs" / "guides", pages.ROOT / "docs" / "start.md")
SOURCES = [p for p in pages.sources() if p.parent not in GUIDES and p not in GUIDES]


@pytest.mark.parametrize("page", [p for p in SOURCES if any(pages.blocks(p.read_text()))], ids=name)
def test_the_code_of_a_page_runs(page, tmp_path):
    follow(page, tmp_path)


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
    def followed(text: str) -> list:
        with run_pages.inside(tmp_path):
            return list(run_pages.follow(text, run_pages.Desk(tmp_path)))

    with pytest.raises(run_pages.Untrue, match="no such file"):
        followed("```console\ncptlaw fit nowhere.toml\n```\n")
    followed("<!-- ends with status 2 -->\n```console\ncptlaw fit nowhere.toml\n```\n")
    with pytest.raises(ValueError, match="not a command"):
        followed("```bash\nrm -rf .\n```\n")
    code = "```python\nprint('a 1.00')\nprint('b')\n```\n\n"
    shown = code + "<!-- printed, lines 1 to 1 -->\n```text\na 2.0\n```\n"
    ((block, printed),) = followed(shown)
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
