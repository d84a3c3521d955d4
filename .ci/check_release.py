"""Whether what was built may be released (docs/releasing.md).

    python .ci/check_release.py DIST

DIST holds the sdist and the wheels. Prints all that is wrong; status 1 if anything is.
"""

from __future__ import annotations

import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
URLS = ("Source", "Documentation", "Issues", "Changelog")
NEEDED = (
    "src/cptlaw/py.typed",
    "src/cptlaw/laws/recurrences.c",
    "src/cptlaw/laws/recurrences.pyi",
    "src/cptlaw/forecasting/measured.json",
    "src/cptlaw/studies/datasets/tiny_grid/study.toml",
    "src/cptlaw/explorer/assets/index.html",
    "src/cptlaw/output/report/assets/page.html",
    "src/cptlaw/lab/presets/tiny.toml",
    "src/cptlaw_evidence/sources/protocols.json",
)
JUNK = re.compile(
    r"__pycache__|\.pyc$|\.hypothesis|\.pytest_cache|\.ruff_cache|/\.venv/|\.egg-info"
)
# Paths and hosts of a machine that builds: homes, and package indexes named in settings of pip.
LOCAL = re.compile(rb"/(?:root|home|Users)/[\w.-]+/|index-url|--find-links")
PLACEHOLDER = re.compile(r"example\.(?:org|com)|OWNER|TODO")


def main(dist: Path) -> int:
    """Print what is wrong; the exit status."""
    wrong = [*of_project(ROOT), *of_files(dist)]
    print("\n".join(wrong) or "ready to be released")
    return bool(wrong)


def of_project(root: Path) -> Iterator[str]:
    """What is wrong with addresses, version and changelog."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    version, urls = project["version"], project.get("urls", {})
    for name in URLS:
        address = urls.get(name, "")
        if not address.startswith("https://") or PLACEHOLDER.search(address):
            yield f"pyproject.toml: [project.urls] has no {name}; write its address."
    changes = (root / "CHANGELOG.md").read_text()
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", changes, re.MULTILINE):
        yield f"CHANGELOG.md: no heading '## {version} (YEAR-MONTH-DAY)'."
    citation = (root / "CITATION.cff").read_text()
    if not re.search(r"^date-released: ", citation, re.MULTILINE):
        yield "CITATION.cff: no date-released."
    if "Source" in urls and f"repository-code: {urls['Source']}" not in citation:
        yield "CITATION.cff: repository-code is not the Source of pyproject.toml."


def of_files(dist: Path) -> Iterator[str]:
    """What is wrong with the sdist and the wheels of a folder."""
    wheels, sdists = sorted(dist.glob("*.whl")), sorted(dist.glob("*.tar.gz"))
    if len(sdists) != 1 or not wheels:
        yield f"{dist}: {len(sdists)} sdists and {len(wheels)} wheels; expected one, and some."
    for wheel in wheels:
        if "-linux_" in wheel.name:
            yield f"{wheel.name}: an index takes manylinux wheels alone; run auditwheel repair."
        yield from of_contents(wheel.name, wheel_files(wheel), NEEDED, "src/")
    for sdist in sdists:
        yield from of_contents(sdist.name, sdist_files(sdist), NEEDED, "")


def of_contents(
    name: str, files: dict[str, bytes], needed: Iterable[str], without: str
) -> Iterator[str]:
    """What is wrong with the files of one archive.

    Args:
        name: of the archive.
        files: path in it -> content.
        needed: paths that must be there.
        without: what their paths begin with in the tree, but not here.
    """
    for path in needed:
        if path.removeprefix(without) not in files:
            yield f"{name}: {path.removeprefix(without)} is missing."
    for path, content in files.items():
        if JUNK.search(path):
            yield f"{name}: {path} does not belong there."
        if name.endswith(".gz") and path.endswith((".so", ".pyd")):
            yield f"{name}: {path} is a build."
        if not path.startswith((".ci/", "tests/")) and (found := LOCAL.search(content)):
            yield f"{name}: {path} holds {found.group()!r}."
        if path.endswith(("METADATA", "PKG-INFO")):
            yield from (f"{name}: {said}" for said in of_metadata(content.decode()))


def of_metadata(text: str) -> Iterator[str]:
    """What is wrong with the page that an index will show."""
    if "Project-URL: Source, https://" not in text:
        yield "the metadata have no address of the source."
    if "![" not in text or re.search(r"!\[[^\]]*\]\((?!https://)", text):
        yield "the readme's pictures have no full address."


def wheel_files(path: Path) -> dict[str, bytes]:
    """Path -> content."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sdist_files(path: Path) -> dict[str, bytes]:
    """Path below the first folder -> content."""
    with tarfile.open(path) as archive:
        members = [m for m in archive.getmembers() if m.isfile()]
        return {
            m.name.partition("/")[2]: file.read()
            for m in members
            if (file := archive.extractfile(m)) is not None
        }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
