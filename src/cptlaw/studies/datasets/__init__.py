"""Real curves that come with the package."""

from __future__ import annotations

import shutil
from pathlib import Path

from cptlaw.errors import DataError, suggestion
from cptlaw.studies.study import Study

# name -> the folder of its logs, and which study of that folder it is
_STUDIES = {
    "tiny-cpt": ("tiny_cpt", "study.toml"),
    "tiny-grid": ("tiny_grid", "study.toml"),
    "tiny-grid-far": ("tiny_grid", "study-far.toml"),
    "grid-20m": ("grid_20m", "study.toml"),
    "grid-20m-far": ("grid_20m", "study-far.toml"),
    "grid-6m": ("grid_20m", "study-6m.toml"),
    "grid-20m-sizes": ("grid_20m", "study-sizes.toml"),
    "starts-1m": ("starts_1m", "study.toml"),
    "short-85m": ("short_85m", "study.toml"),
}


def names() -> tuple[str, ...]:
    """The bundled data sets."""
    return tuple(_STUDIES)


def _place(name: str) -> tuple[Path, str]:
    if name not in _STUDIES:
        raise DataError(f"no data set '{name}'. {suggestion(name, _STUDIES)}")
    folder, study = _STUDIES[name]
    return Path(__file__).parent / folder, study


def path(name: str = "tiny-cpt") -> Path:
    """The folder of a bundled data set: studies, their logs, and CARD.md, which says what it is.

    Args:
        name: of `names()`.

    Raises:
        DataError: there is none of that name.
    """
    return _place(name)[0]


def study_file_name(name: str = "tiny-cpt") -> str:
    """The study file's name in a bundled data set's folder.

    Args:
        name: of `names()`.

    Raises:
        DataError: there is none of that name.
    """
    return _place(name)[1]


def load(name: str = "tiny-cpt") -> Study:
    """A bundled data set as a study.

    Args:
        name: of `names()`.

    Raises:
        DataError: there is none of that name.
    """
    from cptlaw.studies import study_file

    folder, study = _place(name)
    return study_file.load(folder / study)


def copy(name: str, directory: str | Path) -> Path:
    """Copy a bundled data set into `directory`, to look at and change; returns its folder.

    Args:
        name: of `names()`.
        directory: where its folder is made.

    Raises:
        DataError: there is none of that name, or the folder cannot be written.
    """
    target = Path(directory) / name
    try:
        shutil.copytree(path(name), target, dirs_exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error}.") from None
    return target
