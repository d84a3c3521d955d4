"""What the page says of a run: verdict, warnings, losses at its end, the equation in numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cptlaw.errors import DataError
from cptlaw.explorer.look import Look, look
from cptlaw.explorer.state import Choice
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.forecasting.extrapolation import check_known, warnings
from cptlaw.forecasting.verdict import Verdict, verdict
from cptlaw.laws.points import Points
from cptlaw.page import number


@dataclass(frozen=True)
class Row:
    """One domain at the end of a run, nats per token.

    Args:
        role: the domain.
        start: loss at the start.
        final: loss at the end.
        low: lower end of its interval, None without.
        high: upper end.
        base: the hidden PT curve at the end, annealing included.
        annealing: what the annealing adds to it.
        shift: final - base.
        highest: highest loss along the run, and at which step.
    """

    role: str
    start: float
    final: float
    low: float | None
    high: float | None
    base: float
    annealing: float
    shift: float
    highest: tuple[float, int]


@dataclass(frozen=True)
class Told:
    """All that is said of one run.

    Args:
        look: its curves on all domains, as `forecast` gives them.
        verdict: what decides its choices.
        warnings: how far it leaves what was fitted, each a sentence.
        refused: why `forecast` would not answer without being told to; "" where it would.
        rows: the ends of its curves.
        equations: domain -> the law, and the law in numbers.
    """

    look: Look
    verdict: Verdict
    warnings: tuple[str, ...]
    refused: str
    rows: tuple[Row, ...]
    equations: Mapping[str, tuple[str, str]]


def tell(fit: Fit, choice: Choice) -> Told:
    """What there is to say of a run.

    Args:
        fit: fitted or published coefficients.
        choice: the run.

    Raises:
        DataError: a run that cannot be.
    """
    seen = look(fit, choice, list(fit.domains), plain=True, fine=True)
    points = Points.along(seen.history, seen.start.history.steps + seen.step, fit.convention)
    refused = ""
    try:
        check_known(fit, points)
    except DataError as error:
        refused = str(error).partition(" Fit a run nearer")[0]
    return Told(
        seen,
        verdict(fit, seen.history),
        warnings(fit, points, seen.run, choice.model_size),
        refused,
        tuple(_row(role, seen) for role in fit.domains),
        {role: (domain.law.text, in_numbers(domain)) for role, domain in fit.domains.items()},
    )


def in_numbers(domain: DomainFit) -> str:
    """A law's equation with the fitted value in place of each parameter."""
    values = {name: number(value, 4) for name, value in domain.params.items()}
    if not values:
        return domain.law.text
    longest_first = sorted(values, key=len, reverse=True)
    names = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, longest_first))})(?![\w(.])")
    left, equals, right = domain.law.text.partition(" = ")
    told = names.sub(lambda match: values[match[0]], right)
    return f"{left}{equals}{told}".replace("+ -", "- ").replace("- -", "+ ")


def _row(role: str, seen: Look) -> Row:
    curve, plain = seen.curves[role], seen.plain[role]
    top = int(np.argmax(curve.loss))
    return Row(
        role,
        float(curve.loss[0]),
        curve.final,
        None if curve.low is None else float(curve.low[-1]),
        None if curve.high is None else float(curve.high[-1]),
        float(curve.base[-1]),
        float(curve.loss[-1] - plain[-1]),
        float(curve.shift[-1]),
        (float(curve.loss[top]), int(curve.step[top])),
    )
