"""A law is a tuple of terms, each linear in one coefficient, with few shape parameters.

A term is its coefficient times a product of factors. A factor knows its value, with duals for its
shape parameters, and how it is written; fitter, gradient, equation text and decomposition follow
from that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError
from cptlaw.laws.dual import Dual, variables
from cptlaw.laws.means import Averaged
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import ANNEALING, LEVEL, LR, SHIFT, Remedy
from cptlaw.laws.symbols import latex_name
from cptlaw.laws.traits import Traits, Varied

Part: TypeAlias = Literal["base", "annealing", "shift"]
Bound: TypeAlias = Literal["nonnegative", "nonpositive", "free"]


class Prior(NamedTuple):
    """What is held likely of a parameter before any data.

    Args:
        centre: the likely value.
        spread: standard deviation, of a coefficient in its own unit, of a shape parameter in the
            search coordinate (of the logarithm on a log scale).
        tails: degrees of freedom of a Student's t where the parameter is far from usual in some
            studies, so that there the data decide; infinite for a normal distribution.
    """

    centre: float
    spread: float
    tails: float = np.inf


@dataclass(frozen=True)
class Shape:
    """A parameter in which a law is not linear.

    Args:
        name: as printed and stored.
        low: lowest value.
        high: highest value.
        start: range in which searches begin.
        scale: "log", "linear", or "memory" (of 1/(1 - value), for lambda).
        neutral: value without effect; held there if the data leave the parameter open.
        usual: value that is kept unless the data speak clearly against it.
        prior: what draws it where the data are weak; None for nothing.
        remedy: what would determine it where the data leave it open.
        latex: its symbol in LaTeX; left out, by its name.
    """

    name: str
    low: float
    high: float
    start: tuple[float, float]
    scale: Literal["log", "linear", "memory"] = "log"
    neutral: float | None = None
    usual: float | None = None
    prior: Prior | None = None
    remedy: Remedy = LR
    latex: str = ""

    @property
    def symbol(self) -> str:
        """How it is written in LaTeX."""
        return self.latex or latex_name(self.name)

    def inner(self, value: float) -> float:
        """The coordinate that searches move in."""
        if self.scale == "log":
            return math.log(value)
        return value if self.scale == "linear" else -math.log1p(-value)

    def outer(self, inner: float) -> float:
        """The parameter at a search coordinate."""
        if self.scale == "log":
            return math.exp(inner)
        return inner if self.scale == "linear" else -math.expm1(-inner)

    def slope(self, inner: float) -> float:
        """Derivative of the parameter in the search coordinate."""
        if self.scale == "log":
            return math.exp(inner)
        return 1.0 if self.scale == "linear" else math.exp(-inner)


@dataclass(frozen=True)
class Factor:
    """One factor of a term.

    Args:
        shapes: its shape parameters, in the order `function` takes them.
        function: (points, a dual for each shape parameter) -> value at n points.
        text: how it is written, with <name> for a shape parameter.
        latex: the same for LaTeX.
        hidden: the same as `function` for the hidden PT curve, had the CPT's steps gone on with
            D_pt; None where the factor belongs wholly to its term's part.
        conventional: whether the convention for the initial warm-up changes it.
        sized: whether it depends on the model size.
        tied: names of its shape parameters that trade off against the coefficient of its term,
            and against each other: one that is open leaves all of them open.
    """

    shapes: tuple[Shape, ...]
    function: Callable[..., Dual]
    text: str
    latex: str
    hidden: Callable[..., Dual] | None = None
    conventional: bool = True
    sized: bool = False
    tied: tuple[str, ...] = ()

    def evaluate(self, points: Points, *values: float) -> Dual:
        """What it is at n points, with its derivative in each of k shape parameters, (k, n)."""
        found = self.function(points, *variables(*values))
        shape = (len(values), len(points))
        if found.slopes.shape == shape:
            return found
        return Dual(found.value, np.broadcast_to(found.slopes, shape))

    def value(self, points: Points, *values: float, hidden: bool = False) -> FloatArray:
        """What it is at n points, shape (n,), without derivatives; or on the hidden PT curve."""
        function = self.hidden if hidden and self.hidden else self.function
        return function(points, *variables(*values, slopes=False)).value


@dataclass(frozen=True)
class Term:
    """coefficient * product of factors, with a sign in front.

    Args:
        coefficient: its name.
        factors: what it multiplies; none for a constant.
        sign: 1 or -1, as the equation is written.
        bound: which values the coefficient may have.
        part: what it belongs to in a decomposition.
        remedy: what would determine the coefficient; left out, what is usual for the part.
        prior: what draws the coefficient where the data are weak, in its own unit; None for
            nothing.
        latex: the coefficient's symbol in LaTeX; left out, by its name.
    """

    coefficient: str
    factors: tuple[Factor, ...] = ()
    sign: int = 1
    bound: Bound = "nonnegative"
    part: Part = "base"
    remedy: Remedy | None = None
    latex: str = ""
    prior: Prior | None = None

    @property
    def symbol(self) -> str:
        """How the coefficient is written in LaTeX."""
        return self.latex or latex_name(self.coefficient)


_USUAL: Mapping[Part, Remedy] = {"base": LEVEL, "annealing": ANNEALING, "shift": SHIFT}


class Columns(NamedTuple):
    """A law at n points for given shape parameters.

    `matrix` (n, m) times the coefficients is the loss; `slopes` holds, for shape parameter s and
    term t, the derivative (n,) of column t in the search coordinate of s.
    """

    matrix: FloatArray
    slopes: tuple[tuple[int, int, FloatArray], ...]


@dataclass(frozen=True)
class Law:
    """A named law for the loss on one domain.

    Args:
        name: as in the catalogue.
        title: a few words.
        source: paper and equation.
        terms: added up they give the loss in nats per token.
        reference_area: the forward area of the CPT at which an anchored shift is stated.
        traits: what other code needs to know of it.
    """

    name: str
    title: str
    source: str
    terms: tuple[Term, ...]
    reference_area: float = 1.0
    traits: Traits = field(default_factory=Traits)

    def __repr__(self) -> str:
        return f"<Law {self.name}: {self.text}>"

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape parameters in the order of first use."""
        found = {s.name: s for t in self.terms for f in t.factors for s in f.shapes}
        return tuple(found.values())

    def terms_of(self, shape: int) -> frozenset[int]:
        """Which terms have a shape parameter."""
        own = self.shapes[shape].name
        having = (any(own == s.name for f in t.factors for s in f.shapes) for t in self.terms)
        return frozenset(t for t, has in enumerate(having) if has)

    @property
    def has_priors(self) -> bool:
        """Whether anything is held likely of its parameters before any data."""
        return any(one.prior for one in (*self.terms, *self.shapes))

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Names of the linear coefficients, in the order of the terms."""
        return tuple(term.coefficient for term in self.terms)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Coefficients, then shape parameters."""
        return (*self.coefficients, *(s.name for s in self.shapes))

    def columns(
        self,
        points: Points,
        shapes: FloatArray,
        slopes: bool = True,
        held: Container[str] = (),
        only: Container[int] | None = None,
    ) -> Columns:
        """The law's matrix and its derivatives.

        Args:
            points: n places.
            shapes: search coordinates of the shape parameters, shape (k,).
            slopes: whether derivatives are wanted.
            held: shape parameters whose derivatives are not.
            only: terms that are wanted; of the others the columns are empty.
        """
        if isinstance(points, Averaged):
            every = self.columns(points.every, shapes, slopes, held, only)
            means = tuple((s, t, points.mean(slope)) for s, t, slope in every.slopes)
            return Columns(points.mean(every.matrix), means)
        inner = dict(zip(self._index, shapes.tolist(), strict=True))
        values = {s.name: s.outer(inner[s.name]) for s in self.shapes}
        matrix = np.empty((len(points), len(self.terms)), order="F")
        found: list[tuple[int, int, FloatArray]] = []
        for t, term in enumerate(self.terms):
            matrix[:, t] = term.sign
            if only is not None and t not in only:
                continue
            if not slopes or all(s.name in held for f in term.factors for s in f.shapes):
                for f in term.factors:
                    matrix[:, t] *= f.value(points, *(values[s.name] for s in f.shapes))
                continue
            parts = [f.evaluate(points, *(values[s.name] for s in f.shapes)) for f in term.factors]
            for i, (factor, part) in enumerate(zip(term.factors, parts, strict=True)):
                matrix[:, t] *= part.value
                beside = [other.value for j, other in enumerate(parts) if j != i]
                scale = np.array([term.sign * s.slope(inner[s.name]) for s in factor.shapes])
                # A million points and their slopes: what nobody keeps is scaled where it lies.
                own = part.slopes if part.slopes.flags.writeable else None
                rows = np.multiply(part.slopes, math.prod(beside, start=scale[:, None]), out=own)
                for shape, row in zip(factor.shapes, rows, strict=True):
                    if shape.name not in held:
                        found.append((self._index[shape.name], t, row))
        return Columns(matrix, tuple(found))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {shape.name: i for i, shape in enumerate(self.shapes)}

    def inner(self, params: Mapping[str, float]) -> FloatArray:
        """Search coordinates of the shape parameters in `params`, shape (k,)."""
        return np.array([s.inner(params[s.name]) for s in self.shapes])

    def loss(self, points: Points, params: Mapping[str, float]) -> FloatArray:
        """Loss at n points, shape (n,), in nats per token.

        Raises:
            DataError: a parameter is missing.
        """
        self._check_whole(params)
        matrix = self.columns(points, self.inner(params), slopes=False).matrix
        loss: FloatArray = matrix @ np.array([params[c] for c in self.coefficients])
        return loss

    def parts(self, points: Points, params: Mapping[str, float]) -> dict[Part, FloatArray]:
        """The loss taken apart into base, annealing and shift; each of shape (n,)."""
        self._check_whole(params)
        if isinstance(points, Averaged):
            every = self.parts(points.every, params)
            return {part: points.mean(values) for part, values in every.items()}
        matrix = self.columns(points, self.inner(params), slopes=False).matrix
        sums: dict[Part, FloatArray] = {}

        def add(part: Part, value: FloatArray) -> None:
            sums[part] = sums.get(part, np.zeros(len(points))) + value

        for t, term in enumerate(self.terms):
            value = params[term.coefficient] * matrix[:, t]
            hidden = self._hidden(term, points, params)
            if hidden is None:
                add(term.part, value)
                continue
            add("annealing" if term.part == "annealing" else "base", hidden)
            add("shift", value - hidden)
        return sums

    def _check_whole(self, params: Mapping[str, float]) -> None:
        missing = [name for name in self.parameters if name not in params]
        if missing:
            raise DataError(f"law {self.name}: no value for {', '.join(missing)}.")

    def _hidden(self, term: Term, points: Points, params: Mapping[str, float]) -> FloatArray | None:
        """What a term would be on the hidden PT curve, None if it has no such form."""
        if all(factor.hidden is None for factor in term.factors):
            return None
        value = np.full(len(points), term.sign * params[term.coefficient])
        for factor in term.factors:
            shapes = (params[s.name] for s in factor.shapes)
            value *= factor.value(points, *shapes, hidden=True)
        return value

    @property
    def symbols(self) -> dict[str, str]:
        """Parameter -> how it is written in LaTeX."""
        own = {term.coefficient: term.symbol for term in self.terms}
        return {**own, **{shape.name: shape.symbol for shape in self.shapes}}

    @property
    def remedies(self) -> dict[str, Remedy]:
        """Parameter -> what would determine it where the data leave it open."""
        own = {term.coefficient: term.remedy or _USUAL[term.part] for term in self.terms}
        return {**own, **{shape.name: shape.remedy for shape in self.shapes}}

    def sees(self, what: Varied) -> bool:
        """Whether runs may differ in this; see `Traits`."""
        return what in self.traits.sees

    @property
    def depends_on_size(self) -> bool:
        """Whether the model size is in it."""
        return any(f.sized for t in self.terms for f in t.factors)

    @property
    def counts_warmup_as_it_was(self) -> bool:
        """Whether no factor depends on the convention for the initial warm-up."""
        return not any(f.conventional for t in self.terms for f in t.factors)

    @property
    def text(self) -> str:
        """The equation in plain text."""
        return "L = " + self._written(_plain)

    @property
    def latex(self) -> str:
        """The equation in LaTeX."""
        return "L = " + self._written(_latex)

    def _written(self, write: Callable[[Term], str]) -> str:
        out = ""
        for term in self.terms:
            sign = "-" if term.sign < 0 else "+"
            out += f" {sign} {write(term)}" if out else ("-" if sign == "-" else "") + write(term)
        return out


def _plain(term: Term) -> str:
    factors = [_fill(f.text, lambda name: name) for f in term.factors]
    return "*".join([term.coefficient, *factors])


def _latex(term: Term) -> str:
    symbols = {s.name: s.symbol for f in term.factors for s in f.shapes}
    factors = [_fill(f.latex, lambda name: symbols[name]) for f in term.factors]
    return r"\,".join([term.symbol, *factors])


def _fill(template: str, write: Callable[[str], str]) -> str:
    return re.sub(r"<([^>]+)>", lambda match: write(match.group(1)), template)
