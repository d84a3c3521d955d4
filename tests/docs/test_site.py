"""The site of the docs builds without a warning, and is read without a network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pages import WAIT, browser_path

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site; mkdocs.yml is strict about links, anchors and pages that it does not name."""
    pytest.importorskip("material", reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_every_page_of_docs_is_a_page_of_the_site(site):
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).exists()


def test_bars_in_tables_are_bars(site):
    assert "<code>iteration N/M | ..." in (site / "logs.html").read_text()
    for page in site.rglob("*.html"):
        assert not re.search(r"<td[^>]*>[^\n]*\\\|", page.read_text()), page.name


def test_nothing_is_fetched_from_elsewhere(site):
    fetching = re.compile(r"<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)=\"?(https?:[^\" >]+)")
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        assert fetching.findall(page.read_text()) == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(.?https?:|@import", style.read_text()), style.name


def test_the_search_finds_pages_of_a_folder_that_is_merely_opened(site):
    sync = pytest.importorskip("playwright.sync_api", reason="needs the extra dev")
    executable = browser_path()
    if executable is None:
        pytest.skip("no Chromium is installed")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.focus("input.md-search__input")
        page.keyboard.type("replay share")
        page.wait_for_selector(".md-search-result__item", timeout=WAIT)
        assert "replay" in page.inner_text(".md-search-result__list").lower()
        assert all(url.startswith(("file:", "data:", "about:", "blob:")) for url in asked), asked
        browser.close()
