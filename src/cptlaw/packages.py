"""Which versions of packages are at work."""

from __future__ import annotations

import sys
from importlib import metadata


def version_of(package: str) -> str | None:
    """The version of a package, None where there is none.

    Our own, and that of a package that runs from a folder and is not installed, is what the code
    itself says: what is installed may be another.
    """
    if package == "cptlaw":
        return _said(package)
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return _said(package)


def _said(package: str) -> str | None:
    version = getattr(sys.modules.get(package), "__version__", None)
    return None if version is None else str(version)
