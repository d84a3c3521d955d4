"""The page's server: a few addresses over a shelf of fits, for this machine alone unless told.

Nothing is kept between two requests but fits, which never change; what is looked at stands in the
address of each request.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw.errors import CptlawError, DataError, MissingExtra
from cptlaw.explorer import drops, exports, replies
from cptlaw.explorer.live import Under, Watched
from cptlaw.explorer.receiving import Drops, serve_drops
from cptlaw.explorer.shelf import Entry, Maker, Shelf
from cptlaw.explorer.state import State, parse

if TYPE_CHECKING:
    from flask import Flask, Response

ASSETS = Path(__file__).with_name("assets")
FIRST_JOB = "first"
LOCAL = ("localhost", "127.0.0.1", "::1")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing is fetched from anywhere else; plotly.js writes style attributes."""
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def make_app(first: Maker, host: str = "127.0.0.1", watched: Watched | None = None) -> Flask:
    """The page for a first fit, which is made in the background.

    Args:
        first: makes it.
        host: the address that is served.
        watched: a run that trains meanwhile, None for none.

    Raises:
        MissingExtra: flask or plotly is not installed.
    """
    for package in ("flask", "plotly"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, "explorer", "The explorer")
    from flask import Flask

    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_CONTENT_LENGTH"] = drops.LARGEST
    app.config["MAX_FORM_MEMORY_SIZE"] = drops.LARGEST
    shelf, kept = Shelf(), Drops()
    app.extensions["cptlaw"] = (shelf, kept)
    _guard(app, host)
    _serve_files(app)
    _serve_looks(app, shelf, watched)
    serve_drops(app, shelf, kept)
    shelf.start(first, FIRST_JOB)
    return app


def _guard(app: Flask, host: str) -> None:
    """Refuse requests that were not meant for this server, and say what a page may fetch."""
    from flask import abort, request

    @app.before_request
    def _check() -> None:
        if not _is_ours(request.host, host):
            abort(403)
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin not in (None, request.host_url.rstrip("/")):
            abort(403)
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            abort(403)

    @app.after_request
    def _say(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response


def _is_ours(asked: str, host: str) -> bool:
    """Whether a request names this server: no other name may lead a browser here."""
    name = asked if asked.endswith("]") else asked.rsplit(":", 1)[0]
    name = name.strip("[]").lower()
    if name in (*LOCAL, host.lower()):
        return True
    return host not in LOCAL and (name == socket.gethostname().lower() or _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _serve_files(app: Flask) -> None:
    from flask import send_file, send_from_directory

    found = importlib.util.find_spec("plotly")
    assert found is not None and found.submodule_search_locations is not None
    plotly = Path(found.submodule_search_locations[0]) / "package_data" / "plotly.min.js"

    @app.get("/")
    def _page() -> Response:
        return send_file(ASSETS / "index.html", max_age=0)

    @app.get("/assets/<name>")
    def _asset(name: str) -> Response:
        return send_from_directory(ASSETS, name, max_age=0)

    @app.get("/plotly.js")
    def _plotly() -> Response:
        return send_file(plotly, mimetype="text/javascript", max_age=86400)


def _serve_looks(app: Flask, shelf: Shelf, watched: Watched | None) -> None:
    """What is asked of a fit; the state stands in the address."""
    from flask import jsonify, request

    def answer(ask: Callable[[Entry, State], Any], quick: bool = False) -> Response:
        try:
            entry = shelf.get(request.args.get("fit", ""))
            state = parse(request.query_string.decode(), entry.first)
            with entry.lock if quick else entry.twin_lock:
                return jsonify(ask(entry, state))
        except CptlawError as error:
            return jsonify({"error": replies.plain(str(error))})

    def theme() -> str:
        return request.args.get("dark", "")

    @app.get("/api/open")
    def _open() -> Response:
        job = shelf.job(FIRST_JOB)
        if job.status != "done" and not request.args.get("fit"):
            return jsonify({"waiting": job.said, "error": job.error})
        return answer(lambda e, s: replies.opened(e, s) | {"live": watched is not None})

    @app.get("/api/curves")
    def _curves() -> Response:
        colour = request.args.get("colour", 0, int)
        return answer(lambda e, s: replies.curves(e, s, theme(), colour), quick=True)

    @app.get("/api/layers")
    def _layers() -> Response:
        return answer(lambda e, s: replies.layers(e, s, theme()))

    @app.get("/api/words")
    def _words() -> Response:
        return answer(replies.words)

    @app.get("/api/best")
    def _best() -> Response:
        return answer(lambda e, s: replies.best(e, s, theme()))

    @app.get("/api/live")
    def _live() -> Response:
        return answer(lambda e, s: replies.live(e, s, _under(watched), theme()))

    @app.get("/api/export/<kind>")
    def _export(kind: str) -> Response:
        return answer(lambda e, s: asdict(exports.export(kind, e.twin, s, e.study)))


def _under(watched: Watched | None) -> Under:
    """The run that is followed.

    Raises:
        DataError: there is none.
    """
    if watched is None:
        raise DataError("no run is followed here (cptlaw explore --follow LOG).")
    return watched.look()
