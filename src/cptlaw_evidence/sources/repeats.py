"""Measured final losses, and by how much runs of one recipe differ."""

from __future__ import annotations

import numpy as np

from cptlaw.laws.areas import warmup_steps
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.source import Curves


def noise(curves: Curves) -> dict[str, float]:
    """Domain -> how far a run lies from the mean of such runs, nats, where runs were repeated.

    It is the mean absolute difference of a run and its repetition, over sqrt(2), after the
    warm-up or transfer.

    Args:
        curves: with its pairs of runs.
    """
    if not curves.repeats:
        return {}
    study = curves.study
    return {
        role: float(np.mean([_gap(study, *pair, column) for pair in curves.repeats]) / np.sqrt(2.0))
        for role, column in study.domains.items()
    }


def _gap(study: Study, one: str, other: str, column: str) -> float:
    a, b = study.run(one), study.run(other)
    first = warmup_steps(study.history(one).pt_lr) if a.after is None else 1
    x, y = a.curves[column], b.curves[column]
    steps, i, j = np.intersect1d(x.steps, y.steps, return_indices=True)
    return float(np.abs(x.loss[i] - y.loss[j])[steps >= first].mean())


def measured_finals(curves: Curves) -> dict[str, dict[str, float]]:
    """Run -> domain -> final loss; a repetition counts in the mean of its original."""
    again = {copy: original for original, copy in curves.repeats}
    found: dict[str, list[dict[str, float]]] = {}
    for run in curves.study.runs:
        if own := _final(curves, run.name):
            found.setdefault(again.get(run.name, run.name), []).append(own)
    return {
        name: {role: float(np.mean([own[role] for own in some])) for role in some[0]}
        for name, some in found.items()
    }


def _final(curves: Curves, name: str) -> dict[str, float]:
    """Domain -> loss after the last step; that of the last evaluation where none is apart."""
    run, domains = curves.study.run(name), curves.study.domains
    if name in curves.finals:
        return dict.fromkeys(domains, curves.finals[name])
    ends = {role: run.curves[c] for role, c in domains.items() if c in run.curves}
    return {role: float(c.loss[-1]) for role, c in ends.items() if c.steps[-1] == run.steps}


def final_noise(curves: Curves) -> dict[str, float]:
    """Domain -> mean distance of a run's final loss from the mean of its repetitions, nats."""
    gaps: dict[str, list[float]] = {}
    for one, other in curves.repeats:
        a, b = _final(curves, one), _final(curves, other)
        for role in a:
            gaps.setdefault(role, []).append(abs(a[role] - b[role]) / np.sqrt(2.0))
    return {role: float(np.mean(some)) for role, some in gaps.items()}
