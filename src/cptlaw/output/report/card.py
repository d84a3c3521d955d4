"""The section of a model card that says how a continual pre-training was chosen."""

from __future__ import annotations

from collections.abc import Sequence

from cptlaw.decisions.plan.result import Plan
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.forecast import Forecast
from cptlaw.forecasting.verdict import verdict
from cptlaw.schedules.text import short


def text(fit: Fit, chosen: Sequence[Plan | Forecast] = ()) -> str:
    """Markdown for a model card.

    Args:
        fit: that the choice rests on.
        chosen: what was planned or forecast; the last of them is the recipe.
    """
    lines = ["### How the continual pre-training was chosen", ""]
    if fit.study is not None:
        runs = [run for run in fit.study.runs if run.curves]
        cpt = sum(run.data == "cpt" for run in runs)
        lines.append(
            f"Pilot runs: {len(runs)} ({cpt} of them continual), with losses on "
            f"{', '.join(fit.domains)}. Laws: "
            f"{', '.join(dict.fromkeys(d.law.name for d in fit.domains.values()))}, fitted with "
            "cptlaw."
        )
    lines.append(verdict(fit).first)
    if chosen:
        lines += ["", *_recipe(chosen[-1])]
    lines += ["", "Measured at the end: <losses on the same validation sets>."]
    return "\n".join(lines) + "\n"


def _recipe(chosen: Plan | Forecast) -> list[str]:
    if isinstance(chosen, Plan):
        recipe = chosen.best.recipe
        schedule, start, replay = recipe.schedule, recipe.start, recipe.replay
        ends = {
            r: (chosen.best.losses[r], at.low, at.high)
            for r, at in chosen.losses.items()
            if r in chosen.best.losses
        }
        level = 90.0
    else:
        schedule, start, replay = chosen.schedule, chosen.start, chosen.replay
        ends = {
            role: (curve.final, float(curve.low[-1]), float(curve.high[-1]))
            for role, curve in chosen.domains.items()
            if curve.low is not None and curve.high is not None
        }
        level = 100 * (chosen.level or 0.0)
    lines = [f"- learning rate: {short(schedule.text)}", f"- from: {start.words}"]
    lines += [f"- replay: {100 * replay:g} % of the data of the pre-training"] if replay else []
    lines += [
        f"- forecast of the final {role} loss: {final:.3f} nats ({level:g} % of such runs end at "
        f"{low:.3f} to {high:.3f})"
        for role, (final, low, high) in ends.items()
    ]
    return lines
