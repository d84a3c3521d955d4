"""What `cptlaw --version` prints: all that a report of a bug needs."""

from __future__ import annotations

import platform
import re
import sys
from importlib import metadata

import cptlaw
from cptlaw.laws import compiled
from cptlaw.packages import version_of

_EXTRA = re.compile(r"""^([\w.-]+)[^;]*;\s*extra\s*==\s*["']([\w-]+)["']""")
_CORE = ("numpy", "scipy", "pydantic", "click")
_FOR_USERS = ("plot", "pandas", "parquet", "explorer", "lab", "lightning", "ray")


def text() -> str:
    """The version first, then a line each on Python, packages and extras."""
    return "\n".join(
        [
            f"cptlaw, version {cptlaw.__version__}, {compiled.in_words()}",
            f"{platform.python_implementation()} {platform.python_version()}, {_machine()}",
            ", ".join(_told(name) for name in _CORE),
            *(f"{extra}: {_of_extra(needed)}" for extra, needed in _extras().items()),
        ]
    )


def _machine() -> str:
    # platform.platform() may start a process; this does not.
    return f"{sys.platform} {platform.machine()}, {platform.system()} {platform.release()}"


def _extras() -> dict[str, list[str]]:
    """Extra -> the packages it asks for; none where cptlaw was not installed as a package."""
    try:
        asked = metadata.requires("cptlaw") or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {extra: [] for extra in _FOR_USERS}
    for name, extra in (match.groups() for line in asked if (match := _EXTRA.match(line))):
        if extra in found:
            found[extra].append(name)
    return {extra: names for extra, names in found.items() if names}


def _of_extra(names: list[str]) -> str:
    return ", ".join(map(_told, names))


def _told(name: str) -> str:
    version = version_of(name)
    return f"no {name}" if version is None else f"{name} {version}"
