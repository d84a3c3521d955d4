"""What runs cost: each cost where it is known, the same for a budget as for a plan."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import Budget, Prices, Run, Schedule
from cptlaw.decisions.cost import COSTS, Work, costs_of

STEPS = np.array([100.0, 200.0])
WORK = Work(STEPS, np.full(2, 1000.0), np.full(2, 1e6), np.array([1.0, 0.75]))
PRICES = Prices(tokens_per_second=50.0, price=2.0, domain_tokens=2e4)


def test_every_cost_is_told():
    found = costs_of(WORK, PRICES)
    assert tuple(found) == tuple(COSTS)
    assert found["flops"].tolist() == [6e11, 1.2e12]
    assert found["passes"].tolist() == [5.0, 7.5]


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        ({"batch_tokens": None}, {"steps"}),
        ({"model_size": None}, {"steps", "tokens", "hours", "money", "passes"}),
        ({"domain_share": None}, {"steps", "tokens", "flops", "hours", "money"}),
    ],
)
def test_what_is_not_known_is_left_out(missing, left):
    assert set(costs_of(replace(WORK, **missing), PRICES)) == left


@pytest.mark.parametrize(
    ("prices", "left"),
    [
        (Prices(), {"steps", "tokens", "flops"}),
        (Prices(tokens_per_second=9.0), {"steps", "tokens", "flops", "hours"}),
        (Prices(price=9.0), {"steps", "tokens", "flops"}),
    ],
)
def test_what_has_no_price_is_left_out(prices, left):
    assert set(costs_of(WORK, prices)) == left


@pytest.mark.parametrize("unit", ["steps", "tokens", "FLOPs"])
def test_a_budget_counts_the_same(unit):
    lr = Schedule.constant(1e-3, 100)
    run = Run("a", schedule=lr, model_size=1e6, batch_tokens=1000.0)
    assert Budget(1.0, unit).cost(run) == costs_of(WORK)[unit.lower()][0]


def test_every_cost_says_what_it_needs():
    assert all(cost.words for cost in COSTS.values())
    assert [name for name, cost in COSTS.items() if not cost.needs] == ["steps"]
