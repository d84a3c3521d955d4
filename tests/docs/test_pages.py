"""What README and docs say of files, commands and one another is so; test_code.py runs them."""

import re
import sys
from pathlib import Path

import pytest

from cptlaw import datasets

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def blocks(page, language):
    """The fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def anchors(page):
    """What links into a page may name: its headings, spelled as code hosts and the site do."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    heads = re.findall(r"^#+ (.*)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", prose):
        led = page.parent / target if target else page
        assert led.exists(), target
        assert not anchor or anchor in anchors(led), f"{target}#{anchor}"


def test_every_page_has_its_place_in_the_site():
    places = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert f" {page.relative_to(ROOT / 'docs').as_posix()}\n" in places, page.name


def test_tables_taken_from_the_evidence_are_its_own():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import write_evidence
    finally:
        sys.path.pop(0)
    for page in PAGES:
        text = page.read_text()
        assert write_evidence.filled(text) == text, f"{page.name}: make docs"
    with pytest.raises(KeyError, match="no row of nowhere"):
        write_evidence.found(write_evidence.errors(), "nowhere", "paper")


def test_the_study_file_page_shows_a_study_that_loads(tmp_path):
    from cptlaw.studies import study_file

    text = blocks(ROOT / "docs" / "study-file.md", "toml")[0]
    log = "step,eval_general_loss,eval_law_loss,eval_code_loss\n"
    for name, first, last in (("base", 0, 40000), ("cpt", 0, 1000), ("annealed", 0, 1000)):
        folder = tmp_path / "logs" / name
        folder.mkdir(parents=True)
        rows = "".join(f"{s},3.5,3.4,3.3\n" for s in range(first, last + 1, 500))
        (folder / "log.csv").write_text(log + rows)
    text = re.sub(r"trainer_state\.json", "log.csv", text)
    text = text.replace('after = "base"  ', 'schedule = "constant 1000"\nafter = "base"  ')
    text = text.replace("after_step = 32000", 'after_step = 32000\nschedule = "linear 1000 to 0"')
    path = tmp_path / "study.toml"
    path.write_text(text)
    study = study_file.load(path)
    assert [r.name for r in study.runs] == ["base", "cpt-cosine", "annealed"]
    assert study.run("cpt-cosine").replay == 0.25
    assert set(study.domains) == {"pt", "cpt", "ood.code"}


def test_the_command_page_is_what_the_help_says():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import write_commands
    finally:
        sys.path.pop(0)
    assert (ROOT / "docs" / "commands.md").read_text() == write_commands.text()


def test_the_tree_in_the_readme_is_the_tree():
    tree = blocks(ROOT / "README.md", "text")[0]
    named = set(re.findall(r"^  (\w+)/\s", tree, flags=re.MULTILINE))
    package = ROOT / "src" / "cptlaw"
    assert named == {folder.parent.name for folder in package.glob("*/__init__.py")}
    assert len(tree.splitlines()) <= 13


def test_the_data_card_names_every_bundled_run():
    card = (datasets.path() / "CARD.md").read_text()
    for run in datasets.load().runs:
        assert f"| {run.name} |" in card
