"""Draw the explorer's page as docs/explorer.md shows it: `make docs`. It needs Chromium."""

import shutil
import threading
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from cptlaw import datasets, fit
from cptlaw.explorer.serving import listen, url_of
from cptlaw.fitting.uncertainty import with_refits

FOLDER = Path(__file__).parent / "figures"
RUN = "family=wsd&decay=0.3&peak=0.0007&replay=0.1&layers=intervals,data&show=pt,cpt,ood.en"
PIN = "pin=peak%3D0.001%26family%3Dconstant"
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
TABLET = {"width": 900, "height": 1100}
FAR = "family=cosine&peak=0.002&steps=3000&layers=intervals&show=pt,cpt,ood.en"
PAGES = {
    "explorer": (WIDE, "light", f"{RUN}&{PIN}"),
    "explorer-dark": (WIDE, "dark", FAR),
    "explorer-tablet": (TABLET, "light", f"{FAR}&{PIN}"),
    "explorer-tablet-dark": (TABLET, "dark", RUN),
    "explorer-phone": (PHONE, "light", RUN),
    "explorer-phone-dark": (PHONE, "dark", FAR),
}


def main() -> None:
    """Open the page on the bundled runs, at three sizes, light and dark."""
    fitted = with_refits(fit(datasets.load("grid-20m")))
    server, close = listen(lambda progress: ("grid-20m, runs of a 20M model", fitted, ""), port=0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with sync_playwright() as started:
            browser = started.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            for name in PAGES:
                shoot(browser, url_of(server, "127.0.0.1"), name)
            browser.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        close()


def shoot(browser: Browser, address: str, name: str) -> None:
    """One page with its optimum found, as a PNG."""
    size, colours, query = PAGES[name]
    page = browser.new_page(viewport=size, color_scheme=colours)
    page.goto(f"{address}?{query}")
    page.wait_for_selector("html[data-told]", state="attached")
    page.click("#find")
    page.wait_for_selector("html[data-best]", state="attached")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(500)
    page.screenshot(path=FOLDER / f"{name}.png")
    page.close()


if __name__ == "__main__":
    main()
