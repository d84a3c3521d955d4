"""What the fitted runs of a study differ in, and what is asked of a fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.caching import remembers
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.forecasting.measured import Reach, figures_of, measured
from cptlaw.page import number
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.text import short
from cptlaw.schedules.usual import usual_schedules
from cptlaw.studies.history import History
from cptlaw.studies.runs import Data, Run
from cptlaw.studies.study import Study

ALIKE = 1.05
"""Two positive values within this factor count as one."""
FALLEN = 0.5
"""A learning rate that has come down to this share of its peak has fallen."""
_SHARES_ALIKE = 0.02  # of two replay shares
_MOST_SEGMENTS = 3  # of a schedule that is proposed as it was run
_SHAPE = 9  # places at which two shapes of schedules are compared
_STEP = 2.0  # from a fitted peak LR to the next that is proposed
_SHAPES_ALIKE = 0.1  # of the peak, at any of those places


@dataclass(frozen=True)
class Design:
    """What the fitted runs of one phase differ in.

    Args:
        phase: "cpt", or "pt" where nothing goes on with CPT.
        peaks: peak LRs, rising.
        longest: steps of the longest run, as far as it was measured.
        falls: whether the LR of a run has fallen well below its peak.
        stays: whether the LR of a run has stayed near its peak.
        shapes: the shapes of schedules: LRs at some places of a run, as shares of its peak.
        replay: replay shares, rising.
        starts: steps of the pre-training before the CPT, rising.
        bases: number of different pre-trainings that a CPT goes on from.
        sizes: model sizes, rising.
        open: whether the pre-training is unknown.
        base_falls: whether the LR of a fitted pre-training has fallen.
        optimizer: whether any run says its optimizer.
        longest_run: the run that lasts longest, None for none.
        last_lr: LR before that run.
        longest_base: the run that it goes on from, None for none.
    """

    phase: Data
    peaks: tuple[float, ...]
    longest: int
    falls: bool
    stays: bool
    shapes: tuple[tuple[float, ...], ...]
    replay: tuple[float, ...] = ()
    starts: tuple[float, ...] = ()
    bases: int = 0
    sizes: tuple[float, ...] = ()
    open: bool = False
    base_falls: bool = False
    optimizer: bool = False
    longest_run: Run | None = None
    last_lr: float = 0.0
    longest_base: Run | None = None


@dataclass(frozen=True)
class Asked:
    """What is asked of a fit: one run, or all that a plan may choose.

    Args:
        phase: "cpt" or "pt".
        peaks: lowest and highest peak LR.
        steps: most steps.
        falls: whether the LR of any run falls well below its peak.
        replay: lowest and highest replay share.
        starts: steps of the pre-training before it; none for a run from scratch.
        size: non-embedding parameters, None for those of the fitted runs.
        shape: of the schedule of one run, as `Design.shapes` has them; empty for several.
        varies: names of the choices that are open; none of a forecast.
    """

    phase: Data
    peaks: tuple[float, float]
    steps: float
    falls: bool
    replay: tuple[float, float] = (0.0, 0.0)
    starts: tuple[float, ...] = ()
    size: float | None = None
    shape: tuple[float, ...] = ()
    varies: frozenset[str] = field(default_factory=frozenset[str])


def asked_of(history: History) -> Asked:
    """What the run that ends a history asks."""
    lr = history.phase_lr
    peak = float(lr.max(initial=0.0))
    return Asked(
        phase="cpt" if history.is_cpt else "pt",
        peaks=(peak, peak),
        steps=float(lr.size),
        falls=bool(lr.size) and lowest_after_peak(lr) <= FALLEN * peak,
        replay=(history.replay, history.replay),
        starts=(float(history.pt_lr.size),) if history.is_cpt and history.pt_lr.size else (),
        size=history.model_size,
        shape=shape_of(lr),
    )


@remembers(4)
def design_of(fit: Fit, phase: Data | None = None) -> Design | None:
    """What the fitted runs of a phase differ in; None for published coefficients.

    Args:
        fit: of a study.
        phase: left out, "cpt" where any run goes on with CPT.
    """
    study = fit.study
    if study is None:
        return None
    phase = phase or ("cpt" if study.has_cpt else "pt")
    used = [(run, history) for run, history in _measured(study)]
    mine = [(run, h) for run, h in used if h.is_cpt == (phase == "cpt")]
    own = [h for _, h in mine]
    before = [h.pt_lr for _, h in used if h.pt_lr.size and not h.is_cpt]
    longest = max(mine, key=lambda pair: pair[1].phase_lr.size, default=None)
    return Design(
        phase=phase,
        peaks=distinct(float(h.phase_lr.max(initial=0.0)) for h in own),
        longest=0 if longest is None else longest[1].phase_lr.size,
        falls=any(_falls(h.phase_lr) for h in own),
        stays=not all(_falls(h.phase_lr) for h in own),
        shapes=_shapes([h.phase_lr for h in own]),
        replay=_shares(h.replay for h in own) if phase == "cpt" else (),
        starts=distinct(float(h.pt_lr.size) for h in own if h.is_cpt and h.pt_lr.size),
        bases=len({h.pt_lr.tobytes() for h in own if h.is_cpt}),
        sizes=distinct(h.model_size for _, h in used if h.model_size is not None),
        open=any(h.unknown_base is not None for h in own),
        base_falls=any(_falls(lr) for lr in before),
        optimizer=any(h.pt_by.optimizer or h.cpt_by.optimizer for _, h in used),
        longest_run=None if longest is None else longest[0],
        last_lr=0.0 if longest is None else study.before(longest[0]).last_lr,
        longest_base=None if longest is None else base_of(longest[0], study),
    )


def leaves_of(fit: Fit) -> tuple[DomainFit, ...]:
    """The fits of single laws that a fit is made of."""
    return tuple(leaf for domain in fit.domains.values() for leaf in domain.leaves)


def reach_of(fit: Fit) -> Reach:
    """How far from fitted runs the law of a fit was measured."""
    return figures_of(measured().reach, (leaf.law.traits.forecasts for leaf in leaves_of(fit)))


def distinct(values: Iterable[float]) -> tuple[float, ...]:
    """Positive values that are not alike, rising."""
    found: list[float] = []
    for value in sorted(v for v in values if v > 0):
        if not found or value > ALIKE * found[-1]:
            found.append(value)
    return tuple(found)


def lowest_after_peak(lr: FloatArray) -> float:
    """The lowest LR after the peak was first reached."""
    return float(lr[int(lr.argmax()) :].min())


def _shares(values: Iterable[float]) -> tuple[float, ...]:
    found: list[float] = []
    for value in sorted(values):
        if not found or value > found[-1] + _SHARES_ALIKE:
            found.append(value)
    return tuple(found)


def _measured(study: Study) -> list[tuple[Run, History]]:
    """The fitted runs, each as far as its losses reach."""
    found: list[tuple[Run, History]] = []
    for run in study.runs:
        ends = [
            int(run.curves[column].steps[-1])
            for column in study.domains.values()
            if column in run.curves
        ]
        if ends and max(ends) > 0 and not study.is_hidden_cpt(run):
            found.append((run, study.history(run.name, max(ends))))
    return found


def _falls(lr: FloatArray) -> bool:
    return bool(lr.size) and lowest_after_peak(lr) <= FALLEN * float(lr.max())


def shape_of(lr: FloatArray) -> tuple[float, ...]:
    """LRs at some places of a run as shares of its peak, after the usual warm-ups."""
    peak = float(lr.max(initial=0.0))
    if not peak > 0:
        return ()
    places = np.minimum((np.linspace(0.1, 1.0, _SHAPE) * lr.size).astype(np.int64), lr.size - 1)
    return tuple((lr[places] / peak).tolist())


def alike(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two shapes are about the same."""
    far = (abs(a - b) for a, b in zip(one, other, strict=True))
    return bool(one) and max(far) <= _SHAPES_ALIKE


def _shapes(lrs: Sequence[FloatArray]) -> tuple[tuple[float, ...], ...]:
    """The shapes there are, each once."""
    found: list[tuple[float, ...]] = []
    for shape in filter(None, map(shape_of, lrs)):
        if not any(alike(shape, other) for other in found):
            found.append(shape)
    return tuple(found)


def untried_peak(design: Design, wanted: tuple[float, float] | None = None) -> float:
    """The peak LR of a run that would tell of others than were fitted.

    Args:
        design: what was fitted, at one peak or more.
        wanted: lowest and highest peak that are asked for; left out, any.

    Returns:
        The end of what is asked for that lies farther outside of what was fitted, at most a
        factor of `_STEP` outside; half the highest where nothing does.
    """
    low, high = design.peaks[0], design.peaks[-1]
    if wanted is not None:
        below, above = low / wanted[0], wanted[1] / high
        if max(below, above) > ALIKE:
            return min(wanted[1], _STEP * high) if above >= below else max(wanted[0], low / _STEP)
    return high / _STEP


def run_that_tells(
    design: Design,
    peak: float | None = None,
    schedule: bool = False,
    *,
    replay: float | None = None,
    start: bool = False,
) -> str:
    """The longest fitted run with something else, in words.

    Args:
        design: what was fitted.
        peak: its peak LR, None for its own; see `untried_peak`.
        schedule: whether the LR falls to 0 at its end.
        replay: the share, None for its own.
        start: whether from half as far.
    """
    run = design.longest_run
    if run is None or run.schedule is None:
        return "a first run of that phase"
    made = run.schedule
    if peak is not None or schedule or len(made.segments) > _MOST_SEGMENTS:
        top = float(f"{made.peak if peak is None else peak:.2g}")
        kind = "wsd" if schedule or design.falls else "const"
        steps = max(int(float(f"{run.steps:.2g}")), 10)
        made = usual_schedules(design.last_lr, top, steps)[kind]
    if replay is not None:
        run = replace(run, replay=replay)
    if start and design.starts:
        run = replace(run, after_step=int(design.starts[0] // 2))
    return run_words(run, made, design.longest_base)


def base_of(run: Run, study: Study | None) -> Run | None:
    """The run of a study that a run goes on from, if there is one."""
    if study is None or run.after is None or not study.has_run(run.after):
        return None
    return study.run(run.after)


def run_words(run: Run, schedule: Schedule, base: Run | None = None) -> str:
    """A run of a schedule in words: its learning rates, where it starts, its replay share.

    Args:
        run: with its start.
        schedule: its learning rates.
        base: what it goes on from; steps are told as that one's log counts them.
    """
    at = ""
    if run.after_step is not None and (base is None or run.after_step != base.steps):
        at = f"@{run.after_step + (0 if base is None else base.first_step)}"
    after = "" if run.after is None else f" after {run.after}{at}"
    share = f", replay {number(run.replay, 6)}" if run.replay else ""
    return f'"{short(schedule.text)}"{after}{share}'
