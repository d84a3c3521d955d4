"""A new thing touches as few files as docs say: the diffs of docs/extending.md, put in and used."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
try:
    pages, renew_diffs = (
        importlib.import_module("page_blocks"),
        importlib.import_module("renew_diffs"),
    )
finally:
    sys.path.pop(0)

BLOCKS = tuple(pages.blocks(renew_diffs.PAGE.read_text()))


class House:
    """A copy of the source that can be built onto.

    Args:
        folder: where the copy lies, as `src`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "src"
        renew_diffs.copied(folder)

    def apply(self, name: str) -> list[str]:
        """Apply a diff of docs/extending.md; the files that it touches."""
        (diff,) = (block.text for block in BLOCKS if block.note("diff") == name)
        try:
            renew_diffs.apply(diff, self.folder.parent)
        except ValueError as failed:
            pytest.fail(
                f"{name}: {failed}\nPerhaps python docs/renew_diffs.py brings it up to date."
            )
        return re.findall(r"^\+\+\+ b/src/(\S+)", diff, flags=re.MULTILINE)

    def run(self, *words: object) -> str:
        """What `cptlaw WORDS` prints."""
        return self.python("-m", "cptlaw", *map(str, words))

    def python(self, *words: str) -> str:
        """What `python WORDS` prints."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def house(tmp_path: Path) -> House:
    """The project's source, to build onto."""
    return House(tmp_path)


def write_study(folder: Path) -> Path:
    """A study of one cosine pre-training whose loss falls as a power of the step."""
    rows = [f"{step},{5 * step**-0.1:.6f}" for step in range(100, 2001, 50)]
    (folder / "base.csv").write_text("\n".join(["step,eval_loss", *rows]) + "\n")
    study = folder / "study.toml"
    study.write_text(
        '[domains]\nloss = "eval_loss"\n\n[[run]]\nname = "base"\nlog = "base.csv"\n'
        'schedule = "warmup 100 to 1e-3 | cosine 1900 to 1e-4"\n'
    )
    return study


def test_a_law_touches_one_file(house, tmp_path):
    assert len(house.apply("law")) == 1
    assert "current-noise" in house.run("laws")
    study, stored = write_study(tmp_path), tmp_path / "fit.json"
    found = json.loads(house.run("fit", study, "--law", "current-noise", "-o", stored, "--json"))
    assert found["domains"]["loss"]["law"] == "current-noise"
    assert set(found["domains"]["loss"]["params"]) >= {"L0", "A", "C", "alpha", "zeta"}
    house.run("forecast", stored, "--after", "base", "--schedule", "constant 100", "--data", "pt")


def test_a_log_format_touches_two_files(house, tmp_path):
    assert len(house.apply("format")) == 2
    log = tmp_path / "run.colon"
    log.write_text("0: 5.5\n10: 4.5\n20: 4.0\n")
    assert '"format": "colon"' in house.run("read", log, "--json")


PLAN = (
    *("plan", "published:fineweb-kp-106m", "--goal", "cpt=1", "--peak", "1e-4", "--steps", 2000),
    *("--base-schedule", "warmup 500 to 2e-4 | constant 9500", "--json"),
)


def test_a_knob_touches_two_files(house):
    assert len(house.apply("knob")) == 2
    assert "--hold" in house.run("plan", "--help")
    found = json.loads(house.run(*PLAN, "--hold", "0.1..0.5"))
    (knob,) = found["knobs"]
    assert knob["name"] == "hold"
    assert found["best"]["knobs"]["hold"] == knob["value"]
    assert "constant" in found["best"]["schedule"]
    assert "held share" in found["advice"]


def test_a_cost_touches_one_file(house):
    assert len(house.apply("cost")) == 1
    rate = ("--batch-tokens", "4e6", "--tokens-per-second", "1e6", "--watts", 700)
    found = json.loads(house.run(*PLAN, *rate, "--limit", "energy<=1"))
    energy = 2000 * 4e6 / 1e6 / 3600 * 0.7
    assert found["best"]["costs"]["energy"] == pytest.approx(energy)
    assert not found["feasible"]
    assert found["why"][0].startswith("energy<=1 cannot be reached by these knobs")


def test_a_figure_of_the_paper_touches_two_files(house):
    assert len(house.apply("figure-of-the-paper")) == 2
    assert json.loads(house.run("paper", "fig23", "--json"))["numbers"] == {"answer": 42.0}
    assert "fig23" in house.run("paper", "list")


def test_a_training_framework_touches_two_files(house, tmp_path):
    assert len(house.apply("framework")) == 2
    house.run("schedule", "warmup 10 to 1e-3 | constant 90", "-o", tmp_path / "lr.bounds")
    assert (tmp_path / "lr.bounds").read_text() == "lr [10, 90]"


def test_a_figure_of_a_value_touches_two_files(house):
    pytest.importorskip("matplotlib")
    assert len(house.apply("figure-of-a-value")) == 2
    said = house.python(
        "-c",
        "from cptlaw import Schedule, plot\n"
        "ax = plot.area_done(Schedule.constant(2.0, 3))\n"
        "print(ax.lines[0].get_ydata().tolist(), ax.get_ylabel())\n",
    )
    assert said == "[2.0, 4.0, 6.0] forward area\n"


def test_every_diff_is_tried_here():
    tried = re.findall(r"house\.apply\(\"(.*?)\"\)", Path(__file__).read_text())
    assert sorted(tried) == sorted(block.note("diff") for block in BLOCKS if block.note("diff"))


def test_a_diff_is_renewed_where_its_surroundings_have_changed():
    (diff,) = (block.text for block in BLOCKS if block.note("diff") == "framework")
    lines = diff.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(" "))
    old = "\n".join([*lines[:first], " # what stood here once", *lines[first + 1 :]]) + "\n"
    assert renew_diffs.renewed(old) == renew_diffs.renewed(diff) != old
