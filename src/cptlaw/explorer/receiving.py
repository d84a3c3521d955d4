"""What people drop on the page: kept in folders of their own, recognised, fitted."""

from __future__ import annotations

import secrets
import shutil
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from cptlaw import temporary
from cptlaw.errors import CptlawError, DataError
from cptlaw.explorer import drops, replies
from cptlaw.explorer.shelf import Shelf, entry_of
from cptlaw.explorer.state import parse
from cptlaw.fitting.fit import fit as fit_study
from cptlaw.fitting.result import Fit

if TYPE_CHECKING:
    from flask import Flask, Request, Response

_MOST_DROPS = 24
_LARGEST_WORDS = 2 * drops.LARGEST_STUDY


class Drops:
    """Folders of dropped files by a secret word; the oldest make room."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open = ExitStack()
        self._root = self._open.enter_context(temporary.folder("cptlaw-explorer-"))
        self._known: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def add(self, files: list[tuple[str, bytes]]) -> tuple[str, Path, tuple[str, ...]]:
        """Lay files into a folder of their own; returns its word, the folder and their names."""
        token = secrets.token_urlsafe(12)
        folder = self._root / token
        folder.mkdir(parents=True)
        names = tuple(drops.save(folder, files))
        with self._lock:
            self._known[token] = names
            old = [self._known.popitem(last=False) for _ in range(len(self._known) - _MOST_DROPS)]
        for gone, _ in old:
            shutil.rmtree(self._root / gone, ignore_errors=True)
        return token, folder, names

    def get(self, token: str) -> tuple[Path, tuple[str, ...]]:
        """The folder and the names of a word.

        Raises:
            DataError: it is not there (any more).
        """
        with self._lock:
            names = self._known.get(token)
        if names is None:
            raise DataError("these files are not here any more. Drop them again.")
        return self._root / token, names

    def close(self) -> None:
        """Take all dropped files away."""
        self._open.close()


def serve_drops(app: Flask, shelf: Shelf, kept: Drops) -> None:
    """The addresses that take files, and what becomes of them."""
    from flask import request

    @app.post("/api/drop")
    def _drop() -> Response:
        return _answered(lambda: _recognised(shelf, kept, _files(request)))

    @app.post("/api/draft")
    def _draft() -> Response:
        return _answered(lambda: _drafted(kept, _words(request)))

    @app.post("/api/fit")
    def _fit() -> Response:
        return _answered(lambda: {"job": _started(shelf, kept, _words(request))})

    @app.get("/api/job/<number>")
    def _job(number: str) -> Response:
        return _answered(lambda: asdict(shelf.job(number)))


def _answered(ask: Callable[[], Any]) -> Response:
    """An answer, or in words why there is none."""
    from flask import jsonify

    try:
        return jsonify(ask())
    except CptlawError as error:
        return jsonify({"error": replies.plain(str(error))})
    except (RecursionError, MemoryError, ValueError, KeyError, TypeError) as error:
        return jsonify({"error": f"the file cannot be used ({type(error).__name__})."})


def _recognised(shelf: Shelf, kept: Drops, files: list[tuple[str, bytes]]) -> replies.Reply:
    token, folder, names = kept.add(files)
    found = drops.recognise(folder, names)
    if found.kind == "fit":
        assert found.fit is not None
        return {"kind": "fit", "key": shelf.put(entry_of(names[0], found.fit))}
    if found.kind == "state":
        return {"kind": "state", "query": parse(found.query).query}
    return replies.dropped(token, found)


def _drafted(kept: Drops, given: dict[str, str]) -> replies.Reply:
    folder, names = kept.get(given.get("token", ""))
    roles = {name: given.get(name, "") for name in ("unknown", "pt", "cpt")}
    return replies.dropped(given["token"], drops.drafted(folder, names, **roles))


def _started(shelf: Shelf, kept: Drops, given: dict[str, str]) -> str:
    """The number of the job that fits a study."""
    folder, names = kept.get(given.get("token", ""))
    text = given.get("study", "")
    study = drops.load(folder, text)
    name = names[0] if len(names) == 1 else f"a study of {len(study.runs)} runs"

    def make(say: Callable[[str], None]) -> tuple[str, Fit, str]:
        return name, fit_study(study, progress=say), text

    return shelf.start(make)


def _files(request: Request) -> list[tuple[str, bytes]]:
    """The dropped files, each with the path that the page gave it."""
    given = request.files.getlist("file")[: drops.MOST_FILES + 1]
    paths = request.form.getlist("path")
    names = [*paths, *([""] * len(given))]
    return [
        (name or each.filename or "file", each.read())
        for name, each in zip(names, given, strict=False)
    ]


def _words(request: Request) -> dict[str, str]:
    """Words of a question that comes as JSON.

    Raises:
        DataError: it is something else.
    """
    if not request.is_json or (request.content_length or 0) > _LARGEST_WORDS:
        raise DataError("expected a short question as JSON.")
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        raise DataError("expected an object.")
    return {str(key): value for key, value in given.items() if isinstance(value, str)}
