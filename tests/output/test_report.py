"""Reports: one file that tells what a fit, and what was made with it, say."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.forecast import Forecast
from cptlaw.output import report as reports
from cptlaw.output.report.blocks import Heading, Paragraph, Points, blocks, led
from cptlaw.output.report.charts import fit_chart, forecast_chart
from cptlaw.output.report.html import html
from cptlaw.output.report.markdown import markdown
from cptlaw.page import Table, bullets, table, wrapped

HOSTILE = '</script><img src=x onerror="alert(1)">|`*'
_VOID = {"meta", "img", "br", "link", "hr"}


class Page(HTMLParser):
    """Checks that elements end in order, and keeps what is asked for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.ids, self.links, self.seen = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.seen.append(tag)
        assert not any(name.startswith("on") for name in given)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given[k] for k in ("href", "src") if k in given]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def told(fitted: Fit, future: Forecast) -> reports.Report:
    return reports.report([fitted, future], "My study", ["fit.json", "forecast.json"])


def test_words_are_taken_apart_into_blocks() -> None:
    def write() -> str:
        rows = [("base", " 3.1 "), ("cpt", "2.9")]
        told = table(("run", "loss"), rows, "Losses")
        long = wrapped("word " * 60)
        return "\n".join([long, "", "Notes", *bullets(["one", "two"]), told, "pt: L = L0 + A*S"])

    paragraph, heading, points, losses, formula = blocks(write)
    assert isinstance(paragraph, Paragraph) and paragraph.text == ("word " * 60).strip()
    assert (heading, points) == (Heading("Notes"), Points(("one", "two")))
    assert losses == Table("Losses", ("run", "loss"), (("base", "3.1"), ("cpt", "2.9")))
    assert losses.of_words == (True, False)
    assert formula == Paragraph("pt: L = L0 + A*S", is_formula=True)
    assert "\0" not in write() and "\n" in write().strip("\n")


def test_a_report_has_a_section_of_everything(told: reports.Report) -> None:
    titles = [section.title for section in told.sections]
    assert titles == [
        "What the data decide",
        "The data",
        "The fit, and what it leaves",
        "What these data do not tell",
        "Forecast: cosine 600 to 1e-5 from=0.001",
        "Backtest",
        "For a model card",
        "Where this comes from",
    ]
    assert "No run was held out" in told.sections[5].blocks[0].text
    card = told.sections[6].code
    assert "- learning rate: cosine 600 to 1e-5 from=0.001" in card and "<losses on" in card
    assert "90 % of such runs end at" in card


def test_every_number_of_the_page_is_the_libraries(fitted: Fit, future: Forecast) -> None:
    chart = fit_chart(fitted, "pt")
    lines = [t for t in chart.traces if t["mode"] == "lines" and t["name"] == "cpt flat"]
    points = [t for t in chart.traces if t["mode"] == "markers" and t["name"] == "cpt flat"]
    assert fitted.study is not None
    curve = fitted.study.run("cpt flat").curves["pt"]
    assert points[0]["y"][-1] == pytest.approx(curve.loss[-1], rel=1e-5)
    assert lines[0]["x"][-1] == 400
    shown = forecast_chart(future).traces[-1]
    assert shown["y"][-1] == pytest.approx(future.domains["pt"].final, rel=1e-5)


def test_html_is_whole_asks_for_nothing_and_shows_names_as_they_are(fitted: Fit) -> None:
    pytest.importorskip("plotly")
    assert fitted.study is not None
    runs = [replace(r, name=HOSTILE) if r.name == "cpt flat" else r for r in fitted.study.runs]
    odd = replace(fitted, study=replace(fitted.study, runs=tuple(runs)))
    text = html(reports.report([odd], HOSTILE))
    ours = text.replace(re.search(r"<script>(?!\s*\"use strict).*?</script>", text, re.S)[0], "")
    page = Page(ours)
    assert "img" not in page.seen and "onerror=&quot;" in ours
    assert set(page.links) == {f"#{name}" for name in page.ids}
    assert "default-src 'none'" in ours
    for data in re.findall(r'<script type="application/json">(.*?)</script>', ours, re.S):
        assert {"data", "layout"} == set(json.loads(data))


def test_markdown_has_still_figures_and_names_as_they_are(
    told: reports.Report, fitted: Fit, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    first, *drawn = reports.write(told, tmp_path / "report.md")
    text = first.read_text()
    for path in drawn:
        assert f"({path.relative_to(tmp_path)})" in text
        assert path.read_bytes().startswith(b"\x89PNG")
    odd = markdown(reports.report([fitted], HOSTILE), lambda number, _: f"{number}.png")
    assert odd.startswith(r"# \</script\>\<img src=x onerror="), odd[:80]


def test_a_report_is_of_one_fit(fitted: Fit, future: Forecast, tmp_path: Path) -> None:
    for given in ([future], [fitted, fitted]):
        with pytest.raises(DataError, match="a report is of one fit"):
            reports.report(given)
    with pytest.raises(DataError, match=r"\.html or \.md"):
        reports.check(tmp_path / "report.pdf")
    with pytest.raises(DataError, match="Make it first"):
        reports.check(tmp_path / "no" / "report.md")


def _top(box: dict[str, float]) -> float:
    return box["y"]


def test_what_is_announced_comes_with_its_announcement(fitted: Fit) -> None:
    said = (
        Paragraph("Do this first. As things stand:"),
        Paragraph("Run `cptlaw <b>`."),
        Heading("x"),
    )
    assert led(said) == (said[:2], said[2:])
    assert led(said[1:]) == (said[1:2], said[2:])
    assert led(()) == ((), ())
    made = html(reports.Report("A", (reports.Section("Plan", said),)))
    assert "<p>Run <code>cptlaw &lt;b&gt;</code>.</p>" in made


def test_the_page_draws_its_figures_without_a_network(told: reports.Report, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    sync = pytest.importorskip("playwright.sync_api")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no chromium")
    path = tmp_path / "report.html"
    reports.write(told, path)
    with sync.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 390, "height": 800})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector(".chart .main-svg")
        assert page.locator(".chart .main-svg").count() >= 4
        assert said == [path.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        first = page.locator(".chart").first
        names = first.locator("text.ytitle, text.y2title").all()
        boxes = sorted((box for each in names if (box := each.bounding_box())), key=_top)
        assert len(boxes) >= 2
        for above, below in pairwise(boxes):
            assert above["y"] + above["height"] <= below["y"]
        ticks = page.locator("g[class$='tick'] text").all_text_contents()
        assert any("," in each for each in ticks), ticks
        chromium.close()
