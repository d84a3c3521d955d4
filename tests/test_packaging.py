"""What is installed and released: metadata, the lists of files, addresses."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cptlaw
from command import run

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def module(path):
    """A script of the project, imported."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


check_release = module(ROOT / ".ci" / "check_release.py")
build_readme = module(ROOT / "build_readme.py")
build_compiled = module(ROOT / "build_compiled.py")


def test_there_is_one_version():
    assert PROJECT["version"] == cptlaw.__version__
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {cptlaw.__version__}\n" in citation
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert changes.split("\n## ")[1].startswith(f"{cptlaw.__version__} (")


def test_the_oldest_packages_are_those_that_are_allowed():
    pinned = dict(
        line.split("==")
        for line in (ROOT / ".ci" / "oldest.txt").read_text().splitlines()
        if not line.startswith("#")
    )
    extras = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *(extras[e][0] for e in ("plot", "pandas", "parquet"))]
    for name, bound in (line.split(">=") for line in [*asked, *extras["explorer"]]):
        assert pinned[name] == bound or pinned[name].startswith(f"{bound}."), name
        assert set(pinned[name].removeprefix(bound)) <= set(".0"), name


def test_the_version_says_what_a_bug_report_needs():
    lines = run("--version").stdout.splitlines()
    assert lines[0].startswith(f"cptlaw, version {cptlaw.__version__}, ")
    assert sys.platform in lines[1] and "Python" in lines[1]
    assert re.search(r"numpy \d.*scipy \d.*pydantic \d", lines[2])
    assert any(line.startswith("plot: ") and "matplotlib" in line for line in lines)


def test_the_package_is_a_program_too():
    command = [sys.executable, "-m", "cptlaw", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == run("--version").stdout


def test_the_readme_of_an_index_has_full_addresses():
    text = "![A plan](docs/plan.png) [laws](docs/laws.md#new) [a](https://a.org)"
    source = "https://host.org/us/cptlaw/"
    assert build_readme.for_index(text, source, "1.2") == (
        "![A plan](https://host.org/us/cptlaw/raw/v1.2/docs/plan.png) "
        "[laws](https://host.org/us/cptlaw/blob/v1.2/docs/laws.md#new) [a](https://a.org)"
    )
    assert build_readme.for_index(text, None, "1.2").startswith(" [laws](docs/laws.md#new)")
    assert "](docs" not in build_readme.for_index((ROOT / "README.md").read_text(), source, "1")


def test_a_release_without_addresses_or_date_is_held_back(tmp_path):
    for name in ("pyproject.toml", "CHANGELOG.md", "CITATION.cff"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    head = f"## {cptlaw.__version__} ("
    changes = re.sub(rf"{re.escape(head)}[^)]*\)", f"{head}unreleased)", changes_of(tmp_path))
    (tmp_path / "CHANGELOG.md").write_text(changes)
    assert any("CHANGELOG.md: no heading" in said for said in check_release.of_project(tmp_path))
    (tmp_path / "CHANGELOG.md").write_text(changes.replace("(unreleased)", "(2030-01-02)"))
    urls = "".join(f'{name} = "https://host.org/{name}"\n' for name in check_release.URLS)
    project = (tmp_path / "pyproject.toml").read_text()
    project = re.sub(r"\[project\.urls\]\n(\w+ = .*\n)*", "", project)
    (tmp_path / "pyproject.toml").write_text(f"{project}\n[project.urls]\n{urls}")
    said = list(check_release.of_project(tmp_path))
    assert all(one.startswith("CITATION.cff") for one in said) and said
    with (tmp_path / "CITATION.cff").open("a") as file:
        file.write("date-released: 2030-01-02\nrepository-code: https://host.org/Source\n")
    assert list(check_release.of_project(tmp_path)) == []


def changes_of(folder):
    return (folder / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("src/cptlaw/laws/recurrences.abi3.so", b"", "is a build"),
        ("tests/__pycache__/test_x.pyc", b"", "does not belong there"),
        ("docs/page.md", b"see /root/somewhere/else", "holds b'/root/somewhere/'"),
        ("PKG-INFO", b"Name: cptlaw\n![a](docs/a.png)", "no full address"),
    ],
)
def test_what_does_not_belong_into_an_sdist(path, content, said):
    found = check_release.of_contents("cptlaw.tar.gz", {path: content}, (), "")
    assert any(said in one for one in found)


def test_the_files_that_a_release_needs_are_there():
    for path in check_release.NEEDED:
        assert (ROOT / path).is_file(), path


def test_no_run_path_of_the_building_python_comes_into_wheels():
    assert "-Wl,-rpath=/somewhere/lib".startswith(build_compiled._OWN)
    assert "-Wl,-rpath,/somewhere/lib".startswith(build_compiled._OWN)
    assert not "-Wl,--as-needed".startswith(build_compiled._OWN)


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda p: p.name
)
def test_the_forms_for_issues_are_whole(path):
    yaml = pytest.importorskip("yaml")
    form = yaml.safe_load(path.read_text())
    if path.name == "config.yml":
        return
    assert form["name"] and form["description"]
    fields = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(field["id"] and field["attributes"]["label"] for field in fields)
    assert "cptlaw --version" in path.read_text()
