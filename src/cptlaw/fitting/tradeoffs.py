"""Which combinations of coefficients the data determine where they do not determine each.

Refits of resampled data move along ridges: parameters that move together trade off, and a product
or ratio of them stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.page import number

_ALIKE = 0.9  # correlation from which parameters trade off
_ROUNDING = 1e-9  # a smaller relative move is left by rounding: the parameter stands still


@dataclass(frozen=True)
class Tradeoff:
    """Two parameters of which the data determine a product or ratio better than either.

    Args:
        role: the domain.
        name: a parameter that is open.
        partner: what it trades off against.
        correlation: of their logarithms, over refits of resampled data.
        together: the product or ratio that is determined.
        spread: standard deviation of its logarithm.
        alone: that of the parameter's own.
    """

    role: str
    name: str
    partner: str
    correlation: float
    together: str
    spread: float
    alone: float

    @property
    def sentence(self) -> str:
        """The trade-off in words."""
        return (
            f"{self.name} trades off against {self.partner}: the data determine {self.together} "
            f"to {_percent(self.spread)}, {self.name} alone to {_percent(self.alone)}."
        )


def tradeoffs(fit: Fit, role: str) -> tuple[Tradeoff, ...]:
    """For each open parameter the partner it is most alike with, and what both determine.

    Args:
        fit: fitted coefficients.
        role: the domain; a sum of fitted losses has none.

    Raises:
        DataError: published coefficients, or no such domain.
    """
    domain = fit.domain(role)
    if domain.combines is not None or domain.members:
        return ()
    moves = _logarithms(domain, ensemble_of(fit).moves[role][0])
    return tuple(_strongest(domain, moves))


def _logarithms(domain: DomainFit, moves: FloatArray) -> dict[str, FloatArray]:
    """Moves of the logarithms, to first order, of what moves at all; shape (count,) each."""
    law, found = domain.law, dict[str, FloatArray]()
    for i, name in enumerate(law.parameters):
        value = domain.params[name] if i < len(law.terms) else 1.0
        if value != 0 and moves[:, i].std() > _ROUNDING * abs(value):
            found[name] = moves[:, i] / value
    return found


def _strongest(domain: DomainFit, moves: Mapping[str, FloatArray]) -> Iterator[Tradeoff]:
    told: set[frozenset[str]] = set()
    for name in (n for n in domain.loose if n in moves):
        alike = {
            other: float(np.corrcoef(moves[name], move)[0, 1])
            for other, move in moves.items()
            if other != name
        }
        partner = max(alike, key=lambda other: abs(alike[other]), default="")
        if not partner or abs(alike[partner]) < _ALIKE or frozenset({name, partner}) in told:
            continue
        told.add(frozenset({name, partner}))
        power, spread = _power(moves[name], moves[partner])
        words = _product(domain, name, partner, power)
        alone = float(moves[name].std())
        yield Tradeoff(domain.role, name, partner, alike[partner], words, spread, alone)


def _power(one: FloatArray, other: FloatArray) -> tuple[float, float]:
    """Power p with which one * other^p varies least, a plain one if it does as well."""
    exact = -float(np.cov(one, other)[0, 1] / np.var(other, ddof=1))
    least = float((one + exact * other).std())
    for plain in (1.0, 0.5, 2.0):
        spread = float((one + np.sign(exact) * plain * other).std())
        if spread <= 1.2 * least:
            return float(np.sign(exact)) * plain, spread
    exact = float(f"{exact:.2g}")
    return exact, float((one + exact * other).std())


def _product(domain: DomainFit, one: str, other: str, power: float) -> str:
    """The combination; memories as steps, parameters on a linear scale in an exponential."""
    scales = {s.name: s.scale for s in domain.law.shapes}

    def written(name: str, power: float) -> str:
        scale = scales.get(name, "log")
        if scale == "linear":
            return f"exp({name})" if power == 1 else f"exp({number(power, 6)} {name})"
        base = f"(1/(1 - {name}))" if scale == "memory" else name
        return base if power == 1 else f"{base}^{number(power, 6)}"

    first = written(one, 1.0)
    if power < 0 and scales.get(other) != "linear":
        return f"{first} / {written(other, -power)}"
    return f"{first} * {written(other, power)}"


def _percent(spread: float) -> str:
    """A standard deviation of a logarithm, in words."""
    if spread < 0.3:
        return f"{number(100 * spread, 2)} %"
    return f"a factor of {number(np.exp(spread), 2)}" if spread < 5 else "no order of magnitude"
