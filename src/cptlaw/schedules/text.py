"""The schedule text: segments joined by `|`, each `kind steps [to lr] [key=value]`.

A framework's own schedule is a text too: `FRAMEWORK:NAME key=value ...`, as in
`transformers:cosine lr=2e-4 num_warmup_steps=500 num_training_steps=10000`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cptlaw.errors import DataError, suggestion
from cptlaw.schedules import frameworks
from cptlaw.schedules.segment import KINDS, Segment

_KEYS = ("from", "power", "timescale", "ratio", "first", "until")
_OWNERS = {
    "power": ("power", "curve", "inverse"),
    "timescale": ("inverse_sqrt", "inverse"),
    "ratio": ("exponential", "rex"),
}
_REX = 0.1  # the bend of the usual implementation
_EXAMPLE = "for example: warmup 500 to 2e-4 | constant 30000 | linear 6000 to 0"


@dataclass
class _Words:
    """One segment's text, taken apart."""

    place: str
    kind: str
    steps: float
    to: float | None
    keys: dict[str, float]


def parse(text: str, start_lr: float | None = None) -> tuple[Segment, ...]:
    """Read the schedule text.

    Args:
        text: such as `warmup 2160 to 3e-4 | cosine 21840 to 3e-5`.
        start_lr: LR before the first step; a first warm-up starts at 0 whatever it is.

    Raises:
        DataError: naming the segment, what was expected and the mend.
    """
    if not text.strip():
        raise DataError(f"the schedule is empty; write segments, {_EXAMPLE}")
    if frameworks.is_call(text):
        return frameworks.segments_of_call(text)
    segments: list[Segment] = []
    last = start_lr
    for number, part in enumerate(text.split("|"), start=1):
        words = _take_apart(part, f"segment {number} ('{part.strip()}') of the schedule")
        start = 0.0 if number == 1 and words.kind == "warmup" else last
        segments.append(_segment(words, start))
        last = segments[-1].last
    return tuple(segments)


def _take_apart(part: str, place: str) -> _Words:
    words = part.split()
    if len(words) < 2:
        raise DataError(f"{place}: expected 'kind steps [to lr]', {_EXAMPLE}")
    cut = any(word.startswith("until=") for word in words)
    kind, steps, rest = words[0].lower(), _steps(words[1], place, cut), words[2:]
    if kind not in KINDS:
        raise DataError(f"{place}: kind '{kind}' is unknown. {suggestion(kind, KINDS)}")
    to = None
    if rest and rest[0].lower() == "to":
        if len(rest) < 2:
            raise DataError(f"{place}: 'to' needs a learning rate after it, such as 'to 1e-4'.")
        to, rest = _number(rest[1], place), rest[2:]
    keys: dict[str, float] = {}
    for word in rest:
        key, equals, value = word.partition("=")
        if not equals or key not in _KEYS:
            raise DataError(
                f"{place}: '{word}' is not understood. After 'kind steps [to lr]' come "
                f"{', '.join(k + '=' for k in _KEYS)} without spaces."
            )
        if key in keys:
            raise DataError(f"{place}: {key}= is given twice.")
        keys[key] = _number(value, place)
    _check_keys(kind, to, keys, place)
    return _Words(place, kind, steps, to, keys)


def _check_keys(kind: str, to: float | None, keys: dict[str, float], place: str) -> None:
    for key, owners in _OWNERS.items():
        if key in keys and kind not in owners:
            named = " or ".join(f"'{owner}'" for owner in owners)
            raise DataError(f"{place}: {key}= belongs to {named} segments only.")
    if kind == "inverse_sqrt" and to is not None:
        raise DataError(f"{place}: inverse_sqrt has no 'to'; use timescale= alone.")
    if kind in _OWNERS["timescale"] and "timescale" not in keys:
        raise DataError(f"{place}: {kind} needs timescale=STEPS.")
    if kind in _OWNERS["power"] and "power" not in keys:
        a = "an" if kind == "inverse" else "a"
        raise DataError(f"{place}: {a} {kind} segment needs power=, such as power=2.")
    if to is None and kind not in ("constant", "inverse", "inverse_sqrt"):
        raise DataError(f"{place}: a {kind} segment needs 'to LR', such as 'to 0'.")
    if kind == "constant" and to is not None and "from" in keys:
        raise DataError(f"{place}: a constant segment has either 'to LR' or from=LR, not both.")
    if "until" in keys and keys["until"] != int(keys["until"]):
        raise DataError(f"{place}: until= needs a whole number of steps.")


def _segment(words: _Words, start: float | None) -> Segment:
    start = words.keys.get("from", start)
    if words.kind == "constant" and words.to is not None:
        start = words.to if start is None else start
    if start is None:
        raise DataError(
            f"{words.place}: nothing says which LR it starts from. Add from=LR, as in "
            f"'{words.kind} {words.steps} "
            + (f"to {words.to:g} " if words.to is not None else "")
            + "from=2e-4', or begin with a warmup."
        )
    level = 0.0 if words.kind == "inverse" else start
    end = level if words.to is None else words.to
    if words.kind == "constant":
        start = end
    until = words.keys.get("until")
    try:
        return Segment(
            words.kind,
            words.steps,
            start,
            end,
            power=words.keys.get("power", 1.0),
            timescale=words.keys.get("timescale", 0.0),
            ratio=words.keys.get("ratio", _REX if words.kind == "rex" else 0.0),
            first=words.keys.get("first", 1.0),
            until=None if until is None else int(until),
        )
    except DataError as error:
        raise DataError(f"{words.place}: {error}") from None


def _steps(word: str, place: str, cut: bool) -> float:
    """A whole number of steps; the shape of a segment with until= may have any length."""
    try:
        value = _number(word.replace("_", ""), place)
    except DataError:
        raise DataError(
            f"{place}: '{word}' is not a number of steps; expected 'kind steps [to lr]', {_EXAMPLE}"
        ) from None
    if value < 1 or (value % 1 and not cut):
        raise DataError(f"{place}: '{word}' steps; expected a whole number above 0.")
    return value if value % 1 else int(value)


def _number(word: str, place: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise DataError(f"{place}: '{word}' is not a number.") from None
    if not abs(value) < float("inf"):
        raise DataError(f"{place}: '{word}' is not a finite number.")
    return value


def to_text(segments: tuple[Segment, ...]) -> str:
    """The text that `parse` reads back to the same values.

    Raises:
        DataError: the schedule holds an array of learning rates, which has no text.
    """
    parts: list[str] = []
    last: float | None = None
    for segment in segments:
        parts.append(_segment_text(segment, last))
        last = segment.last
    return " | ".join(parts)


def _segment_text(segment: Segment, last: float | None) -> str:
    if segment.kind == "array":
        raise DataError(
            f"a stretch of {segment.steps} given learning rates has no schedule text. "
            "Store the schedule as JSON instead."
        )
    is_flat = segment.kind == "constant"
    words = [segment.kind, repr(segment.run_steps if is_flat else segment.steps)]
    first_warmup = last is None and segment.kind == "warmup"
    inherited = 0.0 if first_warmup else last
    if is_flat:
        if segment.end != inherited:
            words.append(f"to {segment.end!r}")
        return " ".join(words)
    if segment.kind != "inverse_sqrt" and (segment.kind != "inverse" or segment.end):
        words.append(f"to {segment.end!r}")
    if segment.start != inherited:
        words.append(f"from={segment.start!r}")
    for key, owners in _OWNERS.items():
        value = getattr(segment, key)
        default = {"exponential": 0.0, "rex": _REX}.get(segment.kind)
        if segment.kind in owners and value != default:
            words.append(f"{key}={value!r}")
    if segment.first != 1.0:
        words.append(f"first={segment.first!r}")
    if segment.until is not None:
        words.append(f"until={segment.until}")
    return " ".join(words)


def short(text: str) -> str:
    """A schedule text for reading: 0 for 0.0 and 1e-5 for 1e-05; it is parsed to the same.

    Args:
        text: of a schedule.
    """
    plain = re.sub(r"(?<=\d)\.0(?![\de])", "", text)
    return re.sub(r"(?<=\d)e-0(?=\d)", "e-", plain)
