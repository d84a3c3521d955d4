"""Bring the diffs of docs/extending.md up to date with the code around them: `make docs`."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import page_blocks as pages

PAGE = pages.ROOT / "docs" / "extending.md"


def copied(folder: Path) -> None:
    """Put the source into a folder."""
    kept = shutil.ignore_patterns("__pycache__", "*.so", "*.csv")
    shutil.copytree(pages.ROOT / "src", folder / "src", ignore=kept)


def apply(diff: str, folder: Path, *options: str) -> None:
    """Apply a diff to the copy of the source in a folder.

    Raises:
        ValueError: it does not fit.
    """
    words = ["git", "apply", *options, "-"]
    done = subprocess.run(words, cwd=folder, input=diff, text=True, capture_output=True)
    if done.returncode:
        raise ValueError(f"{done.stderr}Change the diff in {PAGE.name} by hand.")


def renewed(diff: str) -> str:
    """The same change, with the lines around it as they are now."""
    with tempfile.TemporaryDirectory() as place:
        old, new = Path(place, "a"), Path(place, "b")
        copied(old)
        copied(new)
        apply(diff, new, "-C1")
        words = ["git", "diff", "--no-index", "--no-color", "a", "b"]
        made = subprocess.run(words, cwd=place, text=True, capture_output=True).stdout
    return "\n".join(_plain(made)) + "\n"


def _plain(made: str) -> list[str]:
    """Lines of a diff without what git says besides."""
    lines = made.replace("--- a/a/", "--- a/").replace("+++ b/b/", "+++ b/").splitlines()
    left_out = ("diff --git", "index ", "new file")
    kept = [line for line in lines if not line.startswith(left_out)]
    return [line[: line.index("@@", 2) + 2] if line.startswith("@@") else line for line in kept]


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for block in pages.blocks(text):
        if block.note("diff"):
            text = text.replace(block.text, renewed(block.text))
    PAGE.write_text(text, encoding="utf-8")
