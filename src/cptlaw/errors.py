"""What can go wrong: each error says what was given, what was expected and what to do."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from cptlaw.visible import visible

_LONGEST = 3000  # letters of a message


class CptlawError(Exception):
    """Any error that a user can mend; the command line prints it and exits with status 2.

    Args:
        message: of one line, whatever is in the names that it tells.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(_cut(visible(message)))


def _cut(message: str) -> str:
    """A message of any length with its middle left out; place and mend stand at its ends."""
    if len(message) <= _LONGEST:
        return message
    return f"{message[: 2 * _LONGEST // 3]} ... {message[-_LONGEST // 3 :]}"


class DataError(CptlawError):
    """A log, study, schedule or option that cannot be used as it is.

    Args:
        message: what was given, what was expected, and the mend.
    """


class FitError(CptlawError):
    """A law that cannot be fitted to a study.

    Args:
        message: which law, which domain, why, and the mend.
    """


class MissingExtra(CptlawError, ImportError):
    """An optional package that is not installed.

    Args:
        package: the module that was wanted.
        extra: the extra of cptlaw that brings it.
        purpose: what it was wanted for.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, which is not installed. "
            f"Install it with: pip install 'cptlaw[{extra}]'"
        )


def suggestion(given: str, known: Iterable[str]) -> str:
    """A sentence naming the nearest known word, or all of them.

    Args:
        given: what the user wrote.
        known: what would have been understood.
    """
    import difflib

    words = list(known)
    near = difflib.get_close_matches(given, words, n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    if not words:
        return "There is none."
    more = f" and {len(words) - 12} more" if len(words) > 12 else ""
    return "Known: " + ", ".join(words[:12]) + more + "."


@contextmanager
def at(place: str) -> Generator[None]:
    """Name the place in any DataError from inside that does not name it already."""
    try:
        yield
    except DataError as error:
        text = str(error)
        raise DataError(text if text.startswith(f"{place}:") else f"{place}: {text}") from None


def shown(value: object) -> str:
    """A value about as it stands in a file, cut at 60 characters."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def first_line(error: BaseException) -> str:
    """The first line of what an error of another package says, or its type's name."""
    return visible((str(error).strip() or type(error).__name__).splitlines()[0])
