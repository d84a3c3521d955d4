"""Experiments that come with the package."""

from __future__ import annotations

from pathlib import Path

from cptlaw.errors import DataError, suggestion

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """The bundled experiments."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.toml")))


def path(name: str) -> Path:
    """The experiment file of a preset.

    Raises:
        DataError: there is none of that name.
    """
    if name not in names():
        raise DataError(f"no preset '{name}'. {suggestion(name, names())}")
    return _FOLDER / f"{name}.toml"
