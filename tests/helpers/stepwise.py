"""Short histories whose every step is a point, and a study with a law's own losses."""

from dataclasses import replace

import numpy as np

from cptlaw import Convention, Curve, History, Run, Schedule, Study, catalog
from cptlaw.fitting.observations import facts, observe
from cptlaw.laws.points import Points

VALUES = {
    "L0": 2.4, "A": 0.6, "alpha": 0.45, "C": 0.3, "B": 0.3, "B1": 0.2, "B2": 0.3, "D": 0.3,
    "R": 0.1, "omega": 1.0, "gamma4": 0.05,
    "F": 1.5, "G": 2.9, "E": 30.0, "E1": 100.0, "E2": 3.0, "b": 0.1, "beta": 0.4, "c": 0.1,
    "d": 0.08, "decay": 0.15, "epsilon": 0.1, "g": 0.9, "gamma3": 0.3, "h": 0.3, "kappa": 40.0,
    "lambda": 0.99, "nu": 0.1, "p": 1.3, "k": 0.8, "xi": 0.2, "gamma1": 0.05, "rho": 0.7,
    "sigma": 0.025, "zeta": 0.7,
}  # fmt: skip


def every_step(lr, cpt_lr=(), replay=0.0):
    """Points after every step of one history, so that blocks are steps."""
    count = len(lr) + len(cpt_lr)
    history = History(np.array(lr), np.array(cpt_lr, dtype=float), replay)
    steps = np.arange(1, count + 1)
    return Points.along(history, steps, Convention("as-is"))


def random_lr(seed, count=60):
    """A short schedule that rises and falls at every step."""
    return np.random.default_rng(seed).uniform(1e-4, 1e-3, count)


def falls(lr):
    """Falls of u = LR / 1e-3 at every step, from 0 before the first."""
    return -np.diff(np.append(0.0, lr)) / 1e-3


def since(lr):
    """(t, k) -> the area from step k to step t, both counted; 0 for k after t."""
    area = np.cumsum(lr)
    return np.tril(area[:, None] - (area - lr))


def study(losses=None):
    """A base, its annealed branch and CPT runs of two shares and two sizes."""
    step = np.arange(50, 1201, 50)
    runs = []
    for size in (50e6, 200e6):
        base = f"base-{size:g}"
        runs.append(Run(base, schedule=Schedule.wsd(1e-3, 1200, 400, warmup=60), model_size=size))
        for share in (0.0, 0.5):
            for kind in ("cosine 700 to 0", "constant 300 | constant 400 to 2e-4"):
                text = f"warmup 40 to 1e-3 | {kind}"
                runs.append(
                    Run(
                        f"{kind[:3]}-{share}-{size:g}",
                        schedule=Schedule.parse(text, 1e-3),
                        data="cpt",
                        after=base,
                        after_step=800 if share else 1200,
                        replay=share,
                    )
                )
    curves = [step[step <= run.steps] for run in runs]
    curves = [{"x": Curve(at, np.full(at.size, 3.0))} for at in curves]
    return [replace(run, curves=curve) for run, curve in zip(runs, curves, strict=True)]


def own(name, role):
    """A study with the law's own losses, where they lie, the law and its parameters."""
    blank = Study({role: "x"}, tuple(study()))
    observed = observe(blank, role, Convention("as-is"))
    law = catalog.get(name, facts(role, observed.points))
    signs = {t.coefficient: -1.0 if t.bound == "nonpositive" else 1.0 for t in law.terms}
    known = VALUES if role == "cpt" else VALUES | {"h": 10.0}
    params = {n: known[n] * signs.get(n, 1.0) for n in law.parameters}
    loss = law.loss(observed.points, params)
    runs = []
    for run in blank.runs:
        mine = observed.run == observed.runs.index(run.name)
        runs.append(replace(run, curves={"x": Curve(observed.step[mine], loss[mine])}))
    return replace(blank, runs=tuple(runs)), replace(observed, loss=loss), law, params
