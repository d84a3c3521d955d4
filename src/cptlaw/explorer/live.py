"""A run that trains while one looks: its log is looked at whenever a page asks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType

from cptlaw.errors import CptlawError
from cptlaw.live.following import Follower
from cptlaw.live.monitor import Monitor
from cptlaw.live.outlook import Ahead, Followed, Outlook

_AT_MOST_EVERY = 1.0  # seconds between two looks, however many pages ask


@dataclass(frozen=True)
class Narrowing:
    """The end of one domain as it was foreseen first, and as it is now.

    Args:
        first: what was foreseen at the first outlook that foresaw anything.
        now: what is foreseen now.
    """

    first: Ahead
    now: Ahead


@dataclass(frozen=True)
class Under:
    """A run under way.

    Args:
        followed: every outlook so far.
        steps: of the whole run.
        name: of the run.
        ends: domain -> how its end was foreseen.
        trouble: why its log could not be read the last time; "" where it could.
    """

    followed: Followed
    steps: int
    name: str
    ends: Mapping[str, Narrowing]
    trouble: str = ""

    @property
    def now(self) -> Outlook | None:
        """The last outlook."""
        return self.followed.outlooks[-1] if self.followed.outlooks else None


class Watched:
    """One run that all pages of a server follow.

    Args:
        monitor: foresees its end.
        follower: reads its log.
    """

    def __init__(self, monitor: Monitor, follower: Follower) -> None:
        self._monitor, self._follower = monitor, follower
        self._lock, self._done, self._looked = Lock(), -1, float("-inf")
        self._trouble = ""

    def look(self) -> Under:
        """The run as it is now."""
        with self._lock:
            if time.monotonic() - self._looked >= _AT_MOST_EVERY:
                self._take()
                self._looked = time.monotonic()
            followed = self._monitor.followed
        return Under(
            followed, self._monitor.steps, self._monitor.name, _ends(followed), self._trouble
        )

    def _take(self) -> None:
        """Take in what is new."""
        try:
            found = self._follower.look()
            if found is None:
                return
            self._trouble = found.trouble
            self._done = -1 if found.replaced else self._done
            for one in found.evaluations:
                if one.step > self._done:
                    self._monitor.update(one.step, one.losses, one.lr)
                    self._done = one.step
        except (CptlawError, OSError) as error:
            self._trouble = str(error)


def _ends(followed: Followed) -> Mapping[str, Narrowing]:
    found: dict[str, Narrowing] = {}
    for role in followed.roles:
        seen = [o.domains[role].ahead for o in followed.outlooks if role in o.domains]
        ahead = [each for each in seen if each is not None]
        if ahead:
            found[role] = Narrowing(ahead[0], ahead[-1])
    return MappingProxyType(found)
