"""A sweep's estimate as text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cptlaw.bar import clock
from cptlaw.lab.estimate import Draw, Estimate, RunEstimate, SpeedSource, mixture, readings
from cptlaw.page import amount, power, width, wrapped
from cptlaw.schedules.text import short

_TABLE = 80  # where the columns end, if the page is not narrower
_COLUMNS = (9, 9, 9, 14)


def text(found: Estimate) -> str:
    """The runs under those they go on from, then models, texts and totals.

    Args:
        found: the estimate.
    """
    several = len({run.node.model_name for run in found.runs}) > 1
    timed = found.speed is not None or bool(found.known)
    headers = ("steps", "tokens", "FLOPs", "time" if timed else "")
    lines = [*_answer(found), "", *_row("run", headers)]
    for run in found.runs:
        lines += _run(run, several, timed)
    lines += ["", *_models(found), "", *_draws(found), *_readings(found), *_times(found)]
    for note in found.notes:
        lines += _wrapped(f"note: {note}", "", "  ")
    return "\n".join(lines)


def _row(name: str, cells: Iterable[str]) -> list[str]:
    """A name and right-aligned cells; after a name that is too long, they stand on a next line."""
    end = min(_TABLE, width())
    right = "".join(cell.rjust(width) for cell, width in zip(cells, _COLUMNS, strict=True))
    if len(name) + 2 + len(right.lstrip()) > end:
        return [name, right.rjust(end).rstrip()]
    return [(name + right.rjust(end)[len(name) :]).rstrip()]


def _run(run: RunEstimate, several: bool, timed: bool) -> list[str]:
    node = run.node
    indent = "  " * run.depth
    start = "" if node.after is None else f" @{node.after_step}"
    cells = (
        f"{node.steps:,}",
        amount(run.tokens),
        power(run.flops),
        _time(run.seconds) if run.seconds is not None else "?" if timed else "",
    )
    model = f", model {node.model_name}" if several else ""
    below = f"{mixture(node)}{model}: {_shortened(short(node.schedule.text))}"
    return [
        *_row(f"{indent}{node.name}{start}", cells),
        *_wrapped(below, f"{indent}    ", f"{indent}      "),
    ]


def _shortened(schedule: str) -> str:
    """A schedule text with learning rates of six digits at most."""
    return re.sub(r"\d+(\.\d+)?e-\d+|\d+\.\d+", lambda found: f"{float(found[0]):.6g}", schedule)


def _models(found: Estimate) -> Iterable[str]:
    seen: set[tuple[str, int]] = set()
    for run in found.runs:
        name, length = run.node.model_name, run.node.sequence_length
        if (name, length) in seen:
            continue
        seen.add((name, length))
        architecture = run.architecture
        if architecture is None:
            yield f"model {name}: ? parameters"
            continue
        yield from _wrapped(
            f"model {name}: {architecture.non_embedding:,} parameters without embeddings, "
            f"{architecture.parameters:,} with; {power(architecture.work(length), 2)} FLOPs "
            f"a token of sequences of {length:,}",
            "",
            "  ",
        )


def _draws(found: Estimate) -> Iterable[str]:
    """What is taken of each text, by mixture."""
    limits = {draw.text: draw.limit for draw in found.draws}
    held = [
        f"{name} {'all there is' if limit is None else f'at most {amount(limit)}'}"
        for name, limit in sorted(limits.items())
    ]
    yield from _wrapped(f"training tokens of the texts: {', '.join(held)}", "", "  ")
    yield "tokens that the longest run and its bases take (times over the text, where known):"
    by_mixture: dict[str, list[str]] = {}
    for draw in found.draws:
        by_mixture.setdefault(draw.mixture, []).append(_draw(draw))
    for name, parts in by_mixture.items():
        yield from _wrapped(f"{name}: {', '.join(parts)}", "  ", "    ")


def _readings(found: Estimate) -> Iterable[str]:
    """Where runs begin in texts that their bases have read, and which they read once more."""
    places: dict[str, list[str]] = {}
    again: dict[str, list[str]] = {}
    for run in found.runs:
        for one in readings(found.experiment, run.node):
            if one.skipped and run.node.read_before():
                place = f"in {one.text} after {amount(one.skipped)} tokens"
                places.setdefault(place, []).append(run.node.name)
            if one.again_from_step is not None:
                where = f"{run.node.name} from step {one.again_from_step:,}"
                again.setdefault(one.text, []).append(where)
    if places:
        yield "text that a base has read comes last, so these runs begin"
        for place, runs in places.items():
            yield from _wrapped(f"{place}: {', '.join(runs)}", "  ", "    ")
    for text, runs in again.items():
        yield from _wrapped(f"{text} is read once more by {', '.join(runs)}", "", "  ")


def _draw(draw: Draw) -> str:
    passes = draw.passes
    if passes is None:
        return f"{draw.text} {amount(draw.tokens)}"
    shown = "<0.01" if passes < 0.005 else f"{passes:,.2f}"
    return f"{draw.text} {amount(draw.tokens)} ({shown})"


def _answer(found: Estimate) -> Iterable[str]:
    """What the sweep takes altogether."""
    count = len(found.runs)
    size = f"{amount(found.tokens)} tokens, {power(found.flops)} FLOPs"
    yield f"{found.experiment.name}: {count:,} run{'s' if count != 1 else ''}, {size}"
    chain = " > ".join(found.chain)
    if found.seconds is None or found.chain_seconds is None:
        yield from _wrapped(f"the longest way from run to run: {chain}", "", "  ")
        return
    yield f"one run after another: {_time(found.seconds)}"
    if count > 1:
        yield from _wrapped(
            f"with a machine for each run: {_time(found.chain_seconds)}, since runs wait for "
            f"those they go on from ({chain})",
            "",
            "  ",
        )


def _times(found: Estimate) -> Iterable[str]:
    """What the times rest on, and whether other threads would be faster."""
    if found.speed is None and not found.known:
        return
    yield ""
    for run in dict.fromkeys(known.run for known in found.known.values()):
        yield from _wrapped(_as_before(found, run), "", "  ")
    if found.speed is None:
        return
    others = "times of the others" if found.known else "times"
    compiled = " Compiling (compile = true) is left out, which costs time once and then saves it."
    yield from _wrapped(
        f"{others}: at {_speed(found.speed)}. Evaluations are counted. Writing checkpoints and "
        f"making tokens are not.{compiled if found.experiment.training.compile else ''}",
        "",
        "  ",
    )
    for threads, ratio in found.speed.slower:
        if ratio < 1.1 or not found.speed.fewer:
            continue
        yield from _wrapped(
            f"threads: with {_threads(threads)} it would take {ratio:,.1f} times as long here, "
            f"so the sweep should run with --threads {found.speed.threads}.",
            "",
            "  ",
        )


def _as_before(found: Estimate, run: str) -> str:
    """What the times of the runs that are like one done before rest on."""
    known = next(known for known in found.known.values() if known.run == run)
    names = [name for name, known in found.known.items() if known.run == run]
    start = f", and {clock(known.start_seconds)} to start" if known.start_seconds >= 1 else ""
    return (
        f"times of {', '.join(names)}: at {known.tokens_per_second:,.0f} tokens/s, as runs of that "
        f"shape went here before{start}. Evaluations are counted."
    )


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"


def _speed(source: SpeedSource) -> str:
    low, high = power(min(source.flops)), power(max(source.flops))
    rate = low if low == high else f"{low} to {high}"
    if source.device is None:
        return f"{rate} FLOP/s, as --flops says"
    return f"{rate} FLOP/s, measured on {source.device} in a few micro-batches"


def _time(seconds: float) -> str:
    years = seconds / (365.25 * 86400)
    return clock(seconds) if years < 2 else f"{years:,.0f} years"


def _wrapped(line: str, first: str, others: str) -> list[str]:
    return wrapped(line, first, others).split("\n")
