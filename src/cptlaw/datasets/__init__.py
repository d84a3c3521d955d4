"""Real curves that come with the package."""

from __future__ import annotations

import shutil
from pathlib import Path

from cptlaw.errors import DataError, suggestion
from cptlaw.study import Study

_FOLDERS = {"tiny-cpt": "tiny_cpt"}


def names() -> tuple[str, ...]:
    """The bundled data sets."""
    return tuple(_FOLDERS)


def path(name: str = "tiny-cpt") -> Path:
    """The folder of a bundled data set: study.toml, its logs, and CARD.md, which says what it is.

    Raises:
        DataError: there is none of that name.
    """
    if name not in _FOLDERS:
        raise DataError(f"no data set '{name}'. {suggestion(name, _FOLDERS)}")
    return Path(__file__).parent / _FOLDERS[name]


def load(name: str = "tiny-cpt") -> Study:
    """A bundled data set as a study.

    Raises:
        DataError: there is none of that name.
    """
    from cptlaw import study_file

    return study_file.load(path(name) / "study.toml")


def copy(name: str, directory: Path) -> Path:
    """Copy a bundled data set into `directory`, to look at and change; returns its folder.

    Raises:
        DataError: there is none of that name, or the folder cannot be written.
    """
    target = directory / name
    try:
        shutil.copytree(path(name), target, dirs_exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error}.") from None
    return target
