"""Names that steer a terminal, or hide: what is printed and written shows them, and no more."""

import csv
import re
import tomllib
import xml.etree.ElementTree as XML
from pathlib import Path

import pytest

from command import BASE, RUNS, run
from cptlaw import forecast, published, toml_text
from cptlaw.visible import visible_lines

NAME = "\x1b[31m\x9b5m\u202e\n[[run]]\rx\x07[red][link=x]\u2028<b>$\\frac{$|`\"'\x7f\x85"
COLUMN = f"eval_{NAME.replace(chr(13), '')}_"
QUICK = ("--law", "paper", "--fix", "alpha=0.5", "--lambda", "0.999", "--warmup", "peak")
CPT = ("--after", f"{NAME}base", "--schedule", "cosine 1000 to 0")


def write_log(path, schedule, **start):
    made = forecast(published.load("fineweb-law-106m"), schedule, every=50, **start)
    lr, losses = made.schedule.lr(), [made.domains[role].loss for role in ("pt", "cpt")]
    rows = [["step", "lr", f"{COLUMN}pt_loss", f"{COLUMN}cpt_loss"]]
    for step, pt, cpt in zip(made.domains["pt"].step.tolist(), *losses, strict=True):
        rows.append([step, lr[step - 1] if step else "", pt, cpt])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    write_log(folder / f"{NAME}base.csv", BASE, data="pt")
    for name, schedule in RUNS.items():
        write_log(folder / f"{NAME}{name}.csv", schedule, base_schedule=BASE)
    roles = {"pt": f"{COLUMN}pt_loss", "cpt": f"{COLUMN}cpt_loss"}
    lines = [toml_text.header("domains"), *toml_text.pairs(roles)]
    for name in ("base", *RUNS):
        keys = {"name": NAME + name, "log": f"{NAME}{name}.csv"}
        keys |= {} if name == "base" else {"after": f"{NAME}base"}
        lines += [toml_text.header("run", many=True), *toml_text.pairs(keys)]
    (folder / "study.toml").write_text("\n".join(lines))
    return folder


def shown(folder, *words):
    """A command that succeeds, and prints and writes nothing that is not seen."""
    ended = run(*words)
    assert ended.status == 0, ended.stderr
    for text in (ended.stdout, ended.stderr):
        assert text == visible_lines(text)
    return ended


def test_all_the_way(here, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(here)
    shown(here, "read", f"{NAME}base.csv")
    shown(here, "fit", "study.toml", *QUICK, "-o", "fit.json", "--figure", "fit.svg")
    XML.parse("fit.svg")
    shown(here, "fit", "study.toml", *QUICK, "--verbose")
    shown(here, "forecast", "fit.json", *CPT, "-o", "forecast.json", "--figure", "forecast.svg")
    XML.parse("forecast.svg")
    budget = ("--budget", "2000 steps", "--goal", "cpt=1")
    shown(here, "pilot", "fit.json", *budget, "-o", "pilot")
    for name, runs in (("study.toml", 4), ("experiment.toml", 2)):
        text = Path("pilot", name).read_text()
        assert text == visible_lines(text)
        names = [each["name"] for each in tomllib.loads(text)["run"]]
        assert len(names) == runs
        assert f"{NAME}base" in names
    shown(here, "report", "fit.json", "forecast.json", "-o", "report.md")
    assert Path("report.md").read_text() == visible_lines(Path("report.md").read_text())


def test_a_report_in_html(here, monkeypatch):
    pytest.importorskip("plotly")
    monkeypatch.chdir(here)
    shown(here, "fit", "study.toml", *QUICK, "-o", "fit.json")
    shown(here, "report", "fit.json", "-o", "report.html")
    page = re.sub(r"(?s)<script>.*?</script>", "", Path("report.html").read_text())
    assert page == visible_lines(page)
    assert "<b>" not in page
    assert "\\u003cb>" not in page  # nor in the figures, where plotly would make it bold


@pytest.mark.parametrize("words", [("fit", NAME), ("nothing" + NAME,), ("fit", "--x" + NAME)])
def test_errors(words):
    ended = run(*words)
    assert ended.status == 2
    assert ended.stderr == visible_lines(ended.stderr)
    assert len(ended.stderr.splitlines()) == 1


def test_there_is_one_way_to_the_screen():
    """`say` and `tell` of cli.shared; the lab's and the bar's lines hold checked names."""
    ways = re.compile(r"\b(click\.s?echo|print)\(")
    allowed = {"shared.py", "progress.py", "stopping.py"}
    source = Path(__file__).parents[2] / "src"
    files = [p for p in source.rglob("*.py") if p.name not in allowed and "export" not in p.parts]
    found = {p.name: len(ways.findall(p.read_text())) for p in files if ways.search(p.read_text())}
    assert found == {"__init__.py": 1, "watch.py": 1}  # the version; a line into a file
