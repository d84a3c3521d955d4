"""Tries what `make package` built as a stranger would: installed in new environments, used at once.

    python .ci/try_package.py DIST [EXTRA ...]

DIST is a folder with one sdist and one wheel. The wheel is installed without extras, the sdist
without a compiler, then the wheel with each named extra alone. In each, the commands that need no
more must work, and one that does must name its pip line.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

BASE = "warmup 500 to 2e-4 | constant 39500"
FORECAST = ("forecast", "published:fineweb-kp-106m", "--base-schedule", BASE)
FORECAST = (*FORECAST, "--schedule", "linear 20000 to 0")
FIGURE = (*FORECAST, "--figure", "forecast.png")
CORE = (
    ("--help",),
    ("laws",),
    ("published",),
    ("schedule", "warmup 10 to 1e-4 | cosine 90 to 0"),
    FORECAST,
)
DEMO = ("demo", "-o", "demo")
OF_EXTRA = {
    "plot": (FIGURE, DEMO),
    "all": (FIGURE, DEMO, ("report", "demo/fit.json", "-o", "report.html")),
    "lab": (("lab", "sweep", "tiny", "--dry-run"),),
}
IMPORTS = {
    "pandas": "import cptlaw; cptlaw.fit(cptlaw.datasets.load('tiny-cpt')).to_pandas()",
    "parquet": "import pyarrow.parquet",
    "explorer": "import cptlaw.explorer.serving",
    "lightning": "import cptlaw.live.lightning",
    "ray": "import ray, cptlaw.lab.engines.ray",
}
# what is asked for without its extra -> the extra that the message must name
MISSING = {
    "plot": FIGURE,
    "explorer": ("explore", "published:fineweb-kp-106m", "--no-browser"),
    "lab": ("lab", "sweep", "tiny", "--dry-run"),
}


def main(dist: Path, extras: list[str]) -> None:
    """Try the wheel, the sdist without a compiler, and extras one by one."""
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with Environment(str(wheel)) as core:
        for words in CORE:
            core.works(*words)
        said = core.works("--version")
        assert "compiled recurrences" in said or "py3-none-any" in wheel.name, said
        for extra, words in MISSING.items():
            core.refuses(f"pip install 'cptlaw[{extra}]'", *words)
    with Environment(str(sdist), {"CC": "no-compiler"}) as plain:
        assert "the compiled ones were not built" in plain.works("--version")
        plain.works(*CORE[-1])
    for extra in extras:
        with Environment(f"{wheel}[{extra}]") as one:
            one.works("--version")
            for words in OF_EXTRA.get(extra, ()):
                one.works(*words)
            if extra in IMPORTS:
                one.called("python", "-c", IMPORTS[extra])
    print("everything that was built works")


class Environment:
    """A new virtual environment with one thing installed, in a folder that goes away."""

    def __init__(self, what: str, build: dict[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._place = Path(self._folder.name)
        venv.create(self._place / "env", with_pip=True)
        keep = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        self._environment = {k: v for k, v in os.environ.items() if k not in keep}
        print(f"installing {Path(what).name} ...", flush=True)
        command = [self._program("python"), "-m", "pip", "install", "--quiet", what]
        subprocess.run(command, check=True, env={**self._environment, **(build or {})})
        self.called("python", "-m", "pip", "check")

    def __enter__(self) -> Environment:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def works(self, *words: str) -> str:
        """A command of cptlaw that must end well; what it prints."""
        return self.called("cptlaw", *words)

    def refuses(self, expected: str, *words: str) -> None:
        """A command of cptlaw that must end with status 2 and say so."""
        done = self._run("cptlaw", *words)
        assert done.returncode == 2 and expected in done.stderr, (words, done)
        assert "Traceback" not in done.stderr

    def called(self, program: str, *words: str) -> str:
        """A program of the environment that must end well; what it prints."""
        done = self._run(program, *words)
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-4000:])
        return done.stdout

    def _run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [self._program(program), *words]
        where = {"cwd": self._place, "env": self._environment}
        return subprocess.run(command, capture_output=True, text=True, **where)  # type: ignore[call-overload]

    def _program(self, name: str) -> str:
        return str(self._place / "env" / ("Scripts" if os.name == "nt" else "bin") / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
