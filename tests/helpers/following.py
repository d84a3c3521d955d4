"""A bundled run that is followed evaluation by evaluation, as if it were under way."""

from bundled import default_fit, tiny
from cptlaw import Monitor, Planned, Watching

ROLES = ("pt", "cpt")
RUN = "cpt-cosine"


def monitor(run=RUN, **watching):
    """A monitor of one run of tiny-cpt that knows the others."""
    watching = {"share": None, **watching}
    return Monitor(default_fit(run, roles=ROLES), Planned(name=run), watching=Watching(**watching))


def evaluations(run=RUN, change=lambda step, loss: loss):
    """Step, losses by role and learning rate of every evaluation of a bundled run."""
    known = tiny(roles=ROLES)
    found = known.run(run)
    curves = {role: found.curves[column] for role, column in known.domains.items()}
    for i, step in enumerate(curves["pt"].steps.tolist()):
        losses = {role: change(step, float(curve.loss[i])) for role, curve in curves.items()}
        yield step, losses, float(found.schedule.lr([max(step, 1)])[0])


def followed(until=10**9, run=RUN, change=lambda step, loss: loss, **watching):
    """The monitor after all evaluations up to a step."""
    made = monitor(run, **watching)
    for step, losses, lr in evaluations(run, change):
        if step <= until:
            made.update(step, losses, lr)
    return made
