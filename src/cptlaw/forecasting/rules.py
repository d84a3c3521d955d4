"""The rules by which data decide a choice, or do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from cptlaw.fitting.result import Fit
from cptlaw.forecasting.design import (
    ALIKE,
    Asked,
    Design,
    alike,
    distinct,
    leaves_of,
    run_that_tells,
    untried_peak,
)
from cptlaw.forecasting.measured import GENTLER, Reach
from cptlaw.forecasting.tells import tells_annealing
from cptlaw.laws.traits import Varied
from cptlaw.page import amount, number

Status: TypeAlias = Literal["data", "others", "unknown"]
_CHECKED = "forecasts were only ever checked to"
CHOICES = ("peak", "schedule", "steps", "replay", "start", "size", "optimizer")


@dataclass(frozen=True)
class Choice:
    """One choice of a run, and what decides it.

    Args:
        name: one of `CHOICES`.
        status: "data" (the fitted runs decide it), "others" (taken from other people's runs, with
            a wider interval) or "unknown" (neither says anything of it).
        words: a few words that name it, with the values that the status holds for.
        sentence: why, one sentence.
        mend: the run that would tell; empty where the data do.
    """

    name: str
    status: Status
    words: str
    sentence: str
    mend: str = ""


class Known(NamedTuple):
    """What the rules look at."""

    fit: Fit
    design: Design
    reach: Reach
    asked: Asked | None

    def sees(self, what: Varied) -> bool:
        """Whether any fitted law does."""
        return any(leaf.law.sees(what) for leaf in leaves_of(self.fit))

    def varies(self, name: str) -> bool:
        """Whether a choice is open: of a study all are."""
        return self.asked is None or name in self.asked.varies


def choices_of(at: Known) -> Iterator[Choice]:
    if at.design.peaks:
        yield _peak(at)
        yield _schedule(at)
        yield _steps(at)
    else:
        words = "everything after the transfer" if at.design.phase == "cpt" else "pre-training"
        yield Choice("schedule", "unknown", words, "No run of this phase was fitted.")
    if at.design.phase == "cpt":
        yield _replay(at)
        yield _start(at)
    yield _size(at)
    yield from _optimizer(at)


def _peak(at: Known) -> Choice:
    low, high = at.design.peaks[0], at.design.peaks[-1]
    several, ran = len(at.design.peaks) > 1, _span(low, high)
    name = f"peak LR ({_span(*at.asked.peaks) if at.asked else ran})"
    untried = untried_peak(at.design, None if at.asked is None else at.asked.peaks)
    mend = run_that_tells(at.design, untried)
    if at.asked is not None:
        below, above = low / at.asked.peaks[0], at.asked.peaks[1] / high
        away = max(below, above)
        if away <= ALIKE and (several or not at.varies("peak")):
            return Choice("peak", "data", name, f"Runs were fitted at a peak LR of {ran}.")
        if max(below / GENTLER, above) > at.reach.peak * 1.001:
            said = f"The peak LR is {number(away, 3)}x outside what you ran ({ran})"
            return Choice(
                "peak",
                "unknown",
                name,
                f"{said}; forecasts were only ever checked to {number(at.reach.peak, 6)}x.",
                mend,
            )
    elif several:
        return Choice("peak", "data", name, f"Runs were fitted at a peak LR of {ran}.")
    words = "another peak LR" if at.asked is None else name
    if at.design.open and not several:
        said = f"You ran one peak LR ({ran}) on a base of unknown past, so others are unknown."
        return Choice(
            "peak", "unknown", "another peak LR" if at.asked is None else name, said, mend
        )
    said = f"You ran peak LRs of {ran}." if several else f"You ran one peak LR ({ran})."
    return Choice("peak", "others", words, said, mend)


def _schedule(at: Known) -> Choice:
    design = at.design
    if at.asked is not None and not at.varies("schedule") and not at.asked.falls:
        status: Status = "data" if design.stays else "others"
        said = "Runs whose LR stays up were fitted." if design.stays else "Every fitted run decays."
        return Choice("schedule", status, "schedule (the LR stays up)", said)
    decayed = at.asked is not None and not at.varies("schedule")
    if at.asked is not None and at.asked.shape and _was_run(at, at.asked):
        return Choice("schedule", "data", "schedule", "A run of this very schedule was fitted.")
    words = "schedule (the LR falls)" if decayed else "schedule"
    if design.falls and (len(design.shapes) > 1 or len(design.peaks) > 1):
        if tells_annealing(at.fit, design):
            said = "Your runs differ in their LR, and the LR of some falls."
            return Choice("schedule", "data", words, said)
        said = "Your runs differ too little in their LR to tell what a decay gains."
        return Choice("schedule", "others", words, said, run_that_tells(at.design, schedule=True))
    if design.falls:
        said = "All your runs have one shape of schedule, which cannot tell time from decay."
        return Choice("schedule", "others", words, said, run_that_tells(at.design, schedule=True))
    if design.base_falls:
        said = "Only in the pre-training did the LR fall; a CPT's gain is taken from there."
        return Choice("schedule", "others", words, said, run_that_tells(at.design, schedule=True))
    said = "In none of your runs does the LR fall, so they do not tell what a decay gains."
    status = "others" if _annealing_has_prior(at.fit) else "unknown"
    return Choice("schedule", status, words, said, run_that_tells(at.design, schedule=True))


def _was_run(at: Known, asked: Asked) -> bool:
    """Whether a schedule of that shape was fitted, about as high and as long."""
    peaks, longest = at.design.peaks, at.design.longest
    as_high = peaks[0] <= ALIKE * asked.peaks[0] and asked.peaks[1] <= ALIKE * peaks[-1]
    as_long = 0.8 * longest <= asked.steps <= 1.01 * longest
    return as_high and as_long and any(alike(asked.shape, s) for s in at.design.shapes)


def _steps(at: Known) -> Choice:
    longest, reach = at.design.longest, at.reach.steps
    if at.asked is None:
        said = f"The longest fitted run has {longest:,} steps."
        return Choice("steps", "data", f"length (to {longest:,} steps)", said)
    steps = at.asked.steps
    words, away = f"length ({steps:,.0f} steps)", steps / longest
    if away <= 1.01:
        said = f"The longest fitted run has {longest:,} steps."
        return Choice("steps", "data", words, said)
    mend = f"a run of {steps:,.0f} steps, or half of it"
    said = f"The run is {number(away, 3)}x as long as your longest ({longest:,} steps)"
    if away <= reach:
        return Choice("steps", "others", words, said + ".", mend)
    return Choice("steps", "unknown", words, f"{said}; {_CHECKED} {number(reach, 6)}x.", mend)


def _replay(at: Known) -> Choice:
    shares = at.design.replay or (0.0,)
    low, high = shares[0], shares[-1]
    several, ran = len(shares) > 1, _span(low, high)
    if at.asked is None:
        words, within, away = f"replay ({ran})", True, 0.0
    else:
        words = f"replay ({_span(*at.asked.replay)})"
        away = max(low - at.asked.replay[0], at.asked.replay[1] - high)
        within = away <= 0.01
    fixed = at.asked is not None and not at.varies("replay")
    if within and (several or fixed) and (at.sees("replay") or fixed):
        return Choice("replay", "data", words, f"Runs were fitted at a replay share of {ran}.")
    if at.asked is None:
        words = "replay"
    mend = run_that_tells(at.design, replay=0.25 if high < 0.2 else 0.5 * high)
    if not at.sees("replay"):
        law = next(leaf.law.name for leaf in leaves_of(at.fit))
        said = f"Law {law} does not see the replay share; its forecasts are the same for every one."
        return Choice("replay", "unknown", words, said, "the default law, and two replay shares")
    if away > at.reach.replay:
        said = f"The replay share is {number(away, 2)} outside what you ran ({ran})"
        return Choice(
            "replay",
            "unknown",
            words,
            f"{said}; {_CHECKED} {number(at.reach.replay, 6)}.",
            mend,
        )
    said = f"You ran replay shares of {ran}." if several else f"You ran one replay share ({ran})."
    return Choice("replay", "others", words, said, mend)


def _start(at: Known) -> Choice:
    starts, several = at.design.starts, at.design.bases > 1
    if at.design.open or not starts:
        if at.asked is not None:
            return Choice("start", "data", "start", "It begins where the fitted runs begin.")
        said = "The pre-training is unknown: another checkpoint of it is too."
        return Choice("start", "unknown", "another start", said, "the base's own log, or schedule")
    ran = _span(starts[0], starts[-1])
    if at.asked is None:
        if several:
            return Choice("start", "data", "start", f"Runs start at several checkpoints ({ran}).")
        said = f"Your CPT runs start at step {ran}."
        return Choice(
            "start", "others", "another start", said, run_that_tells(at.design, start=True)
        )
    asked = at.asked.starts
    away = max((max(starts[0] / one, one / starts[-1]) for one in asked if one > 0), default=1.0)
    words = f"start (step {_span(min(asked, default=0.0), max(asked, default=0.0))})"
    if away <= ALIKE and (several or len(distinct(asked)) < 2):
        return Choice("start", "data", words, f"Runs that start there were fitted ({ran}).")
    said = f"Your CPT runs start at step {ran}"
    if away > at.reach.start * 1.001:
        said += f"; this is {number(away, 3)}x away, and {_CHECKED} {number(at.reach.start, 6)}x."
        return Choice("start", "unknown", words, said, run_that_tells(at.design, start=True))
    return Choice("start", "others", words, f"{said}.")


def _size(at: Known) -> Choice:
    sizes, sees = at.design.sizes, any(d.depends_on_size for d in at.fit.domains.values())
    ran = _sizes(sizes) if sizes else ""
    mend = "the same runs with another model size"
    size = None if at.asked is None else at.asked.size
    if at.asked is None:
        if sees:
            return Choice("size", "data", f"model size ({ran})", f"Sizes of {ran} were fitted.")
        said = "Runs of one model size say nothing of another."
        return Choice("size", "unknown", "another model size", said, mend)
    if size is None or not sizes:
        return Choice("size", "data", "model size", "It is that of the fitted runs.")
    words, away = f"model size ({amount(size)})", max(sizes[0] / size, size / sizes[-1])
    if away <= ALIKE:
        return Choice("size", "data", words, f"Runs of this size were fitted ({ran}).")
    said = f"The model size is {number(away, 3)}x away from yours ({ran})"
    if sees and away <= at.reach.size:
        return Choice("size", "others", words, said + ".", mend)
    why = f"{_CHECKED} {number(at.reach.size, 6)}x" if sees else "one size says nothing of another"
    return Choice("size", "unknown", words, f"{said}; {why}.", mend)


def _optimizer(at: Known) -> Iterator[Choice]:
    if not any(leaf.law.traits.growth for leaf in leaves_of(at.fit)):
        return
    if at.design.optimizer:
        said = "The runs say their optimizer."
        yield Choice("optimizer", "data", "optimizer", said)
    else:
        said = "No run names its optimizer, so a usual one is assumed."
        yield Choice("optimizer", "others", "optimizer", said, 'optimizer = "adamw" in the study')


# --- what they are made of -------------------------------------------------------------------


def _annealing_has_prior(fit: Fit) -> bool:
    """Whether other people's runs stand in for an LR that never falls."""
    terms = [t for leaf in leaves_of(fit) for t in leaf.law.terms if t.part == "annealing"]
    drawn = fit.options.prior_weight > 0
    return drawn and bool(terms) and all(term.prior is not None for term in terms)


def _sizes(sizes: Sequence[float]) -> str:
    """Model sizes in words."""
    one, other = amount(sizes[0]), amount(sizes[-1])
    return one if one == other else f"{one} to {other}"


def _span(low: float, high: float) -> str:
    """A value, or two ends."""
    one, other = _plain(low), _plain(high)
    return one if one == other else f"{one} to {other}"


def _plain(value: float) -> str:
    return number(value, 3)
