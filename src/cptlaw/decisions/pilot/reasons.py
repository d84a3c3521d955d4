"""Why a run is worth doing, in a sentence."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from cptlaw.fitting.result import Fit
from cptlaw.page import amount, number
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

_NEAR = 1.05  # factor within which two learning rates or lengths are alike


def reason(fit: Fit, study: Study, run: Run, chosen: Sequence[Run] = ()) -> str:
    """What a run shows that the fitted ones and those chosen before it do not.

    Args:
        fit: what was fitted.
        study: that of the fit, with the run.
        run: a run to do.
        chosen: runs that are to be done before it.
    """
    role = next(iter(fit.domains))
    seen = [*fit.observed(role).points.histories, *(study.history(r.name) for r in chosen)]
    mine = study.history(run.name)
    alike = [h for h in seen if h.is_cpt == mine.is_cpt]
    if not alike:
        return "No run of this kind has been done yet."
    aspects = _aspects(mine)
    news = [words for words, same in aspects.items() if not any(same(h) for h in alike)]
    if news:
        return f"It shows what no run so far does: {', '.join(news)}."
    for (one, same), (other, too) in itertools.combinations(aspects.items(), 2):
        if not any(same(h) and too(h) for h in alike):
            return f"It is the first with {one} and {other} at once."
    return "It is like runs that were done, and narrows down what they leave open."


def _aspects(mine: History) -> dict[str, Callable[[History], bool]]:
    """What sets a run apart, in words, and whether another run has it too."""
    lr = mine.phase_lr
    peak, fall = float(lr.max(initial=0.0)), _fall(mine)
    found: dict[str, Callable[[History], bool]] = {}
    if mine.is_cpt:
        found[f"a replay share of {number(mine.replay, 6)}"] = lambda h: (
            abs(h.replay - mine.replay) < 1e-9
        )
    found[f"a peak LR of {number(peak, 3)}"] = lambda h: _near(
        float(h.phase_lr.max(initial=0.0)), peak
    )
    if mine.is_cpt and mine.pt_lr.size:
        found[f"a start at step {mine.pt_lr.size:,}"] = lambda h: _near(
            h.pt_lr.size, mine.pt_lr.size
        )
        found[f"a start whose LR is at {number(100 * _left(mine), 3)} % of its peak"] = lambda h: (
            abs(_left(h) - _left(mine)) < 0.25
        )
    ends = f"an LR that ends at {number(100 * fall, 3)} % of its peak"
    found[ends] = lambda h: abs(_fall(h) - fall) < 0.25
    found[f"a length of {lr.size:,} steps"] = lambda h: _near(h.phase_lr.size, lr.size)
    if mine.model_size:
        found[f"a model of {amount(mine.model_size)} parameters"] = lambda h: (
            h.model_size == mine.model_size
        )
    if mine.batch[0]:
        found[f"a batch of {number(mine.batch[0], 6)} tokens"] = lambda h: h.batch == mine.batch
    return found


def _fall(history: History) -> float:
    lr = history.phase_lr
    return float(lr[-1] / lr.max()) if lr.size and lr.max() > 0 else 0.0


def _left(history: History) -> float:
    """LR at the end of the pre-training over its peak."""
    lr = history.pt_lr
    return float(lr[-1] / lr.max()) if lr.size and lr.max() > 0 else 0.0


def _near(one: float, other: float) -> bool:
    if not one or not other:
        return one == other
    return 1 / _NEAR < one / other < _NEAR
