"""Makes the README one that package indexes can show: its links and pictures get full addresses.

An index has no other file of the project, so what is relative in README.md leads to the tag of
the release at the `Source` of `[project.urls]`. As long as none is set, links stay as they are and
pictures are left out (docs/releasing.md).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

try:
    from hatchling.metadata.plugin.interface import MetadataHookInterface
except ImportError:  # read by tests
    MetadataHookInterface = object

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)\s]+)\)")


def for_index(text: str, source: str | None, version: str) -> str:
    """The text of a README with links that lead somewhere from anywhere.

    Args:
        text: of README.md.
        source: address of the repository, if it is known.
        version: of the release, tagged "v" and this.
    """

    def absolute(match: re.Match[str]) -> str:
        picture, words, target = match.groups()
        if source is None:
            return "" if picture else match.group()
        kind = "raw" if picture else "blob"
        return f"{picture}[{words}]({source.rstrip('/')}/{kind}/v{version}/{target})"

    return _LINK.sub(absolute, text)


class ReadmeHook(MetadataHookInterface):
    """Sets the readme of the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Read README.md, and put in what an index is to show."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get("Source")
        shown = for_index(text, source, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": shown}
