"""Serving the page until someone ends it."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING

from cptlaw.ending import unwinding
from cptlaw.errors import DataError
from cptlaw.explorer.live import Watched
from cptlaw.explorer.server import make_app
from cptlaw.explorer.shelf import Maker

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

PORT = 8765
_TRIED = 20


def serve(
    first: Maker,
    host: str,
    port: int | None,
    ready: Callable[[str], None],
    watched: Watched | None = None,
) -> None:
    """Serve the page until it is interrupted.

    Args:
        first: makes the fit that it opens with.
        host: the address to serve.
        port: left out, 8765 or the next that is free.
        ready: is told the page's address.
        watched: a run that trains meanwhile, None for none.

    Raises:
        DataError: the address or the port cannot be had.
        MissingExtra: flask or plotly is not installed.
    """
    server, close = listen(first, host, port, watched)
    with unwinding():
        try:
            ready(url_of(server, host))
            server.serve_forever()
        finally:
            server.server_close()
            close()


def listen(
    first: Maker,
    host: str = "127.0.0.1",
    port: int | None = None,
    watched: Watched | None = None,
) -> tuple[BaseWSGIServer, Callable[[], None]]:
    """A server that listens, not yet at work, and what takes its dropped files away.

    Raises:
        DataError: the address or the port cannot be had.
        MissingExtra: flask or plotly is not installed.
    """
    app = make_app(first, host, watched)
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # one connection for all that one drags

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing of requests."""

    wanted = range(PORT, PORT + _TRIED) if port is None else (port,)
    for each in wanted:
        try:
            server = make_server(host, each, app, threaded=True, request_handler=Quiet)
        except (OSError, SystemExit) as error:
            if port is None and getattr(error, "errno", errno.EADDRINUSE) == errno.EADDRINUSE:
                continue
            raise DataError(
                f"{host}:{each} cannot be served: {error}. Give another --port."
            ) from None
        return server, app.extensions["cptlaw"][1].close
    raise DataError(f"no port of {PORT} to {PORT + _TRIED - 1} is free. Give one with --port.")


def url_of(server: BaseWSGIServer, host: str) -> str:
    """The page's address."""
    shown = host
    try:
        if ipaddress.ip_address(host).version == 6:
            shown = f"[{host}]"
    except ValueError:
        pass
    return f"http://{shown}:{server.port}/"
