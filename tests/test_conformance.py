"""Every law of the catalogue: fitted to its own curves it comes back, and through JSON too."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cptlaw import Convention, Curve, Run, Schedule, Study, catalog, fit, store
from cptlaw.observations import facts, observe

BASE = Schedule.wsd(1e-3, 3000, 900, warmup=100)
CPT = {
    "cosine": Schedule.cosine(1e-3, 1500, warmup=50),
    "drop": Schedule.multi_step([1e-3, 2e-4], [900, 600], warmup=50),
    "constant": Schedule.constant(5e-4, 1500, warmup=50),
}
VALUES = {
    "L0": 2.4, "A": 0.6, "alpha": 0.45, "C": 0.3, "C1": 0.3, "C2": 0.25, "B": 0.5, "E": 8.0,
    "beta": 0.4, "D": 0.4, "K": 0.25, "lambda": 0.99, "gamma1": 0.2, "gamma2": 0.15, "F": 1.5,
    "gamma3": 0.2, "a1": 0.3, "a2": 2.5, "epsilon": 0.1, "zeta1": 0.9, "zeta2": 0.95,
    "S1_pt": 2.0,
}  # fmt: skip
LAWS = sorted(catalog.LAWS)


def flat(step):
    """A curve that is 3 everywhere."""
    return Curve(step, np.full(step.size, 3.0))


def blank_study(name):
    """Runs without losses that vary in what the law wants to see."""
    sizes = (50e6, 200e6, 800e6) if "eq7" in name else (None,)
    shares = (0.0, 0.25, 0.5, 0.8) if "eq8" in name else (0.0,)
    batches = (1e6, 4e6) if name == "eq4-batch" else (None,)
    runs = []
    for size in sizes:
        base = f"base{size or ''}"
        if name != "unknown-pt":
            runs.append(Run(base, schedule=BASE, model_size=size))
            runs.append(
                Run(
                    f"anneal{size or ''}",
                    schedule=Schedule.parse("linear 500 to 0", 1e-3),
                    after=base,
                    after_step=2000,
                )
            )
        if name == "eq1":
            continue
        for share in shares:
            for batch in batches:
                for kind, schedule in CPT.items():
                    run = Run(
                        f"{kind}-{size}-{share}-{batch}",
                        schedule=schedule,
                        data="cpt",
                        after="unknown:open" if name == "unknown-pt" else base,
                        replay=share,
                        batch_tokens=batch,
                        sequence_length=None if batch is None else 4096,
                    )
                    runs.append(run)
    step = np.arange(50, 1500, 50)
    runs = [replace(run, curves={"x": flat(step[step <= run.steps])}) for run in runs]
    role = "loss" if name == "eq1" else "pt"
    return Study({role: "x"}, tuple(runs)), role


def own_study(name):
    """The same runs with the law's own losses, and the coefficients behind them."""
    study, role = blank_study(name)
    observed = observe(study, role, Convention())
    law = catalog.get(name, facts(role, observed.points))
    params = {n: VALUES[n.partition("[")[0]] for n in law.parameters}
    loss = law.loss(observed.points, params)
    runs = []
    for run in study.runs:
        mine = observed.run == observed.runs.index(run.name)
        runs.append(replace(run, curves={"x": Curve(observed.step[mine], loss[mine])}))
    return replace(study, runs=tuple(runs)), role, params


@pytest.mark.parametrize("name", LAWS)
def test_a_law_recovers_its_own_curves(name):
    study, role, params = own_study(name)
    given = {"epsilon": params["epsilon"]} if name == "eq9" else {}
    result = fit(study, name, convention=Convention(), fixed=given)
    domain = result.domain(role)
    assert domain.scores.worst < 1e-5
    for parameter, value in params.items():
        error = domain.stderr[parameter]
        known = error is not None and np.isfinite(error)
        if known and not any(parameter in a.partition(":")[0] for a in domain.advice):
            assert domain.params[parameter] == pytest.approx(value, rel=0.02), parameter


@pytest.mark.parametrize("name", LAWS)
def test_a_fit_comes_back_from_json_exactly(name):
    study, role, _ = own_study(name)
    result = fit(study, name, convention=Convention(), fixed={"lambda": 0.99})
    text = store.to_json(result)
    again = store.from_json(text)
    assert store.to_json(again) == text
    points = result.observed(role).points
    assert np.array_equal(again.domain(role).loss(points), result.domain(role).loss(points))
    assert again.study.fingerprint == result.fingerprint
    assert json.loads(text)["domains"][role]["law"] == name


@pytest.mark.parametrize("name", LAWS)
def test_the_gradient_of_the_objective_is_right(name):
    from cptlaw.fitting.objective import Objective

    study, role, params = own_study(name)
    observed = observe(study, role, Convention())
    law = catalog.get(name, facts(role, observed.points))
    random = np.random.default_rng(0)
    measured = observed.loss * np.exp(random.normal(0, 2e-3, observed.loss.size))
    objective = Objective(law, observed.points, measured, delta=1e-2)
    z = np.concatenate([[params[c] for c in law.coefficients], law.inner(params)])
    gradient = objective.gradient(z)
    for i in range(z.size):
        step = np.zeros(z.size)
        step[i] = 1e-6
        slope = (objective.value(z + step) - objective.value(z - step)) / 2e-6
        assert gradient[i] == pytest.approx(slope, rel=1e-4, abs=1e-8), law.parameters[i]
