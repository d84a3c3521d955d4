"""Builds the compiled recurrences where there is a C compiler; without one NumPy does their work.

Hatchling runs it when the package is installed or made into a wheel; by hand, for a source tree
that is not installed: `python build_compiled.py` (needs setuptools). CPTLAW_COMPILED=0 in the
environment leaves it out: the wheel is then a pure one, for any machine.
"""

from __future__ import annotations

import os
import sys
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent
FOLDER = ROOT / "src" / "cptlaw" / "laws"
_OWN = ("-Wl,-rpath", "-Wl,-R")

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    BuildHookInterface = object


def build() -> Path | None:
    """Compile beside the source; None, and a line on why, where that fails."""
    from setuptools import Distribution, Extension

    source = FOLDER / "recurrences.c"
    for old in built():
        old.unlink()
    windows = sys.platform == "win32"
    extension = Extension(
        "cptlaw.laws.recurrences",
        [str(source.relative_to(ROOT))],
        define_macros=[("SOURCE", str(zlib.crc32(source.read_bytes()) & 0x7FFFFFFF))],
        extra_compile_args=["/O2"] if windows else ["-O3", "-g0"],
        libraries=[] if windows else ["m"],
        py_limited_api=True,
        optional=True,
    )
    settings = {"name": "cptlaw", "ext_modules": [extension], "package_dir": {"": "src"}}
    command = _build_ext()(Distribution(settings))
    command.inplace = command.force = True
    with TemporaryDirectory() as folder:
        command.build_temp = command.build_lib = folder
        command.ensure_finalized()
        try:
            command.run()
        except Exception as error:  # whatever it is, NumPy does it too
            print(f"cptlaw: the recurrences were not compiled ({error}).")
    return next(iter(built()), None)


def _build_ext() -> type[Any]:
    """The command without run paths of the building Python, which wheels would carry."""
    from setuptools.command.build_ext import build_ext

    class WithoutRunPaths(build_ext):
        def build_extensions(self) -> None:
            linker = getattr(self.compiler, "linker_so", None)
            if linker:
                self.compiler.linker_so = [w for w in linker if not w.startswith(_OWN)]
            super().build_extensions()

    return WithoutRunPaths


def built() -> list[Path]:
    """What was compiled, of any version."""
    return [p for suffix in ("so", "pyd") for p in FOLDER.glob(f"recurrences*.{suffix}")]


class CustomBuildHook(BuildHookInterface):
    """Puts the compiled part into wheels and editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say what the wheel runs on."""
        if self.target_name != "wheel":
            return
        if os.environ.get("CPTLAW_COMPILED") == "0" or (made := build()) is None:
            return
        from packaging.tags import platform_tags

        build_data["artifacts"].append(str(made.relative_to(ROOT)))
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{next(iter(platform_tags()))}"


if __name__ == "__main__":
    print(build() or "nothing was built")
