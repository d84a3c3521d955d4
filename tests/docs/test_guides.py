"""The guides can be walked as they are printed: every command and every block of code, in order."""

import pytest

from doc_pages import follow, name, pages

GUIDES = [pages.ROOT / "docs" / "start.md", *sorted((pages.ROOT / "docs" / "guides").glob("*.md"))]


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_a_guide_can_be_walked(page, tmp_path):
    follow(page, tmp_path)
