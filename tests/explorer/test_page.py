"""The page as a person uses it, in a real browser; nothing leaves the machine."""

import json
import re

import pytest

from cptlaw import datasets, forecast
from cptlaw.explorer.live import Watched
from cptlaw.explorer.state import parse
from cptlaw.live.following import Follower
from cptlaw.live.monitor import Monitor
from cptlaw.live.planned import Planned
from cptlaw.output import store
from dropped_logs import logs
from pages import Seen, browser_path, served

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("flask", reason="the explorer's extra is not installed")
pytestmark = pytest.mark.skipif(browser_path() is None, reason="there is no chromium")

HOSTILE = "<img src=x onerror=document.title='gone'>"


@pytest.fixture(scope="module")
def address(fit):
    with served("tiny-grid", fit) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(
            executable_path=browser_path(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield found
        found.close()


@pytest.fixture
def wide(browser, address):
    yield from visit(browser, address, viewport={"width": 1280, "height": 800})


@pytest.fixture
def phone(browser, address):
    size = {"width": 390, "height": 844}
    yield from visit(browser, address, viewport=size, color_scheme="dark", has_touch=True)


def visit(browser, address, **settings):
    context = browser.new_context(**settings)
    seen = Seen.of(context, address)
    yield seen
    context.close()
    assert seen.wrong == []


def drawn(seen):
    return seen.page.get_attribute("html", "data-drawn")


def wait_until_drawn(seen, before):
    for _ in range(600):
        if drawn(seen) != before:
            return
        seen.page.wait_for_timeout(50)
    raise AssertionError(f"nothing new was drawn after {before}")


def test_it_shows_what_the_library_returns(wide, fit, choice):
    wide.open("?peak=0.0004&steps=700&family=wsd&decay=0.4&warmup=0.05")
    schedule = wide.text("#schedule")
    asked = forecast(fit, schedule, after=choice.start)
    assert wide.values() == {role: curve.final for role, curve in asked.domains.items()}
    cell = wide.page.locator("#losses tr[data-role=cpt] td").nth(1)
    assert float(cell.get_attribute("data-low")) == asked.domains["cpt"].low[-1]
    assert asked.verdict.first in wide.text("#verdict")
    wide.page.click("#equation-box summary")
    assert f"{fit.domain('pt').params['L0']:.4g}" in wide.text("#equations")


def test_every_knob_can_be_dragged(wide):
    wide.open("?family=wsd")
    sliders = wide.page.locator("#dials .dial:not([hidden]) input[type=range]")
    names = [sliders.nth(i).get_attribute("aria-label") for i in range(sliders.count())]
    assert {"peak LR", "steps", "warm-up share", "decay share", "final LR / peak"} <= set(names)
    assert {"loss potential of the start", "step that it starts from"} <= set(names)
    for name in names:
        before = drawn(wide)
        wide.drag(f"#dials input[aria-label='{name}']", 0.35)
        wait_until_drawn(wide, before)
        assert wide.page.is_hidden("#trouble"), (name, wide.text("#trouble"))
    wide.settle()
    assert parse(wide.page.evaluate("location.search")[1:]).choice.decay == pytest.approx(
        0.3565, abs=0.02
    )


def test_keys_move_a_knob(wide):
    wide.open()
    before = drawn(wide)
    wide.page.focus("#dial-peak-slider")
    wide.page.keyboard.press("ArrowLeft")
    wait_until_drawn(wide, before)


def test_runs_are_pinned_and_compared(wide):
    wide.open("?peak=0.0003")
    wide.page.click("#pin")
    for peak in ("0.0005", "0.0007"):
        wide.page.fill("#dial-peak", peak)
        wide.page.press("#dial-peak", "Enter")
        wide.settle()
    assert wide.page.locator("#runs li").count() == 2
    wide.page.click("#pins-box summary")
    assert re.search(r"[+−]0\.\d{4}", wide.text("#pins"))
    wide.page.click("text=use")
    wide.settle()
    assert wide.page.input_value("#dial-peak") == "3e-4"
    wide.page.click("button[aria-label='Take pin 1 away']")
    wide.settle()
    assert wide.page.locator("#runs li").count() == 1


def test_back_and_reload_bring_the_state_again(wide):
    wide.open("?peak=0.0003&layers=data,fits&show=cpt")
    wide.page.wait_for_timeout(800)
    wide.page.fill("#dial-peak", "0.0006")
    wide.page.press("#dial-peak", "Enter")
    wide.settle()
    wide.page.reload()
    wide.settle()
    assert wide.page.input_value("#dial-peak") == "6e-4"
    assert wide.page.is_checked("#layers input[value=data]")
    assert not wide.page.is_checked("#domains input[value=pt]")
    before = drawn(wide)
    wide.page.go_back()
    wait_until_drawn(wide, before)
    assert wide.page.input_value("#dial-peak") == "3e-4"


def test_the_optimum_is_marked_and_used(wide):
    wide.open("?peak=0.0001&family=constant")
    worse = wide.values()
    wide.page.click("#find")
    wide.page.wait_for_selector("#use:not([hidden])")
    assert wide.page.locator("#dials .mark:not([hidden])").count() >= 1
    wide.page.click("#use")
    wide.settle()
    wide.page.wait_for_timeout(400)
    better = wide.values()
    assert better["pt"] + better["cpt"] < worse["pt"] + worse["cpt"]
    wide.page.click("#front-list summary")
    before = drawn(wide)
    wide.page.locator("#front-list button").first.click()
    wait_until_drawn(wide, before)


def test_a_far_run_is_banded_and_told(wide):
    wide.open("?steps=5000&peak=0.01")
    assert "outside your data in length, peak LR" in wide.text("#runs")
    assert "longer than any fitted run" in wide.text("#figure")
    assert wide.page.locator(".dial.beyond").count() == 2


def test_a_run_is_taken_home_and_brought_back(wide, tmp_path):
    wide.open("?peak=0.0004&w.pt=0.5")
    query = wide.page.evaluate("location.search")
    wide.page.click("#take-box summary")
    taken = {}
    for kind in ("json", "study", "csv", ".py", "svg", "png"):
        with wide.page.expect_download() as waiting:
            wide.page.click(f"#exports button[data-kind='{kind}']")
        taken[kind] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(taken[kind])
    assert json.loads(taken["json"].read_text())["domains"]["cpt"]["final"] == wide.values()["cpt"]
    assert 'name = "explored"' in taken["study"].read_text()
    assert taken["svg"].read_text().startswith("<svg")
    wide.open("?peak=0.001")
    wide.page.set_input_files("#files", taken["json"])
    wide.page.wait_for_selector("text=The run is back")
    wide.settle()
    assert parse(wide.page.evaluate("location.search")[1:]).choice.peak == 4e-4
    assert "w.pt=0.5" in query and "w.pt=0.5" in wide.page.evaluate("location.search")


def test_logs_are_dropped_corrected_and_fitted(wide, tmp_path):
    wide.open()
    paths = []
    for name, content in logs():
        paths.append(tmp_path / name.split("/")[-1])
        paths[-1].write_bytes(content)
    wide.page.click("#open-drop")
    wide.page.set_input_files("#files", paths)
    wide.page.wait_for_selector("#seen:not([hidden])")
    assert "base.csv" in wide.text("#logs")
    role = "#columns select[data-column='{}']"
    assert wide.page.input_value(role.format("eval_law_loss")) == "cpt"
    wide.page.select_option(role.format("eval_general_loss"), "")
    wide.page.select_option(role.format("eval_code_loss"), "pt")
    wide.page.click("#redraft")
    wide.page.wait_for_selector("text=The study was written anew.")
    assert wide.page.input_value(role.format("eval_code_loss")) == "pt"
    assert 'pt = "eval_code_loss"' in wide.page.input_value("#study")
    text = wide.page.input_value("#study").replace("ood.general", "ood.mine")
    wide.page.fill("#study", text)
    wide.page.click("#fit")
    wide.page.wait_for_selector("#drop:not([open])", state="attached")
    wide.page.wait_for_selector("#domains input[value='ood.mine']", state="attached")
    assert "a study of 2 runs" in wide.text("#fit-name")
    wide.settle()
    wide.page.fill("#dial-peak", "0.0004")
    wide.page.press("#dial-peak", "Enter")
    wide.settle()
    losses = wide.values()
    bring_back(wide, [*paths, taken_home(wide, "study", tmp_path)])
    assert wide.page.input_value("#dial-peak") == "4e-4"
    assert wide.values() == losses


def taken_home(seen, kind, folder):
    """The file of an export."""
    seen.page.click("#take-box summary")
    with seen.page.expect_download() as waiting:
        seen.page.click(f"#exports button[data-kind='{kind}']")
    waiting.value.save_as(folder / waiting.value.suggested_filename)
    return folder / waiting.value.suggested_filename


def bring_back(seen, paths):
    """Drop a study with its logs, and fit it."""
    seen.page.click("#open-drop")
    seen.page.set_input_files("#files", paths)
    seen.page.wait_for_selector("#seen:not([hidden])")
    seen.page.click("#fit")
    seen.page.wait_for_selector("#drop:not([open])", state="attached")
    seen.page.wait_for_timeout(500)
    seen.settle()


def test_a_bad_file_is_told_in_words(wide):
    wide.open()
    wide.page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["no losses here"], "notes.txt"));
          document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    wide.page.wait_for_selector("#drop-trouble:not([hidden])")
    assert "notes.txt" in wide.text("#drop-trouble")


def test_a_hostile_name_is_text(wide, fit):
    text = store.to_json(fit).replace('"annealed"', json.dumps(HOSTILE))
    wide.open()
    file = {"name": f"{HOSTILE}.json", "mimeType": "text/plain", "buffer": text.encode()}
    wide.page.click("#open-drop")
    wide.page.set_input_files("#files", file)
    wide.page.wait_for_selector("#dial-start option:has-text('onerror')", state="attached")
    wide.settle()
    wide.page.click("#layers label:has-text('data')")
    wide.page.wait_for_timeout(500)
    box = wide.page.locator("#figure").bounding_box()
    wide.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wide.page.wait_for_timeout(300)
    assert wide.page.locator("img").count() == 0
    assert wide.page.title() == "cptlaw explorer"


def test_an_address_full_of_nonsense_still_opens(wide):
    wide.open(f"?peak=nan&steps=-1&pin={HOSTILE}&show={HOSTILE}&w.x=1&layers=a,b&fit=gone")
    assert wide.page.is_visible("#figure .main-svg >> nth=0")
    assert wide.page.locator("img").count() == 0


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nothing_serious_is_in_the_way_of_anyone(wide, colours):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not there")
    wide.page.emulate_media(color_scheme=colours)
    wide.open("?pin=peak%3D0.0003&layers=intervals,data")
    wide.page.click("#find")
    wide.page.wait_for_selector("html[data-best]", state="attached")
    assert serious(axe.Axe().run(wide.page)) == []
    wide.page.click("#open-drop")
    assert serious(axe.Axe().run(wide.page)) == []


def serious(found):
    assert len(found.response["passes"]) > 10
    violations = found.response["violations"]
    return [
        (each["id"], each["nodes"][0]["html"][:200])
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]


def test_a_phone_shows_it_all_without_sideways_scrolling(phone):
    phone.open()
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.page.get_attribute("html", "data-theme") == "dark"
    box = phone.page.locator("#figure").bounding_box()
    assert box["y"] > 0 and box["y"] + box["height"] < 844
    before = drawn(phone)
    phone.drag("#dials input[aria-label='peak LR']", 0.2)
    wait_until_drawn(phone, before)


def test_the_tour_goes_through(wide):
    wide.open()
    wide.page.click("#tour")
    seen = []
    while wide.page.is_visible("#tour-box"):
        seen.append(wide.text("#schedule"))
        assert wide.text("#tour-box").startswith(f"{len(seen)}/")
        before = wide.page.get_attribute("html", "data-now")
        wide.page.click("#tour-next")
        if wide.page.get_attribute("html", "data-now") != before:
            wide.settle()
    assert len(seen) >= 6
    assert len(set(seen)) >= 4


def test_a_run_that_trains_is_followed(browser, fit, tmp_path):
    lines = (datasets.path("tiny-grid") / "half-wsd.csv").read_text().splitlines(keepends=True)
    run, log = datasets.load("tiny-grid").run("half-wsd"), tmp_path / "log.csv"
    log.write_text("".join(lines[:12]))
    monitor = Monitor(fit, Planned(run.schedule, name=run.name, after=run.after))
    watched = Watched(monitor, Follower(log, monitor.columns, length=run.steps))
    with served("tiny-grid", fit, watched) as address:
        for seen in visit(browser, address, viewport={"width": 1280, "height": 800}):
            seen.open()
            seen.page.wait_for_selector("#live-said[data-step='200']")
            log.write_text("".join(lines[:22]))
            seen.page.wait_for_selector("#live-said[data-step='400']")
            assert "half-wsd" in seen.text("#live-title")
            assert "on course" in seen.text("#live-said")


def test_two_people_look_at_different_runs(browser, address, wide):
    wide.open("?peak=0.0003")
    for other in visit(browser, address, viewport={"width": 1000, "height": 700}):
        other.open("?peak=0.0009")
        assert other.values() != wide.values()
    assert wide.page.input_value("#dial-peak") == "3e-4"
