"""docs/architecture.md promises how few files a new thing touches: each is put in, and used."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"


class House:
    """A copy of the source that can be built onto.

    Args:
        folder: where the copy lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.touched: set[str] = set()
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOURCE, folder, ignore=ignore)

    def write(self, path: str, text: str) -> None:
        """A new file."""
        assert not (self.folder / path).exists(), path
        (self.folder / path).write_text(text)
        self.touched.add(path)

    def change(self, path: str, old: str, new: str) -> None:
        """A place in a file that stands."""
        text = (self.folder / path).read_text()
        assert text.count(old) == 1, f"{path}: {text.count(old)} times {old!r}"
        (self.folder / path).write_text(text.replace(old, new))
        self.touched.add(path)

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
    return House(tmp_path / "src")


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
    house.change(
        "cptlaw/laws/catalog/field.py",
        "\nENTRIES = (\n",
        "\ndef _new(facts: Facts) -> tuple[Term, ...]:\n"
        '    return Term("L0"), Term("A", (kernels.power_of_clock(AREA),))\n\n\n'
        'ENTRIES = (\n    Entry("new-law", "a new law", "no paper", _new),\n',
    )
    assert len(house.touched) == 1
    assert "new-law" in house.run("laws")
    study, stored = write_study(tmp_path), tmp_path / "fit.json"
    found = json.loads(house.run("fit", study, "--law", "new-law", "-o", stored, "--json"))
    assert found["domains"]["loss"]["law"] == "new-law"
    assert set(found["domains"]["loss"]["params"]) >= {"L0", "A", "alpha"}
    house.run("forecast", stored, "--after", "base", "--schedule", "constant 100", "--data", "pt")


def test_a_log_format_touches_two_files(house, tmp_path):
    house.write(
        "cptlaw/studies/logs/colon.py",
        '"""Lines such as 100: 3.2, a step and its loss."""\n\n'
        "from cptlaw.studies.logs.table import Table\n"
        "from cptlaw.studies.logs.source import Format, Source\n\n\n"
        "def _read(source: Source) -> Table:\n"
        '    rows = [line.split(":") for line in source.text.splitlines()]\n'
        '    columns = {"step": [r[0] for r in rows], "eval_loss": [r[1] for r in rows]}\n'
        '    place = lambda row: f"{source.given}, line {row + 1}"\n'
        '    return Table(source.given, source.stem, "colon", columns, place)\n\n\n'
        'FORMAT = Format("colon", lambda source: source.data.startswith(b"0:"), _read)\n',
    )
    table = "cptlaw/studies/logs/__init__.py"
    imports, first = "from cptlaw.studies.logs.lrs import", "    trainer_state.FORMAT,\n"
    house.change(table, imports, f"from cptlaw.studies.logs import colon\n{imports}")
    house.change(table, first, f"    colon.FORMAT,\n{first}")
    assert len(house.touched) == 2
    log = tmp_path / "run.colon"
    log.write_text("0: 5.5\n10: 4.5\n20: 4.0\n")
    assert '"format": "colon"' in house.run("read", log, "--json")


PLAN = (
    *("plan", "published:fineweb-kp-106m", "--goal", "cpt=1", "--peak", "1e-4", "--steps", 2000),
    *("--base-schedule", "warmup 500 to 2e-4 | constant 9500", "--json"),
)


def test_a_knob_touches_two_files(house):
    knobs = "cptlaw/decisions/plan/knobs.py"
    row = (
        '    "hold": Knob("held share", "Share of the steps that a cosine holds its peak.", '
        'expected="a share of the steps, 0 to 1", families=("cosine",)),\n'
    )
    house.change(knobs, '    "warmup": Knob(\n', f'{row}    "warmup": Knob(\n')
    house.change(
        knobs, "    warmup: Given = 0.01\n", "    warmup: Given = 0.01\n    hold: Given = 0.0\n"
    )
    house.change(
        "cptlaw/decisions/plan/recipe.py",
        "        return Schedule.cosine(peak, steps, warmup, end)\n",
        '        hold = max(_whole(values.get("hold", 0.0), steps), 1)\n'
        "        cosine = Schedule.cosine(peak, steps - warmup - hold, end=end)\n"
        "        return Schedule.constant(peak, warmup + hold, warmup) + cosine\n",
    )
    assert len(house.touched) == 2
    assert "--hold" in house.run("plan", "--help")
    found = json.loads(house.run(*PLAN, "--hold", "0.1..0.5"))
    (knob,) = found["knobs"]
    assert knob["name"] == "hold"
    assert found["best"]["knobs"]["hold"] == knob["value"]
    assert "constant" in found["best"]["schedule"]
    assert "held share" in found["advice"]


def test_a_cost_touches_one_file(house):
    cost = "cptlaw/decisions/cost.py"
    house.change(cost, "\nPRICES = {\n", '\nPRICES = {\n    "watts": "Of one GPU, for energy.",\n')
    last = "    domain_tokens: float | None = None\n"
    house.change(cost, last, f"{last}    watts: float | None = None\n")
    house.change(
        cost,
        "COSTS: Mapping[str, Cost] = {\n",
        "def _energy(work: Work, prices: Prices) -> FloatArray | None:\n"
        "    hours = _hours(work, prices)\n"
        "    return None if hours is None or prices.watts is None else hours * prices.watts / 1e3\n"
        "\n\nCOSTS: Mapping[str, Cost] = {\n"
        '    "energy": Cost("kilowatt hours", "the power of a GPU (--watts)", _energy),\n',
    )
    assert len(house.touched) == 1
    rate = ("--batch-tokens", "4e6", "--tokens-per-second", "1e6", "--watts", 700)
    found = json.loads(house.run(*PLAN, *rate, "--limit", "energy<=1"))
    energy = 2000 * 4e6 / 1e6 / 3600 * 0.7
    assert found["best"]["costs"]["energy"] == pytest.approx(energy)
    assert not found["feasible"]
    assert found["why"][0].startswith("energy<=1 cannot be reached by these knobs")


def test_a_figure_of_the_paper_touches_two_files(house):
    house.write(
        "cptlaw_evidence/paper/grid/new.py",
        '"""A new figure."""\n\n'
        "from cptlaw_evidence.paper.drawing import Drawing\n\n\n"
        "def fig23() -> Drawing:\n"
        '    return Drawing("fig23", "A new figure", "grid", numbers={"answer": 42.0})\n',
    )
    last = '    "table1": "settings of the runs",\n'
    house.change(
        "cptlaw_evidence/paper/__init__.py", last, f'    "fig23": "something new",\n{last}'
    )
    assert len(house.touched) == 2
    assert json.loads(house.run("paper", "fig23", "--json"))["numbers"] == {"answer": 42.0}
    assert "fig23" in house.run("paper", "list")


def test_a_training_framework_touches_two_files(house, tmp_path):
    house.write(
        "cptlaw/schedules/export/boundaries.py",
        '"""Steps at which a schedule changes, as one line."""\n\n'
        "from cptlaw.schedules.schedule import Schedule\n\n\n"
        "def boundaries_text(schedule: Schedule, name: str) -> str:\n"
        '    return f"{name} {[s.run_steps for s in schedule.segments]}"\n',
    )
    table, row = "cptlaw/schedules/export/__init__.py", '    ".csv": csv_text,'
    imports = "from cptlaw.schedules.export.csv import csv_text\n"
    new = "from cptlaw.schedules.export.boundaries import boundaries_text\n"
    house.change(table, imports, new + imports)
    house.change(table, row, f'    ".bounds": boundaries_text,\n{row}')
    assert len(house.touched) == 2
    house.run("schedule", "warmup 10 to 1e-3 | constant 90", "-o", tmp_path / "lr.bounds")
    assert (tmp_path / "lr.bounds").read_text() == "lr [10, 90]"


def test_a_figure_of_a_value_touches_two_files(house):
    pytest.importorskip("matplotlib")
    house.write(
        "cptlaw/output/plot/areas_done.py",
        '"""How the forward area of a schedule grows."""\n\n'
        "from cptlaw.output.plot import style, ticks\n\n\n"
        "@style.styled\n"
        "def area_done(value, ax=None):\n"
        "    ax = style.axes(ax)\n"
        "    ax.plot(value.lr().cumsum())\n"
        '    ticks.label_axes(ax, "step", "forward area")\n'
        "    return ax\n",
    )
    table = "cptlaw/output/plot/__init__.py"
    imports = "from cptlaw.output.plot import style, ticks, words\n"
    house.change(table, imports, f"{imports}from cptlaw.output.plot.areas_done import area_done\n")
    house.change(
        table, '__all__ = [\n    "areas",\n', '__all__ = [\n    "area_done",\n    "areas",\n'
    )
    assert len(house.touched) == 2
    said = house.python(
        "-c",
        "from cptlaw import Schedule, plot\n"
        "ax = plot.area_done(Schedule.constant(2.0, 3))\n"
        "print(ax.lines[0].get_ydata().tolist(), ax.get_ylabel())\n",
    )
    assert said == "[2.0, 4.0, 6.0] forward area\n"
