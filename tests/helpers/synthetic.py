"""Studies made from known coefficients, for tests."""

import numpy as np

from cptlaw import Convention, Curve, History, Run, Schedule, Study, published
from cptlaw.laws.points import Points

PEAK = 2e-4
KINDS = {
    "wsd": Schedule.wsd(PEAK, 30_000, 6_000, warmup=500),
    "cosine": Schedule.cosine(PEAK, 30_000, warmup=500),
}


def losses(law, params, histories, steps, convention=None):
    """Loss of one law at some steps of each history."""
    convention = convention or Convention()
    return [
        law.loss(Points.along(h, s, convention), params)
        for h, s in zip(histories, steps, strict=True)
    ]


def two_run_study(seed=0, noise=1e-3, points=300, name="fineweb-kp-106m", roles=("pt", "cpt")):
    """A WSD and a cosine pre-training, each continued by its own kind, from published fits."""
    fit, random = published.load(name), np.random.default_rng(seed)
    runs = []
    for kind, schedule in KINDS.items():
        lr = schedule.lr()
        step = np.unique(np.linspace(500, 60_000, points).astype(np.int64))
        place = Points.along(History(lr, lr), step, Convention())
        curves = {
            role: fit.domain(role).loss(place) * np.exp(random.normal(0, noise, step.size))
            for role in ("pt", "cpt")
        }
        first = step <= 30_000
        runs.append(
            Run(
                f"pt-{kind}",
                {r: Curve(step[first], c[first]) for r, c in curves.items()},
                schedule=schedule,
            )
        )
        runs.append(
            Run(
                f"cpt-{kind}",
                {r: Curve(step[~first] - 30_000, c[~first]) for r, c in curves.items()},
                schedule=schedule,
                data="cpt",
                after=f"pt-{kind}",
            )
        )
    return Study({role: role for role in roles}, tuple(runs))
