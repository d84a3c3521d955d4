"""How long it takes until a slider's effect is drawn, measured in a browser."""

from __future__ import annotations

import importlib.util
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cptlaw.errors import DataError, MissingExtra
from cptlaw.explorer.serving import listen, url_of
from cptlaw.explorer.shelf import entry_of
from cptlaw.explorer.state import State
from cptlaw.fitting.fit import fit
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import with_refits
from cptlaw.page import table
from cptlaw.studies import datasets

if TYPE_CHECKING:
    from playwright.sync_api import Page

STUDY = "grid-20m"
ROLES = ("pt", "cpt", "ood.en")
STEPS = 60_000
MOST = 150.0  # milliseconds, of 95 moves in 100
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SLIDERS = ("peak", "warmup", "end", "replay", "steps")
_FIRST = 8  # moves before those that count
_PAUSE = 40  # milliseconds between what is drawn and the next move
_MOVE = """(slider, place) => new Promise((done, failed) => {
  const watch = new PerformanceObserver((list) => {
    const mine = list.getEntriesByName("cptlaw-slide")[0];
    if (mine) { watch.disconnect(); done(mine.duration); }
  });
  watch.observe({ entryTypes: ["measure"] });
  setTimeout(() => failed(new Error("nothing was drawn within 20 s")), 20000);
  slider.value = place;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
})"""
"""One move of a slider, until the page says that it is drawn."""


def explorer_speed(
    moves: int = 200, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Move sliders of the page and take the time from each move to the frame that shows it.

    The run has 60,000 steps and three domains with their intervals; the fit is that of the bundled
    runs of a 20M model.

    Args:
        moves: how many are timed, over all sliders by turns.
        progress: is told what is running.

    Raises:
        DataError: there is no Chromium.
        MissingExtra: playwright is not installed.
    """
    if importlib.util.find_spec("playwright") is None:
        raise MissingExtra("playwright", "dev", "Timing the page")
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise DataError("there is no Chromium; install it with: apt-get install chromium")
    progress("fitting the bundled runs ...")
    fitted = with_refits(fit(datasets.load(STUDY)))
    progress(f"{moves} moves of a slider ...")
    taken = _moved(fitted, browser, moves)
    drawn = np.array([each for times in taken.values() for each in times])
    return {
        "steps": STEPS,
        "domains": list(ROLES),
        "moves": drawn.size,
        "median_ms": float(np.median(drawn)),
        "p95_ms": float(np.quantile(drawn, 0.95)),
        "worst_ms": float(drawn.max()),
        "wanted_ms": MOST,
        "sliders": {
            name: {"median_ms": float(np.median(t)), "p95_ms": float(np.quantile(t, 0.95))}
            for name, t in taken.items()
        },
        "server_ms": _server(fitted),
    }


def explorer_speed_text(result: dict[str, Any]) -> str:
    """The times as a table."""
    rows = [
        (name, f"{each['median_ms']:.0f}", f"{each['p95_ms']:.0f}")
        for name, each in result["sliders"].items()
    ]
    rows.append(("all", f"{result['median_ms']:.0f}", f"{result['p95_ms']:.0f}"))
    title = (
        f"From a slider's move to the frame that shows it, {result['steps']} steps, "
        f"{len(result['domains'])} domains with intervals, {result['moves']} moves"
    )
    held = "held" if result["p95_ms"] <= result["wanted_ms"] else "not held"
    return "\n".join(
        [
            table(("slider", "median, ms", "95th percentile, ms"), rows, title),
            f"At most {result['wanted_ms']:.0f} ms at the 95th percentile: {held}. Of that, the "
            f"server's processor time is {result['server_ms']:.0f} ms.",
        ]
    )


def _moved(fitted: Fit, browser: str, moves: int) -> dict[str, list[float]]:
    """Slider -> milliseconds of each of its moves."""
    from playwright.sync_api import sync_playwright

    server, close = listen(lambda progress: (STUDY, fitted, ""), port=0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with sync_playwright() as started:
            shown = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            page = shown.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"{url_of(server, '127.0.0.1')}?steps={STEPS}&show={','.join(ROLES)}")
            page.wait_for_selector("html[data-told]", state="attached")
            names = [n for n in _SLIDERS if page.locator(f"#dial-{n}-slider").is_visible()]
            _timed(page, names[0], _FIRST)
            found = {name: _timed(page, name, max(moves // len(names), 2)) for name in names}
            shown.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        close()
    return found


def _timed(page: Page, name: str, moves: int) -> list[float]:
    """Milliseconds of some moves of one slider, one after the other."""
    slider = page.locator(f"#dial-{name}-slider")
    before = int(slider.input_value())
    found: list[float] = []
    for i in range(moves):
        place = before + (i % 2 * 2 - 1) * (5 + i % 20) if name == "steps" else 100 + 37 * i % 800
        found.append(float(slider.evaluate(_MOVE, str(place))))
        page.wait_for_timeout(_PAUSE)
    slider.evaluate("(s, v) => { s.value = v; }", str(before))
    return found


def _server(fitted: Fit) -> float:
    """Processor time of one answer, milliseconds: the median of ten."""
    from cptlaw.explorer import replies

    entry = entry_of(STUDY, fitted)
    found: list[float] = []
    for i in range(10):
        choice = replace(entry.first, steps=STEPS, warmup=0.01 + i / 1000)
        began = time.process_time()
        replies.curves(entry, State(choice=choice, shown=ROLES), "", 0)
        found.append(1000 * (time.process_time() - began))
    return float(np.median(found))
