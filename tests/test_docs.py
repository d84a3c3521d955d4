"""README and docs say what is true: their code runs, their commands exist, their links lead on."""

import re
import shlex
import sys
from pathlib import Path

import click
import pytest

from cptlaw import datasets
from cptlaw.cli import cli

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def blocks(page, language):
    """The fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for code in blocks(page, "python"):
        exec(compile(code, f"{page.name}", "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def parse(words):
    """Parse a command line down to its command, and run nothing."""
    command, context = cli, None
    while isinstance(command, click.Group):
        settings = command.context_settings
        context = click.Context(command, context, info_name=command.name, **settings)
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    return command.make_context(command.name, words, parent=context)


def test_every_command_in_the_pages_is_understood():
    """Options and subcommands are parsed; nothing is run, the files named need not exist."""
    seen = 0
    for page in PAGES:
        for block in blocks(page, "console"):
            for line in block.splitlines():
                if line.startswith("cptlaw "):
                    parse(shlex.split(line.partition(" #")[0])[1:])
                    seen += 1
    assert seen >= 6


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
