"""What the site has from outside docs: cards of bundled runs, presets, changes, experiments.

A hook of mkdocs.yml. It brings them in, and leads links between them and docs to the right page.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cptlaw"
CARDS = sorted((PACKAGE / "studies" / "datasets").glob("*/CARD.md"))
PRESETS = sorted((PACKAGE / "lab" / "presets").glob("*.toml"))
PAGES = {
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "LOG.md": "experiments.md",
    "README.md": "index.md",
    **{path.relative_to(ROOT).as_posix(): f"bundled/{path.parent.name}.md" for path in CARDS},
    **{path.relative_to(ROOT).as_posix(): f"presets/{path.name}" for path in PRESETS},
    "src/cptlaw/explorer/assets/icon.svg": "site/icon.svg",
}
_SOURCES = {page: source for source, page in PAGES.items() if source != "README.md"}
_CELL = re.compile(r"<td.*?</td>", flags=re.DOTALL)
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Bring the pages in."""
    for page, source in _SOURCES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where their pages lie in the site; a page without others beside it is wide."""
    here = page.file.src_uri
    if page.parent is None:
        page.meta["hide"] = ["navigation"]
    source = _SOURCES.get(here, f"docs/{here}")

    def led(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        known = PAGES.get(target, target.removeprefix("docs/"))
        if source.startswith("docs/") and target not in PAGES:
            return match[1]
        return posixpath.relpath(known, posixpath.dirname(here))

    return _LINK.sub(led, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Bars of code in tables without the backslash that keeps them from ending a cell."""
    return _CELL.sub(lambda cell: cell[0].replace(r"\|", "|"), html)
