"""What everything costs, in CPU time of one thread, beside what one would use otherwise."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from cptlaw_evidence import fit_speed, law_speed, log_speed, pages
from cptlaw_evidence.speed import commands, fits, multi_power, plans, refits
from cptlaw_evidence.timing import Progress


@dataclass(frozen=True)
class Part:
    """Something that is timed.

    Args:
        measure: rounds, what is told of long work -> figures.
        text: figures -> tables and sentences.
        needs: a package without which it cannot be done.
    """

    measure: Callable[[int, Progress], dict[str, Any]]
    text: Callable[[dict[str, Any]], str]
    needs: str = "numpy"


def _readers(_: int, progress: Progress) -> dict[str, Any]:
    return log_speed.log_speed(large=False, progress=progress)


def _lab(rounds: int, progress: Progress) -> dict[str, Any]:
    from cptlaw_evidence import lab_speed

    return lab_speed.lab_speed(rounds, progress=progress)


def _lab_text(result: dict[str, Any]) -> str:
    from cptlaw_evidence import lab_speed

    return lab_speed.lab_speed_text(result)


_STARTS = 100  # of the paper's method
_DECADES = 4

PARTS: Mapping[str, Part] = {
    "commands": Part(commands.measure, commands.text),
    "fit": Part(fits.measure, fits.text),
    "paper": Part(lambda _, say: fit_speed.fit_speed(_STARTS, say), fit_speed.fit_speed_text),
    "multi-power": Part(multi_power.measure, multi_power.text),
    "refits": Part(refits.measure, refits.text),
    "plan": Part(plans.measure, plans.text),
    "laws": Part(lambda n, say: law_speed.law_speed(n, _DECADES, say), law_speed.law_speed_text),
    "readers": Part(
        lambda _, say: log_speed.log_speed(False, say), log_speed.log_speed_text, "pyarrow"
    ),
    "lab": Part(_lab, _lab_text, "transformers"),
}


def speed(
    rounds: int, chosen: Sequence[str] = (), progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Time what is chosen, or everything.

    Args:
        rounds: how often each is timed, by turns.
        chosen: names of PARTS; none for all.
        progress: is told what is running.
    """
    began = time.perf_counter()
    asked = [name for name in PARTS if name in chosen or not chosen]
    usable = [name for name in asked if find_spec(PARTS[name].needs) is not None]
    return {
        "rounds": rounds,
        "parts": {name: PARTS[name].measure(rounds, progress) for name in usable},
        "left_out": {name: PARTS[name].needs for name in asked if name not in usable},
        "cores": os.cpu_count(),
        "load": os.getloadavg()[-1] if hasattr(os, "getloadavg") else None,
        "one_thread": os.environ.get("OMP_NUM_THREADS") == "1",
        "seconds": time.perf_counter() - began,
    }


def to_text(result: Mapping[str, Any]) -> str:
    """The tables for a terminal."""
    parts = [PARTS[name].text(found) for name, found in result["parts"].items()]
    return "\n\n".join([_where(result), *parts, *_left_out(result)])


def to_markdown(result: Mapping[str, Any], command: str) -> str:
    """The tables as a page."""
    done = f"{result['seconds']:.0f} s, {result['rounds']} rounds"
    sections = [
        pages.of_text(lambda name=name, found=found: PARTS[name].text(found))
        for name, found in result["parts"].items()
    ]
    left_out = " ".join(_left_out(result))
    return pages.page("Speed", command, done, [HEAD, _where(result), *sections, left_out, TAIL])


HEAD = (
    "CPU time. What is compared is timed by turns on one machine, so that other work there slows "
    "all alike; times are medians, and a ratio is the median of those of the rounds. So ratios "
    "hold for other machines too, seconds for this one as busy as it was. A fit, a refit or a plan "
    "finds nothing worked out by the round before it; files lie in memory."
)


TAIL = (
    "Elsewhere: the page's sliders ([explorer.md](explorer.md), `cptlaw bench explorer`), a run "
    "that is followed ([live.md](live.md), `cptlaw bench live --cost`), a Parquet file of ten "
    "million rows ([logs.md](logs.md), `cptlaw bench readers --large`). How it is done: "
    "[fitting.md](fitting.md), [dependencies.md](dependencies.md)."
)


def _where(result: Mapping[str, Any]) -> str:
    """How many threads there were, and how busy the machine was."""
    told = "One thread." if result["one_thread"] else _THREADS
    if result["load"] is not None:
        cores = pages.counted(result["cores"], "core")
        told += f" The machine has {cores}; in the last quarter of an hour {result['load']:.1f} "
        told += "processes on average wanted one."
    return told


_THREADS = "Threads were not held to one: set OMP_NUM_THREADS=1 beforehand."


def _left_out(result: Mapping[str, Any]) -> list[str]:
    each = result["left_out"].items()
    return [f"{name} was not timed: {needs} is missing." for name, needs in each]
