"""What other people's runs say of a CPT, as text."""

from __future__ import annotations

from collections.abc import Mapping

from cptlaw.decisions.prior.result import PriorPlan, PriorRange
from cptlaw.output.text.verdict import verdict_text
from cptlaw.page import amount, bullets, number, table
from cptlaw.schedules.text import short


def prior_text(plan: PriorPlan) -> str:
    """A verdict, the ranges, what each source says, and the first runs."""
    parts = [verdict_text(_first(plan), _decided(plan)), "", _ranges(plan), "", _own(plan), ""]
    parts += ["First runs, from your checkpoint"]
    for pilot in plan.pilots:
        run = pilot.run
        assert run.schedule is not None
        replay = f", replay {number(run.replay, 6)}" if run.replay else ""
        cost = f"{amount(pilot.cost)} tokens"
        what = f'"{short(run.schedule.text)}"{replay} ({cost})'
        parts += bullets([f"{run.name}: {what}. {pilot.reason}"])
    return "\n".join([*parts, "", *bullets(plan.notes)])


def _first(plan: PriorPlan) -> str:
    sizes = sorted(own.model_size for own in plan.sources)
    small = sum(size < 1e9 for size in sizes)
    return (
        f"Start with a peak LR near {_peak(plan.peak)}, replay {_share(plan.replay)} and "
        f"{_number(plan.passes)} passes over the domain data; but do the first runs below before "
        "the long one. Nothing here is from your model: these are the ranges that "
        f"{len(sizes)} models of others leave, {small} of them below 1B parameters, the largest "
        f"{number(sizes[-1] / 1e9, 2)}B; yours has {number(plan.options.model_size / 1e9, 3)}B."
    )


def _decided(plan: PriorPlan) -> list[str]:
    edge = [own.words.partition(",")[0] for own in plan.sources if own.at_highest]
    lines = [
        f"From other people's runs: peak LR and replay (goal {plan.options.goal.text}), within "
        "ranges meant to hold a new model's best in nine of ten cases, if it is one like these.",
        "Unknown: schedule, start, and how the best peak moves with the model size.",
    ]
    if edge:
        lines.append(
            f"In {len(edge)} of them ({', '.join(edge)}) the highest peak that was run is the "
            "best, so that the upper end is where runs ended, not where they became worse."
        )
    return lines


def _ranges(plan: PriorPlan) -> str:
    rows: list[tuple[str, ...]] = [
        ("peak LR / the pre-training's", *_cells(plan.ratio)),
        ("peak LR", *_cells(plan.peak)),
        ("replay share", *_cells(plan.replay)),
        ("passes over the domain data", *_cells(plan.passes)),
    ]
    for role, change in plan.changes.items():
        cells = (f"{100 * v:+.0f} %" for v in (change.low, change.value, change.high))
        rows.append((f"D_{role} loss, change", *cells))
    for role, loss in plan.losses.items():
        cells = (f"{v:.2f}" for v in (loss.low, loss.value, loss.high))
        rows.append((f"D_{role} loss at the end", *cells))
    return table(("", "from", "middle", "to"), rows, "Ranges")


def _own(plan: PriorPlan) -> str:
    rows = [
        (
            own.words.removesuffix(", printed coefficients"),
            _span(own.peak),
            _span(own.replay),
            f"{number(own.passes, 6)}",
            _changes(own.changes),
        )
        for own in plan.sources
    ]
    headers = ("trained", "peak / its own", "replay", "passes", "D_pt, D_cpt")
    return table(headers, rows, "Best by each, and nearly best, as far as its runs tell")


def _changes(changes: Mapping[str, float]) -> str:
    return ", ".join(f"{100 * changes[role]:+.0f} %" for role in ("pt", "cpt") if role in changes)


def _cells(found: PriorRange) -> tuple[str, str, str]:
    return _number_of(found.low), _number_of(found.value), _number_of(found.high)


def _number_of(value: float) -> str:
    return number(value, 2)


def _span(found: PriorRange | None) -> str:
    if found is None:
        return "-"
    return f"{number(found.value, 2)} ({number(found.low, 2)} to {number(found.high, 2)})"


def _peak(peak: PriorRange) -> str:
    return f"{number(peak.value, 2)} ({number(peak.low, 2)} to {number(peak.high, 2)})"


def _share(replay: PriorRange) -> str:
    return f"{100 * replay.value:.0f} % ({100 * replay.low:.0f} to {100 * replay.high:.0f} %)"


def _number(passes: PriorRange) -> str:
    return f"{number(passes.value, 2)} ({number(passes.low, 2)} to {number(passes.high, 2)})"
