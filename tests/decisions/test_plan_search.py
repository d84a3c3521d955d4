"""The planner's optimum against dense grids, on random problems."""

import json
from unittest import mock

import numpy as np
import pytest

from command import run
from cptlaw import plan
from cptlaw.decisions.plan import search as searching
from cptlaw.decisions.plan.search import Search, lattice, search
from cptlaw_evidence.plans import brute, problems
from cptlaw_evidence.plans.brute import AGREE
from plans import ANNEALED, knobs

SEEDS = (10, 14, 17, 20, 22, 26, 35, 38, 44, 58)
"""Sums and cheapest; published and fitted laws; one or two numbers; one cannot be kept.

The command below is tried on three numbers, and on the worst of two domains.
"""


@pytest.mark.parametrize("seed", SEEDS)
def test_the_optimum_agrees_with_a_grid(seed):
    found = brute.compare(problems.problem(seed))
    assert abs(found.closer) <= AGREE and found.dense <= AGREE
    assert found.looked_at < 3000 < 20 * found.looked_at


def test_a_poor_search_is_found_out():
    def coarse(judge):
        looked = Search(judge)
        for i, branch in enumerate(judge.branches):
            looked.look(i, lattice(len(branch.axes), fine=False))
        return looked

    with mock.patch.object(brute, "search", coarse):
        found = brute.compare(problems.problem(10))
    assert found.closer > 10 * AGREE


def test_with_very_many_branches_coarse_lattices_choose_among_them(simple, monkeypatch):
    several = knobs(family="cosine,wsd,constant", after=("base", "base@1000", ANNEALED))
    whole = plan(simple, "cpt=1", several)
    monkeypatch.setattr(searching, "_MOST", 150)
    told: list[str] = []
    chosen = plan(simple, "cpt=1", several, progress=told.append)
    assert "9 combinations of what is listed ..." in told
    assert sum(line.startswith("recipes of every kind") for line in told) < 9
    assert chosen.best.value == pytest.approx(whole.best.value, abs=1e-6)
    assert chosen.best.recipe.family == whole.best.recipe.family
    assert chosen.best.recipe.start.text == whole.best.recipe.start.text


def test_the_seed_makes_the_problem():
    one, again, other = (problems.problem(seed) for seed in (3, 3, 4))
    assert one.words == again.words != other.words
    assert one.judge.limits == again.judge.limits


def test_problems_are_of_every_kind():
    made = [problems.problem(seed) for seed in range(40)]
    assert {m.judge.aim.kind for m in made} == {"sum", "worst", "cheapest"}
    assert {m.judge.aim.measure for m in made} == {"loss", "change", "perplexity"}
    assert {len(b.axes) for m in made for b in m.judge.branches} >= {1, 2, 3}
    families = {b.family for m in made for b in m.judge.branches}
    assert families == {"constant", "cosine", "linear", "power", "wsd", "free"}
    assert len({m.words.partition(":")[0] for m in made}) >= 4


@pytest.fixture(scope="module")
def judged():
    """The judge of the cheapest run within two limits, and what its search has looked at."""
    judge = problems.problem(10).judge
    return judge, search(judge).samples


@pytest.mark.parametrize(
    ("mine", "its", "expected"),
    [
        ((0.0, 0.0), (0.0, 0.0), 0.0),
        ((0.0, 0.0), (0.1, 0.0), 0.0),
        ((0.1, 0.0), (0.0, 0.0), np.inf),
    ],
)
def test_who_keeps_the_limits_comes_first(judged, mine, its, expected):
    judge, samples = judged
    best = samples.where(np.array([0]))
    with_limits = [best._replace(excess=np.array(over)[:, None]) for over in (mine, its)]
    assert brute._above(judge, *with_limits) == expected


def test_steps_count_in_nats(judged):
    judge, samples = judged
    best = samples.where(np.array([0]))
    longer = best._replace(value=best.value * 1.1)
    above = brute._above(judge, longer, best)
    assert above == pytest.approx(brute._worth(judge, longer) * np.log(1.1))
    assert 0 < above < 0.1


def test_the_command_tells_agreement_and_speed():
    asked = []

    def chosen(seed):
        asked.append(seed)
        return problems.problem((1, 44)[seed])  # three numbers of the worst domain, one of a sum

    with mock.patch.object(brute, "problem", chosen):
        ended = run("bench", "plans", "--problems", "2", "--json")
    assert ended.status == 0, ended.stderr
    assert asked == [0, 1]
    told = json.loads(ended.stdout)
    assert (told["problems"], told["agree"], told["missed"]) == (2, 2, 0)
    assert told["recipes_a_second"] > 0 and told["plan"]["looked_at"] > 500
    assert [row["seed"] for row in told["rows"]] == [1, 44]
    for row in told["rows"]:
        assert abs(row["above"]) <= AGREE and row["above_dense"] <= AGREE
        assert row["looked_at"] < 3000 < 20 * row["looked_at"]
    assert "2 of 2 random problems agree with a grid to 0.0001 nats" in brute.to_text(told)


def test_problems_that_do_not_agree_are_named():
    told = {
        **{"problems": 2, "agree": 0, "missed": 1, "better": 0, "feasible": 2, "inside": 1},
        **{"mean": None, "worst": None, "worst_of_dense": 0.0},
        **{"looked_at": 9.0, "recipes_a_second": 9.0, "grid_size": 9.0},
        "rows": [
            {"seed": 5, "above": None, "problem": "cpt=1"},
            {"seed": 6, "above": 3e-4, "problem": "pt=1"},
        ],
        "plan": {"seconds": 1.0, "looked_at": 9},
    }
    text = brute.to_text(told)
    assert "seed 5: breaks limits that the grid keeps; cpt=1" in text
    assert "seed 6: 0.0003 nats above the grid; pt=1" in text and "without bound" in text
