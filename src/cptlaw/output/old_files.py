"""Files that earlier versions wrote, as today's would have written them.

`CHANGES` tells, for a layout, how each stored type has changed since: a function from the plain
object of that layout to the plain object of the next. `store` applies them before it builds
values, so that nothing else knows of earlier layouts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from cptlaw.laws import catalog
from cptlaw.laws.catalog import Facts
from cptlaw.studies.runs import UNKNOWN

Plain = dict[str, Any]
Change = Callable[[Plain], Plain]

LATEST = 2
FIRST = 1

# What the laws of version 0.1.0 had as constants, or did not have: where it has no effect.
WITHOUT_EFFECT = {"p": 1.0, "k": 0.9, "xi": 1e-12, "gamma1": 0.0, "gamma4": 0.0}


def today(plain: Any, version: int) -> Any:
    """A stored value in today's layout, from plain JSON of an earlier one, at every depth."""
    if isinstance(plain, list):
        return [today(each, version) for each in plain]
    if not isinstance(plain, dict):
        return plain
    found: Plain = {key: today(each, version) for key, each in plain.items()}
    for layout in range(version, LATEST):
        change = CHANGES[layout].get(str(found.get("type")))
        found = change(found) if change else found
    return found


def _fit(old: Plain) -> Plain:
    """Version 0.1.0 stored a fit's options one by one, and weighed no points."""
    options: Plain = {
        "type": "FitOptions",
        "convention": old["convention"],
        "delta": old["delta"],
        "fixed": _fixed(old["domains"]["items"].values()),
        "weigh": False,
    }
    if not old.get("priors", True):
        options["prior_weight"] = 0.0
    kept = {k: v for k, v in old.items() if k not in ("convention", "delta", "priors")}
    return {**kept, "options": options}


def _fixed(domains: Iterable[Plain]) -> Plain:
    """The parameters that were given, from what each domain kept of them."""
    items = {name: value for domain in domains for name, value in domain["fixed"]["items"].items()}
    return {"type": "dict", "items": items}


def _domain_fit(old: Plain) -> Plain:
    """Version 0.1.0 had fewer parameters in the shift and in the noise of its own laws."""
    if not catalog.is_known(old["law"]):
        return old  # a sum of laws, each of which comes by itself
    facts: Plain = {k: tuple(v) if isinstance(v, list) else v for k, v in old["facts"].items()}
    law = catalog.get(old["law"], Facts(**{k: v for k, v in facts.items() if k != "type"}))
    had = old["params"]["items"]
    new = [name for name in law.parameters if name not in had and name in WITHOUT_EFFECT]
    if not new:
        return old
    every = WITHOUT_EFFECT | had
    params = {n: every[n] for n in law.parameters if n in every}
    errors = {n: old["stderr"]["items"].get(n) for n in params} if old["stderr"]["items"] else {}
    return {
        **old,
        "params": {"type": "dict", "items": params},
        "stderr": {"type": "dict", "items": errors},
        "covariance": _wider(old["covariance"], [n in had for n in params]),
    }


def _wider(covariance: list[Any], had: list[bool]) -> list[Any]:
    """A covariance with 0 for what was not there before."""
    if not covariance:
        return covariance
    place, side = np.flatnonzero(had), len(had)
    found = np.zeros((side, side), dtype=object)
    found[np.ix_(place, place)] = np.array(covariance, dtype=object).reshape(place.size, -1)
    return found.ravel().tolist()


def _forecast(old: Plain) -> Plain:
    """Version 0.1.0 stored the words of a forecast's start, without the learning rates before."""
    place = _place(old["start"])
    text = old["start"]
    if place["kind"] == "checkpoint":
        text = place["run"] + ("" if place["step"] is None else f"@{place['step']}")
    bare = {"pt_lr": [], "cpt_lr": [], "unknown_base": None}
    if place["kind"] == "open model":
        bare["unknown_base"] = text.removeprefix(UNKNOWN)
    start = {"type": "Start", "text": text, "history": {"type": "History", **bare}, **place}
    return {**old, "start": start}


def _start(old: Plain) -> Plain:
    """Version 0.1.0 stored the words of a plan's start, not its kind."""
    words = old["words"] if old["annealed"] is None else old["words"].rpartition(", then ")[0]
    kept = {key: old[key] for key in ("type", "text", "history", "annealed")}
    return {**kept, **_place(words)}


def _place(words: str) -> Plain:
    """Kind, run and step of the start that version 0.1.0 described in these words."""
    if words == "scratch":
        return {"kind": "scratch", "run": None, "step": None}
    if words.startswith(UNKNOWN):
        return {"kind": "open model", "run": words, "step": None}
    if base := re.fullmatch(r"a base of (\d+) steps", words):
        return {"kind": "base schedule", "run": None, "step": int(base[1])}
    if end := re.fullmatch(r"the end of '(.*)'", words, re.DOTALL):
        return {"kind": "checkpoint", "run": end[1], "step": None}
    if at := re.fullmatch(r"'(.*)' at step (\d+)", words, re.DOTALL):
        return {"kind": "checkpoint", "run": at[1], "step": int(at[2])}
    raise ValueError(f"'{words}' is not a start")


def _plan(old: Plain) -> Plain:
    """Version 0.1.0 had a word of its own for how stable a plan is."""
    return {("stability" if key == "sure" else key): value for key, value in old.items()}


def _now_called(name: str) -> Change:
    return lambda old: {**old, "type": name}


CHANGES: Mapping[int, Mapping[str, Change]] = {
    1: {
        "DomainFit": _domain_fit,
        "Fit": _fit,
        "Forecast": _forecast,
        "Option": _now_called("Outcome"),
        "Plan": _plan,
        "Start": _start,
        "Sureness": _now_called("Stability"),
    },
}
