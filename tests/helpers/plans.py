"""Knobs of plans on the bundled runs, and what their recipes give."""

from cptlaw import Knobs, forecast
from cptlaw.decisions.plan.recipe import schedule_of

BASE = "warmup 500 to 2e-4 | constant 9500"
ANNEALED = "base@1500 | linear 300 to 0"
SIZE, BATCH = 150_976.0, 8192.0


def knobs(**given):
    return Knobs(**{"peak": "2e-4..1e-3", "steps": 800, "after": "base", **given})


def predicted(fit, recipe, **more):
    """The forecast of a recipe that starts at a named checkpoint."""
    return forecast(
        fit, recipe.schedule, after=recipe.start.text, replay=recipe.replay, level=None, **more
    )


def value_at(fit, found, **changed):
    """The weighted loss of the best recipe with other knobs, by a forecast of its own."""
    best = found.best.recipe
    values = {**best.values, **changed}
    made = schedule_of(best.family, "linear", values)
    curves = forecast(
        fit, made, after=best.start.text, replay=values["replay"], every=10**6, level=None
    ).domains
    return sum(w * curves[role].final for role, w in found.aim.weights.items())
