"""Many recipes at once: their losses, costs, and whether they keep the limits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.decisions.cost import COSTS, Prices, costs_of
from cptlaw.decisions.plan.aim import Aim
from cptlaw.decisions.plan.branches import Branch
from cptlaw.decisions.plan.limit import Limit
from cptlaw.decisions.plan.recipe import Recipe, RecipeMaker, histories, work_of
from cptlaw.decisions.plan.samples import Samples
from cptlaw.errors import DataError
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.uncertainty import Ensemble
from cptlaw.laws.points import Points

_AT_ONCE = 128  # recipes, so that memory stays small


@dataclass(frozen=True)
class Reference:
    """The checkpoint that changes are against.

    Args:
        words: which one it is.
        losses: domain -> its loss, nats per token; none of a run from scratch.
        place: where it is; None for a run from scratch.
    """

    words: str
    losses: Mapping[str, float]
    place: Points | None = None


@dataclass(frozen=True)
class Judge:
    """What judges recipes.

    Args:
        fit: whose law predicts the losses.
        maker: what makes recipes of branches.
        branches: all there are.
        aim: what is made low.
        limits: what may not be exceeded.
        prices: what makes costs of recipes.
        roles: domains that are predicted.
        reference: what changes are against.
    """

    fit: Fit
    maker: RecipeMaker
    branches: tuple[Branch, ...]
    aim: Aim
    limits: tuple[Limit, ...]
    prices: Prices
    roles: tuple[str, ...]
    reference: Reference

    @property
    def most_axes(self) -> int:
        """Of any branch."""
        return max(len(branch.axes) for branch in self.branches)

    def at(self, index: int, shares: FloatArray) -> Samples:
        """The recipes at places of one branch.

        Args:
            index: of the branch.
            shares: how far along each axis, shape (n, axes).
        """
        recipes = self.maker.recipes(self.branches[index], shares)
        padded = np.full((len(recipes), self.most_axes), np.nan)
        padded[:, : shares.shape[1]] = shares
        return self._judged(recipes, np.full(len(recipes), index, dtype=np.int64), padded)

    def of(self, recipes: Sequence[Recipe]) -> Samples:
        """Recipes that belong to no branch."""
        none = np.full(len(recipes), -1, dtype=np.int64)
        return self._judged(recipes, none, np.full((len(recipes), self.most_axes), np.nan))

    def recipes(self, samples: Samples) -> list[Recipe]:
        """The recipes of samples."""
        found: list[Recipe] = []
        indices: list[int] = samples.branch.tolist()
        for index, shares in zip(indices, samples.shares, strict=True):
            branch = self.branches[index]
            found += self.maker.recipes(branch, shares[None, : len(branch.axes)])
        return found

    def _judged(self, recipes: Sequence[Recipe], branch: IntArray, shares: FloatArray) -> Samples:
        losses = self.losses(recipes)
        costs = costs_of(work_of(recipes), self.prices)
        self._check_costs(costs)
        with np.errstate(invalid="ignore", over="ignore"):
            value = self.aim.value(losses, self.reference.losses, costs)
            each = [limit.excess(losses, self.reference.losses, costs) for limit in self.limits]
        excess = np.stack(each) if each else np.zeros((0, len(recipes)))
        sane = np.isfinite(excess).all(axis=0) & np.isfinite(value)
        sane &= np.all([np.isfinite(loss) & (loss > 0) for loss in losses.values()], axis=0)
        value = np.where(sane, value, np.inf)
        return Samples(branch, shares, losses, costs, value, np.where(sane, excess, np.inf))

    def _check_costs(self, costs: Mapping[str, FloatArray]) -> None:
        wanted = [limit.quantity for limit in self.limits if limit.is_cost]
        if self.aim.kind == "cheapest":
            wanted.append(self.aim.cost)
        for name in wanted:
            if name not in costs:
                raise DataError(f"{name} cannot be worked out: give {COSTS[name].needs}.")

    def losses(self, recipes: Sequence[Recipe]) -> dict[str, FloatArray]:
        """Domain -> final loss of n recipes, shape (n,), nats per token."""

        def predicted(domain: DomainFit, points: Points) -> FloatArray:
            return domain.loss(points)

        return self._each(recipes, predicted)

    def reference_draws(self, ensemble: Ensemble) -> dict[str, FloatArray]:
        """Domain -> loss that changes are against by every refit, shape (refits, 1)."""
        at = self.reference.place
        if at is None:
            return {}
        return {role: ensemble.losses(role, at) for role in self.roles}

    def draws(self, ensemble: Ensemble, recipes: Sequence[Recipe]) -> dict[str, FloatArray]:
        """Domain -> final loss of n recipes by every refit, shape (refits, n)."""

        def drawn(domain: DomainFit, points: Points) -> FloatArray:
            return ensemble.losses(domain.role, points)

        return self._each(recipes, drawn)

    def _each(
        self, recipes: Sequence[Recipe], work: Callable[[DomainFit, Points], FloatArray]
    ) -> dict[str, FloatArray]:
        """What `work` gives for the last step of every recipe, along the last axis."""
        groups: dict[int, list[int]] = defaultdict(list)
        for i, recipe in enumerate(recipes):
            groups[id(recipe.start)].append(i)
        order: list[int] = []
        parts: dict[str, list[FloatArray]] = {role: [] for role in self.roles}
        for mine in groups.values():
            for first in range(0, len(mine), _AT_ONCE):
                some = mine[first : first + _AT_ONCE]
                order += some
                points = ends([recipes[i] for i in some], self.fit)
                with np.errstate(all="ignore"):  # what is not a loss is left out
                    for role in self.roles:
                        parts[role].append(work(self.fit.domain(role), points))
        back = np.argsort(np.array(order, dtype=np.int64))
        return {role: np.concatenate(found, axis=-1)[..., back] for role, found in parts.items()}


def ends(recipes: Sequence[Recipe], fit: Fit) -> Points:
    """The last step of n recipes that share a start."""
    start = recipes[0].start.history
    every = [start, *histories(recipes)]
    last = np.array([start.steps + r.schedule.steps for r in recipes], dtype=np.int64)
    return Points(every, np.arange(1, len(every)), last, fit.convention, start.steps)


def end(recipe: Recipe, fit: Fit) -> Points:
    """The last step of one recipe, on its history alone."""
    return Points.at_ends([recipe.history], fit.convention)
