"""Whether the refits agree on what a choice does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.forecasting.causes import half_spread
from cptlaw.forecasting.design import Design
from cptlaw.forecasting.intervals import band
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule

# An effect that the refits know to within this share of it is decided by the data.
_KNOWN = 0.5
# Nor does it matter how small an effect is, if it is known to this share of the loss.
_SMALL = 0.005


def half_widths(fit: Fit, design: Design) -> dict[str, float]:
    """Half the 90 % interval at the end of the longest fitted run, D_pt and D_cpt first, nats."""
    run = design.longest_run
    if fit.study is None or run is None:
        return {}
    end = Points.at_ends([fit.study.history(run.name)], fit.convention)
    roles = [role for role in ("pt", "cpt") if role in fit.domains] or list(fit.domains)
    found: dict[str, float] = {}
    for role in roles:
        ends = band(ensemble_of(fit), role, end)
        found[role] = float(ends.high[-1] - ends.low[-1]) / 2
    return found


def tells_annealing(fit: Fit, design: Design) -> bool:
    """Whether the refits agree, on every domain, on what a decay of the longest run gains."""
    run = design.longest_run
    if fit.study is None or run is None or run.schedule is None:
        return False
    before, peak, steps = fit.study.before(run), run.schedule.peak, max(run.steps, 3)
    decay = max(steps // 3, 1)
    asked = (Schedule.constant(peak, steps), Schedule.wsd(peak, steps, decay))
    runs = [replace(run, schedule=schedule) for schedule in asked]
    ends = [Points.at_ends([before.then(each)], fit.convention) for each in runs]
    ensemble = ensemble_of(fit)
    for role, domain in fit.domains.items():
        flat, decayed = (float(domain.loss(end)[-1]) for end in ends)
        draws = [ensemble.losses(role, end)[:, -1] for end in ends]
        spread = half_spread(draws[0] - draws[1])
        if not np.isfinite(spread) or spread > max(_KNOWN * abs(flat - decayed), _SMALL * flat):
            return False
    return True
