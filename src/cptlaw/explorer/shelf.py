"""The fits that a server knows, and the fits that are on their way.

An entry is never changed once it is on the shelf; requests of several people take it at the same
time, each with the state of its own address.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from cptlaw.errors import CptlawError, DataError
from cptlaw.explorer.dials import first_choice
from cptlaw.explorer.look import look
from cptlaw.explorer.state import Choice
from cptlaw.explorer.words import tell
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import with_refits
from cptlaw.output import store

MOST_FITS = 16
MOST_JOBS = 64
MOST_AT_WORK = 2


@dataclass(frozen=True)
class Entry:
    """A fit, ready to be looked at.

    Args:
        key: by which addresses name it.
        name: for people.
        fit: for the curves.
        twin: the same fit for all that takes longer, so that no slider waits for it.
        study: text of the study file that was dropped, or "".
        first: the run that the page opens with.
        lock: of the fit.
        twin_lock: of the twin.
    """

    key: str
    name: str
    fit: Fit
    twin: Fit
    study: str
    first: Choice
    lock: threading.Lock = field(default_factory=threading.Lock)
    twin_lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Job:
    """A fit on its way.

    Args:
        status: "running", "done" or "failed".
        said: the last words on how far it is.
        key: of the fit, once it is done.
        error: why it failed.
    """

    status: Literal["running", "done", "failed"]
    said: str = ""
    key: str = ""
    error: str = ""


Maker = Callable[[Callable[[str], None]], tuple[str, Fit, str]]
"""Progress -> (name, fit, text of its study or "")."""


def entry_of(name: str, fit: Fit, study: str = "") -> Entry:
    """A fit with its refits made, and everything that the first look needs worked out."""
    fit = fit if fit.study is None else with_refits(fit)
    twin = store.from_json(store.to_json(fit), Fit)
    first = first_choice(fit)
    look(fit, first, list(fit.domains)[:3])
    tell(twin, first)
    return Entry(key_of(fit), name, fit, twin, study, first)


def key_of(fit: Fit) -> str:
    """A short name for what a fit says; the same for the same fit on every machine."""
    digest = hashlib.sha256(fit.fingerprint.encode())
    for role, domain in fit.domains.items():
        params = [(name, f"{value:.9g}") for name, value in sorted(domain.params.items())]
        digest.update(repr((role, domain.law.name, params)).encode())
    return digest.hexdigest()[:16]


class Shelf:
    """Fits by their keys, and jobs by their numbers; the first fit stays, later ones make room."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._numbers = itertools.count(1)
        self._first = ""

    def put(self, entry: Entry) -> str:
        """Keep an entry; returns its key."""
        with self._lock:
            self._first = self._first or entry.key
            self._entries[entry.key] = entry
            self._entries.move_to_end(entry.key)
            while len(self._entries) > MOST_FITS:
                self._entries.pop(next(key for key in self._entries if key != self._first))
        return entry.key

    def get(self, key: str) -> Entry:
        """The entry of a key; of "" the first.

        Raises:
            DataError: it is not there (any more).
        """
        with self._lock:
            found = self._entries.get(key or self._first)
        if found is None:
            raise DataError("this server does not know that fit (any more). Drop its file again.")
        return found

    def start(self, make: Maker, number: str = "") -> str:
        """Make a fit in the background; returns the number of the job.

        Raises:
            DataError: others are at work already.
        """
        with self._lock:
            running = sum(job.status == "running" for job in self._jobs.values())
            if running >= MOST_AT_WORK:
                raise DataError("other fits are being made; try again when they are done.")
            number = number or f"{next(self._numbers)}-{threading.get_ident() % 9973}"
            self._jobs[number] = Job("running", "reading ...")
            while len(self._jobs) > MOST_JOBS:
                _, *later = self._jobs  # the first stays, as its fit does
                del self._jobs[next(n for n in later if self._jobs[n].status != "running")]
        thread = threading.Thread(target=self._work, args=(make, number), daemon=True)
        thread.start()
        return number

    def job(self, number: str) -> Job:
        """How far a job is.

        Raises:
            DataError: there is no such job.
        """
        with self._lock:
            found = self._jobs.get(number)
        if found is None:
            raise DataError("there is no such job (any more).")
        return found

    def _work(self, make: Maker, number: str) -> None:
        try:
            name, fit, study = make(lambda said: self._tell(number, Job("running", said)))
            self._tell(number, Job("running", "refits ..."))
            self._tell(number, Job("done", key=self.put(entry_of(name, fit, study))))
        except (CptlawError, OSError, MemoryError) as error:
            self._tell(number, Job("failed", error=str(error) or "out of memory."))
        except Exception as error:
            told = f"a bug in cptlaw, {type(error).__name__}: {error}. Please report it."
            self._tell(number, Job("failed", error=told))

    def _tell(self, number: str, job: Job) -> None:
        with self._lock:
            self._jobs[number] = job
