"""The whole state of the page as one frozen value, and as the query of its address.

Whatever stands in an address may come from anywhere: what cannot be read falls back to a default,
what lies outside its range is cut to it, and nothing is ever refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode

from cptlaw.decisions.plan.knobs import DECAYS, KNOBS

VERSION = 1
MOST_PINS = 4
MOST_STEPS = 2_000_000  # more cannot be drawn while one drags
FORMS = ("constant", "cosine", "linear", "power", "wsd")
LAYERS = ("intervals", "data", "fits", "base", "annealing")
THEMES = ("auto", "light", "dark")
UNITS = ("steps", "tokens")
_LONGEST_TEXT = 300
_LONGEST_QUERY = 8000
_MOST_ROLES = 24


@dataclass(frozen=True)
class Choice:
    """One run that is looked at: the knobs of a plan, and where it begins.

    Args:
        start: "RUN", "RUN@STEP" or "unknown:NAME"; "" for a base that is a schedule, or scratch.
        base: the schedule text of the pre-training, for a fit that knows no runs.
        potential: loss potential of the start: its LR over the peak of its pre-training; below
            that of the checkpoint it is annealed on D_pt first. None for as it is.
        peak: highest LR.
        steps: optimiser steps, the re-warm-up among them.
        warmup: share of the steps.
        family: form of the schedule, one of FORMS.
        decay: a WSD's decay, share of the steps.
        decay_shape: how a WSD falls.
        power: of a power decay.
        end: final LR over the peak.
        replay: share of D_pt in the CPT data.
        model_size: non-embedding parameters; None for those of the start.
    """

    start: str = ""
    base: str = ""
    potential: float | None = None
    peak: float = 1e-4
    steps: int = 1000
    warmup: float = 0.01
    family: str = "cosine"
    decay: float = 0.2
    decay_shape: str = "linear"
    power: float = 2.0
    end: float = 0.0
    replay: float = 0.0
    model_size: float | None = None

    @property
    def query(self) -> str:
        """What stands in an address for it, without what is as by default."""
        return urlencode(_pairs(self))


@dataclass(frozen=True)
class State:
    """All that the page shows.

    Args:
        fit: key of the fit that is looked at; "" for the first.
        choice: the run that is dragged.
        pins: runs that it is compared with, at most four.
        weights: domain -> how much its loss counts.
        shown: the domains that are drawn; none given, the first three.
        layers: what is drawn besides the curves.
        unit: of the lower axis, "steps" or "tokens".
        theme: "auto", "light" or "dark".
    """

    fit: str = ""
    choice: Choice = field(default_factory=Choice)
    pins: tuple[Choice, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    shown: tuple[str, ...] = ()
    layers: tuple[str, ...] = ("intervals",)
    unit: str = "steps"
    theme: str = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))

    @property
    def query(self) -> str:
        """What stands in an address for it; `parse` reads it back."""
        pairs = [("v", str(VERSION))]
        pairs += [("fit", self.fit)] if self.fit else []
        pairs += _pairs(self.choice)
        pairs += [("pin", pin.query) for pin in self.pins]
        pairs += [(f"w.{role}", f"{weight:.6g}") for role, weight in self.weights.items()]
        pairs += [("show", ",".join(self.shown))] if self.shown else []
        pairs += [("layers", ",".join(self.layers) or "none")]
        pairs += [("unit", self.unit)] if self.unit != "steps" else []
        pairs += [("theme", self.theme)] if self.theme != "auto" else []
        return urlencode(pairs)


def parse(query: str, default: Choice = Choice()) -> State:
    """The state that the query of an address stands for.

    Args:
        query: what stands behind the "?"; anything at all.
        default: what a choice is where the query does not say.
    """
    pairs = _split(query)
    last = dict(pairs)
    pins = tuple(_choice(dict(_split(text)), default) for key, text in pairs if key == "pin")
    weights = {
        key[2:]: _number(text, 0.0, 1e6, 1.0)
        for key, text in pairs
        if key.startswith("w.") and len(key) > 2
    }
    layers = last.get("layers")
    return State(
        fit=last.get("fit", "")[:64],
        choice=_choice(last, default),
        pins=pins[:MOST_PINS],
        weights=dict(list(weights.items())[:_MOST_ROLES]),
        shown=tuple(dict.fromkeys(filter(None, last.get("show", "").split(","))))[:_MOST_ROLES],
        layers=State.layers if layers is None else _known(layers.split(","), LAYERS),
        unit=_word(last.get("unit"), UNITS, "steps"),
        theme=_word(last.get("theme"), THEMES, "auto"),
    )


def _split(query: str) -> list[tuple[str, str]]:
    """Keys and values, short ones of letters that can be shown."""
    try:
        pairs = parse_qsl(query[:_LONGEST_QUERY], max_num_fields=200)
    except ValueError:
        return []
    return [(key[:80], _plain(key, value)) for key, value in pairs]


def _plain(key: str, value: str) -> str:
    most = _LONGEST_QUERY if key in ("pin", "show") else _LONGEST_TEXT
    return "".join(letter for letter in value[:most] if letter.isprintable())


def _choice(given: Mapping[str, str], default: Choice) -> Choice:
    """A run from keys and texts; a default for each that cannot be read."""
    found: dict[str, object] = {}
    for name in ("start", "base"):
        found[name] = given.get(name, getattr(default, name))
    if given.get("base") and "start" not in given:
        found["start"] = ""
    found["family"] = _word(given.get("family"), FORMS, default.family)
    found["decay_shape"] = _word(given.get("decay_shape"), DECAYS, default.decay_shape)
    for name, (low, high) in BOUNDS.items():
        value = _number(given.get(name), low, high, getattr(default, name))
        found[name] = value
    found["steps"] = round(_number(given.get("steps"), 2, MOST_STEPS, default.steps))
    for name, (low, high) in OPTIONAL.items():
        text = given.get(name)
        usual = getattr(default, name)
        value = math.nan if text is None else _number(text, low, high, math.nan)
        found[name] = usual if math.isnan(value) else value
    return replace(default, **found)  # type: ignore[arg-type]


BOUNDS: Mapping[str, tuple[float, float]] = {
    "peak": (1e-9, 1.0),
    "warmup": (0.0, KNOBS["warmup"].high),
    "decay": (0.0, 1.0),
    "power": (0.1, 20.0),
    "end": (0.0, 1.0),
    "replay": (0.0, KNOBS["replay"].high),
}
"""Knob -> lowest and highest value that an address may ask for."""
OPTIONAL: Mapping[str, tuple[float, float]] = {"potential": (0.0, 1.0), "model_size": (1.0, 1e14)}


def _pairs(choice: Choice) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in fields(choice):
        value = getattr(choice, each.name)
        if value is not None and value != "":
            found.append((each.name, f"{value:.6g}" if isinstance(value, float) else str(value)))
    return found


def _number(text: str | None, low: float, high: float, default: float) -> float:
    """A finite number cut to a range, else the default."""
    try:
        value = float(text) if text is not None else default
    except ValueError:
        return default
    return min(max(value, low), high) if math.isfinite(value) else default


def _word(text: str | None, known: Iterable[str], default: str) -> str:
    return text if text is not None and text in known else default


def _known(words: Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    given = set(words)
    return tuple(word for word in known if word in given)
