"""The explorer's page in a real browser, and what it must never do."""

import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT = 60_000  # milliseconds; a machine may be busy


def browser_path():
    """Where a browser lies, None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def served(name, fit, watched=None):
    """The address of a page that opens with a fit."""
    from cptlaw.explorer.serving import listen, url_of

    server, close = listen(lambda progress: (name, fit, ""), port=0, watched=watched)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield url_of(server, "127.0.0.1")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        close()


@dataclass
class Seen:
    """One page, and everything that it did that it should not."""

    page: object
    url: str
    wrong: list = field(default_factory=list)

    @classmethod
    def of(cls, context, url):
        seen = cls(context.new_page(), url)
        seen.page.set_default_timeout(WAIT)
        seen.page.on("console", seen._console)
        seen.page.on("pageerror", lambda error: seen.wrong.append(f"page: {error}"))
        seen.page.on("request", seen._request)
        seen.page.on("dialog", lambda dialog: seen.wrong.append(f"dialog: {dialog.message}"))
        return seen

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text}")

    def _request(self, request):
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.wrong.append(f"request: {request.url}")

    def open(self, query=""):
        """Go to the page and wait until all is there."""
        self.page.goto(self.url + query)
        self.settle()
        return self

    def settle(self):
        """Wait until what is drawn and what is said belong to the address."""
        for _ in range(WAIT // 50):
            said = self.page.evaluate(
                "[document.documentElement.dataset.told, document.documentElement.dataset.now]"
            )
            if said[0] is not None and said[0] == said[1]:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the page does not come to rest: {said}")

    def text(self, selector):
        return self.page.inner_text(selector)

    def values(self):
        """Domain -> the final loss that the page shows, in all its digits."""
        rows = self.page.query_selector_all("#losses tbody tr")
        cell = "td[data-value]"
        return {
            row.get_attribute("data-role"): float(
                row.query_selector(cell).get_attribute("data-value")
            )
            for row in rows
        }

    def drag(self, slider, share):
        """Drag a slider's thumb with the mouse to a share of its track."""
        handle = self.page.locator(slider)
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        now = self.page.evaluate(
            "s => { const e = document.querySelector(s); return e.value / e.max }", slider
        )
        y = box["y"] + box["height"] / 2

        def x(at):
            return box["x"] + 8 + at * (box["width"] - 16)

        mouse = self.page.mouse
        mouse.move(x(now), y)
        mouse.down()
        mouse.move(x((now + share) / 2), y)
        mouse.move(x(share), y)
        mouse.up()
