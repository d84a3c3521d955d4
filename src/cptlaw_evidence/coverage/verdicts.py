"""Whether verdicts are right: simulated studies in which a choice is decided, and others.

The truth is the law of the larger bundled grid, with every shape parameter drawn from its prior and
every coefficient moved a little. Of the same nine runs a study lacks those that decide one choice;
then the verdict must not call it decided, and the interval of what the choice does must hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import CptlawError
from cptlaw.fitting.fit import fit
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.forecasting.intervals import band, contrast
from cptlaw.forecasting.verdict import verdict
from cptlaw.laws.points import Points
from cptlaw.page import table
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study
from cptlaw_evidence.coverage.simulated import measured
from cptlaw_evidence.sources.reading import bundled

LEVEL = 0.9
_ROLES = ("pt", "cpt")
_PEAK, _BASE, _STEPS, _EVERY = 1e-3, 6000, 1200, 50
_NOISE = {"pt": 2e-3, "cpt": 1e-3}  # relative, of one evaluation
_OFFSET = {"pt": 6e-3, "cpt": 5e-4}  # relative, of a whole CPT run
_MOVED = 0.2  # of the logarithm of a coefficient
_LOSSES = (0.5, 12.0)  # nats per token: other truths are drawn again
_ANYTHING = 1.0  # nats: the most that D_pt may rise


@dataclass(frozen=True)
class Case:
    """A study that lacks, or has, what decides a choice.

    Args:
        words: what it is.
        choice: as `verdict` calls it.
        runs: those of the study.
        decided: whether they decide the choice.
        known: whether the base is in the study.
    """

    words: str
    choice: str
    runs: tuple[str, ...]
    decided: bool
    known: bool = True


_PT = ("base", "annealed")
_ALL = (*_PT, "const", "cosine", "half", "early", "mixed")
_FLAT = ("base", "const", "half-const", "early", "mixed")


def _without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in _ALL if name not in names)


CASES = (
    Case("no LR drop", "schedule", _FLAT, decided=False),
    Case("one peak", "peak", _without("half"), decided=False),
    Case("no replay", "replay", _without("mixed"), decided=False),
    Case("one start", "start", _without("early"), decided=False),
    Case("unknown base", "start", ("const", "cosine", "half"), decided=False, known=False),
    Case("unknown base, one peak", "peak", ("const", "cosine"), decided=False, known=False),
    *(Case("all of them", c, _ALL, decided=True) for c in ("schedule", "peak", "replay", "start")),
)


def measure(count: int, progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Share of simulated studies whose verdict on a choice is right, and whose interval holds.

    Args:
        count: number of truths; each is looked at in every case.
        progress: is told of every fifth.
    """
    usual = fit(bundled("grid-20m"))
    found: dict[Case, list[tuple[bool, bool]]] = {case: [] for case in CASES}
    failed: list[str] = []
    for seed in range(count):
        if seed % 5 == 0:
            progress(f"truth {seed + 1} of {count} ...")
        truth = drawn(usual, seed)
        for case in CASES:
            try:
                found[case].append(judged(case, truth, seed))
            except CptlawError as error:
                failed.append(f"{case.words}, {case.choice}: {error}")
    rows = [
        {
            "study": case.words,
            "choice": case.choice,
            "decided": case.decided,
            "right": float(np.mean([right for right, _ in some])),
            "coverage": float(np.mean([held for _, held in some])),
            "studies": len(some),
        }
        for case, some in found.items()
        if some
    ]
    return {"rows": rows, "truths": count, "level": LEVEL, "failed": failed}


def to_text(result: dict[str, Any]) -> str:
    """The measurement as a table."""
    rows = [
        (
            row["study"],
            row["choice"],
            "yes" if row["decided"] else "no",
            f"{100 * row['right']:.0f} %",
            f"{100 * row['coverage']:.0f} %",
            str(row["studies"]),
        )
        for row in result["rows"]
    ]
    title = (
        f"{result['truths']} simulated truths: how often the verdict on a choice is right, and "
        f"{100 * result['level']:g} % intervals of what it does hold"
    )
    headers = ("study", "choice", "decided", "verdict right", "interval holds", "studies")
    return "\n".join([table(headers, rows, title), *(f"failed: {f}" for f in result["failed"])])


def judged(case: Case, truth: Fit, seed: int) -> tuple[bool, bool]:
    """Whether the verdict is right, and whether the interval of D_pt and D_cpt at random holds."""
    found = fit(simulated(case, truth, seed))
    right = (verdict(found).of(case.choice).status == "data") == case.decided
    role = _ROLES[seed % 2]
    return right, _held(case, found, truth, role)


def _held(case: Case, found: Fit, truth: Fit, role: str) -> bool:
    ensemble = ensemble_of(found)
    one, other = (Points.at_ends([h], truth.convention) for h in _asked(case))
    exact = truth.domain(role).loss(one)[-1]
    if case.known:
        told = contrast(ensemble, role, one, other, LEVEL)
        exact = exact - truth.domain(role).loss(other)[-1]
        return bool(told.low <= exact <= told.high)
    blind = replace(one.histories[0], pt_lr=np.empty(0), unknown_base="m")
    ends = band(ensemble, role, Points.at_ends([blind], found.convention), LEVEL)
    return bool(ends.mean_low[-1] <= exact <= ends.mean_high[-1])


def _asked(case: Case) -> tuple[History, History]:
    """The run that the choice is asked for, and the usual one."""
    usual = _history(_RUNS["const"])
    # Of an unknown base another start cannot be asked: another run from the same one is.
    choice = case.choice if case.known or case.choice != "start" else "schedule"
    run = {
        "schedule": Run("x", schedule=_cpt(f"linear {_STEPS} to 0"), after="base", data="cpt"),
        "peak": Run("x", schedule=_cpt(f"constant {_STEPS} to 2e-3"), after="base", data="cpt"),
        "replay": replace(_RUNS["mixed"], replay=0.5),
        "start": replace(_RUNS["early"], after_step=_BASE // 2),
    }[choice]
    return _history(run), usual


def drawn(usual: Fit, seed: int) -> Fit:
    """A truth: shapes from their priors, coefficients moved a little."""
    random = np.random.default_rng(seed)
    ends = Points.at_ends([_history(run) for run in _RUNS.values()], usual.convention)
    while True:
        domains = {role: _drawn(usual.domains[role], random) for role in _ROLES}
        truth = replace(usual, domains=domains)
        losses = {role: truth.domain(role).loss(ends) for role in _ROLES}
        risen = losses["pt"].max() - losses["pt"][0]
        sane = all((x > _LOSSES[0]).all() and (x < _LOSSES[1]).all() for x in losses.values())
        if sane and risen < _ANYTHING and losses["cpt"].argmax() <= 1:
            return truth


def _drawn(domain: DomainFit, random: np.random.Generator) -> DomainFit:
    params = dict(domain.params)
    for name in domain.law.coefficients:
        params[name] *= float(np.exp(_MOVED * random.standard_normal()))
    for shape in domain.law.shapes:
        if shape.prior is not None:
            at = shape.inner(shape.prior.centre) + shape.prior.spread * random.standard_normal()
            params[shape.name] = min(max(shape.outer(at), shape.low), shape.high)
    return replace(domain, params=params)


def simulated(case: Case, truth: Fit, seed: int) -> Study:
    """The study of a case, with noise."""
    random = np.random.default_rng([seed, 1])
    blank = Study({role: role for role in _ROLES}, tuple(_blank(r) for r in _RUNS.values()))
    whole = measured(
        blank, truth, truth.convention, lambda role, run, n: _noise(n, role, run, random)
    )
    runs = [run for run in whole.runs if run.name in case.runs]
    if not case.known:
        at = {role: float(truth.domain(role).loss(_transfer(truth))[0]) for role in _ROLES}
        runs = [_blinded(run, at) for run in runs]
    return Study(blank.domains, tuple(runs))


def _transfer(truth: Fit) -> Points:
    return Points.at_ends([_history(_RUNS["base"])], truth.convention)


def _blinded(run: Run, start: dict[str, float]) -> Run:
    """The run after an open model, with its loss before the first step."""
    curves = {
        role: Curve(np.append(0, c.steps), np.append(start[role], c.loss)) if c.steps[0] > 0 else c
        for role, c in run.curves.items()
    }
    return replace(run, curves=curves, after="unknown:m", after_step=None)


def _noise(count: int, role: str, run: Run, random: np.random.Generator) -> FloatArray:
    offset = random.normal() * _OFFSET[role] * (run.data == "cpt")
    # A run begins at its base's loss, and goes its own way from there.
    own = offset * np.minimum(np.arange(1, count + 1) / 5.0, 1.0)
    return own + random.normal(0.0, _NOISE[role], count)


def _cpt(text: str) -> Schedule:
    return Schedule.parse(text, _PEAK)


def _runs() -> Sequence[Run]:
    base = Run("base", schedule=Schedule.constant(_PEAK, _BASE, warmup=100))
    annealed = Run("annealed", schedule=_cpt("linear 1200 to 0"), after="base", after_step=4800)
    usual = Run("const", schedule=_cpt(f"constant {_STEPS}"), after="base", data="cpt")
    half = "constant 1 to 5e-4 | constant 899 | linear 300 to 0"

    def other(name: str, text: str) -> Run:
        return replace(usual, name=name, schedule=_cpt(text))

    return (
        base,
        annealed,
        usual,
        other("cosine", f"cosine {_STEPS} to 0"),
        other("half", half),
        other("half-const", f"constant {_STEPS} to 5e-4"),
        replace(usual, name="early", after_step=2000),
        replace(usual, name="mixed", replay=0.2),
    )


_RUNS = {run.name: run for run in _runs()}


def _blank(run: Run) -> Run:
    steps = np.arange(0 if run.after else 100, run.steps + 1, _EVERY)
    flat = Curve(steps, np.full(steps.size, 3.0))
    return replace(run, curves=dict.fromkeys(_ROLES, flat), optimizer="adamw", weight_decay=0.1)


def _history(run: Run) -> History:
    blank = Study({"pt": "pt"}, tuple(_blank(r) for r in (_RUNS["base"], _RUNS["annealed"])))
    named = _blank(run)
    return blank.before(named).then(named)
