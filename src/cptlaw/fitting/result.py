"""What a fit is: laws with their coefficients, and all it takes to do it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from cptlaw.arrays import FloatArray, floats
from cptlaw.errors import DataError, suggestion
from cptlaw.fitting.kept import Refits
from cptlaw.fitting.observations import Observations, observe
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.scores import Scores
from cptlaw.laws import dual
from cptlaw.laws.areas import Convention
from cptlaw.laws.catalog import COMBINATION, LOSS_TO_LOSS, PAPER, Facts
from cptlaw.laws.dual import Dual
from cptlaw.laws.law import Factor, Law, Part, Term
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import MIXTURE
from cptlaw.shown import Shown
from cptlaw.studies.runs import Diverged
from cptlaw.studies.study import Study


@dataclass(frozen=True, eq=False)
class DomainFit:
    """A law fitted to one domain.

    Args:
        role: "pt", "cpt", "loss" or "ood.NAME".
        law: the fitted law.
        facts: what the law was built with.
        params: every coefficient and shape parameter by name.
        stderr: their standard errors; None for one that was fixed, kept or rests at a bound,
            infinite for one that the data leave open.
        covariance: of coefficients and search coordinates, shape (m + k, m + k).
        status: "ok", "at bound", "not identified", "not converged", "misses the data" or
            "published".
        advice: what is wrong and what would mend it, each a sentence.
        scores: agreement with the fitted points; None for published coefficients.
        ranges: smallest and largest fitted value of each quantity that a forecast may leave.
        fixed: shape parameters that were given.
        kept: shape parameters that keep their usual value: the data do not speak against it.
        loose: parameters that the data leave open.
        unseen: coefficients of terms that are zero at every fitted point.
        combines: the fitted D_pt and D_cpt losses that an out-of-domain set's law adds up, else
            None; a constant that it adds besides is its last coefficient.
        members: the fits whose mean an "average" is, weighted by its params, else none.
    """

    role: str
    law: Law
    facts: Facts
    params: Mapping[str, float]
    stderr: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    covariance: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    status: str = "ok"
    advice: tuple[str, ...] = ()
    scores: Scores | None = None
    ranges: Mapping[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    fixed: Mapping[str, float] = field(default_factory=dict[str, float])
    kept: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    combines: tuple[DomainFit, DomainFit] | None = None
    members: tuple[DomainFit, ...] = ()

    def __post_init__(self) -> None:
        for name in ("params", "stderr", "ranges", "fixed"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        flat = floats(np.ravel(self.covariance))
        side = len(self.params) if flat.size else 0
        object.__setattr__(self, "covariance", flat.reshape(side, side))

    def __repr__(self) -> str:
        values = ", ".join(f"{name} = {value:.4g}" for name, value in self.params.items())
        return f"<DomainFit of {self.law.name} to {self.role}, {self.status}: {values}>"

    def loss(self, points: Points) -> FloatArray:
        """Predicted loss at n points, shape (n,), nats per token."""
        return self.law.loss(points, self.params)

    @property
    def leaves(self) -> tuple[DomainFit, ...]:
        """The fits of single laws that this one is made of; itself where it is one."""
        below = self.combines or self.members
        return tuple(leaf for d in below for leaf in d.leaves) if below else (self,)

    @property
    def place(self) -> FloatArray:
        """Coefficients and search coordinates of a fit of one law, shape (m + k,)."""
        law = self.law
        return np.array([*(self.params[c] for c in law.coefficients), *law.inner(self.params)])

    @property
    def depends_on_size(self) -> bool:
        """Whether the model size is in it."""
        return any(leaf.law.depends_on_size for leaf in self.leaves)

    def parts(self, points: Points) -> dict[Part, FloatArray]:
        """The predicted loss taken apart into base, annealing and shift; each of shape (n,)."""
        summed = self.combines or self.members
        if not summed:
            return self.law.parts(points, self.params)
        constants = self.law.coefficients[len(summed) :]
        level = sum(self.params[name] for name in constants)
        sums: dict[Part, FloatArray] = {"base": np.full(len(points), level)} if constants else {}
        for name, domain in zip(self.law.coefficients, summed, strict=False):
            for part, values in domain.parts(points).items():
                sums[part] = sums.get(part, np.zeros(len(points))) + self.params[name] * values
        return sums


@dataclass(frozen=True, eq=False)
class Fit(Shown):
    """A law fitted to every domain of a study, with all it takes to do it again.

    Args:
        domains: role -> fitted law.
        options: how it was fitted, with the convention that was kept; of published coefficients
            only the convention says something.
        study: what it was fitted to; None for published coefficients.
        fingerprint: of the study.
        seconds: how long it took.
        notes: what was found on the way, each a sentence.
        source: where published coefficients come from.
        refits: that are kept (`uncertainty.with_refits`); None where they are made when asked for.

    Raises:
        DataError: no domain.
    """

    domains: Mapping[str, DomainFit]
    options: FitOptions
    study: Study | None = None
    fingerprint: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    source: str = ""
    refits: Refits | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", MappingProxyType(dict(self.domains)))
        if not self.domains:
            raise DataError("a fit of no domain.")

    def __repr__(self) -> str:
        told = [
            f"{role} by {d.law.name}, {d.status}" + (f", R2 {d.scores.r2:.5f}" if d.scores else "")
            for role, d in self.domains.items()
        ]
        runs = "" if self.study is None else f" to {len(self.study.runs)} runs"
        return f"<Fit{runs}: {'; '.join(told)}>"

    @property
    def convention(self) -> Convention:
        """How areas are counted."""
        return self.options.convention

    @property
    def diverged(self) -> tuple[Diverged, ...]:
        """The runs of the study that diverged, each with its peak LR."""
        return () if self.study is None else self.study.diverged

    @property
    def peak_limit(self) -> float | None:
        """The lowest peak LR at which runs diverge, as far as the study tells: run none as high."""
        return None if self.study is None else self.study.peak_limit

    def domain(self, role: str) -> DomainFit:
        """The fit of one domain.

        Raises:
            DataError: there is none.
        """
        if role not in self.domains:
            raise DataError(f"no domain '{role}' in this fit. {suggestion(role, self.domains)}")
        return self.domains[role]

    def observed(self, role: str) -> Observations:
        """The points that a domain was fitted to.

        Raises:
            DataError: published coefficients have none.
        """
        if self.study is None:
            raise DataError("published coefficients come without the points they were fitted to.")
        return observe(self.study, role, self.convention)


def combination(pt: DomainFit, cpt: DomainFit, name: str = COMBINATION) -> Law:
    """l_pt * L_pt + l_cpt * L_cpt of two fitted domains (Eq. 6), or that plus a constant.

    Args:
        pt: the fit on D_pt.
        cpt: the fit on D_cpt.
        name: one of `catalog.COMBINATIONS`.
    """
    terms = (
        Term("l_pt", (_loss_of(pt, pt.role),), bound="free", remedy=MIXTURE),
        Term("l_cpt", (_loss_of(cpt, cpt.role),), bound="free", remedy=MIXTURE),
    )
    title, source = "out-of-domain loss from the D_pt and D_cpt losses", f"{PAPER}, Eq. 6"
    if name == LOSS_TO_LOSS:
        terms += (Term("l_0", bound="free", remedy=MIXTURE),)
        title, source = f"{title}, shifted", "after arXiv:2411.12925, the power held at 1"
    return Law(name, title, source, terms)


def mean_law(members: Sequence[DomainFit]) -> Law:
    """The weighted mean of several fits of one domain."""
    terms = [Term(f"w[{m.law.name}]", (_loss_of(m, m.law.name),), bound="free") for m in members]
    return Law("average", "weighted mean of several laws", "this project", tuple(terms))


def _loss_of(domain: DomainFit, label: str) -> Factor:
    """The loss that a fit predicts, as a factor without shape parameters."""

    def loss(x: Points) -> Dual:
        return dual.constant(domain.loss(x))

    symbol = rf"L_{{\mathrm{{{label}}}}}"
    conventional = not domain.law.counts_warmup_as_it_was
    return Factor((), loss, f"L_{label}", symbol, conventional=conventional)
