"""cptlaw pilot, and the benchmark of its choices."""

import json

import pytest

import command
from bundled import grid_fit
from cptlaw import Goal, Study, datasets, store
from cptlaw.decisions.pilot import Budget
from cptlaw_evidence import pilots as replay

GOAL = ("--goal", "cpt=1 pt=0.3", "--budget", "1700steps")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    path = tmp_path_factory.mktemp("fit") / "fit.json"
    store.save(grid_fit(), path)
    return path


def test_the_next_runs_are_named_with_their_gain(fitted):
    words = (*GOAL, "--count", 2, "--peak", 1e-3, "--replay", 0, 0.25, "--json")
    ended = command.run("pilot", fitted, *words)
    assert ended.status == 0, ended.stderr
    found = json.loads(ended.stdout)
    one, two = found["pilots"]
    assert one["cost"] == two["cost"] == 800
    assert found["cost"] <= found["budget"]["amount"] == 1700
    assert found["goal"] == {"cpt": 1.0, "pt": 0.3}
    assert one["regret_after"] == two["regret_before"] < one["regret_before"]
    assert 0 < one["uncertainty_removed"] < two["uncertainty_removed"] < 1


def test_the_text_says_why_and_what_next(fitted, tmp_path):
    out = tmp_path / "next"
    ended = command.run("pilot", fitted, *GOAL, "--schedule", "cosine 800 to 0", "-o", out)
    assert ended.status == 0, ended.stderr
    assert ended.stdout.startswith('Do this run next: "cosine 800 to 0 from=0.001" after base. It')
    plain = " ".join(ended.stdout.split())
    assert "Of the runs to choose from, cosine-after-base" in plain
    assert "It shows what no run so far does: an LR that ends at 0 % of its peak." in plain
    assert "what your runs do not decide may make it far larger" in plain
    assert f"wrote {out / 'study.toml'}" in ended.stderr
    assert "cptlaw lab sweep" in ended.stderr


def test_targets_may_be_other_runs_than_the_pilots(fitted):
    words = ("--steps", 100, "--target", "cosine 8000 to 0", "constant 8000", "--json")
    ended = command.run("pilot", fitted, *GOAL, *words)
    found = json.loads(ended.stdout)
    assert found["pilots"][0]["cost"] == 100
    assert {found["best"], found["rival"]} == {
        "target-cosine-after-base",
        "target-constant-after-base",
    }


def test_first_runs(tmp_path):
    words = ("--new", "--model-size", 150e3, "--budget", "5000steps")
    ended = command.run("pilot", *words, "-o", tmp_path / "first")
    assert ended.status == 0, ended.stderr
    assert "identifies annealing" in ended.stdout
    assert (tmp_path / "first" / "experiment.toml").exists()
    shape = json.loads(command.run("pilot", *words, "--json").stdout)
    assert len(shape["pilots"]) == 7
    assert shape["goal"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--budget", "5steps"], "give FIT"),
        (["FIT", "--budget", "900steps"], "give --goal"),
        (["FIT", "--budget", "900", "--goal", "cpt=1"], "budget '900'"),
        (["FIT", "--budget", "9steps", "--goal", "cpt=1"], "allows none"),
        (["FIT", "--budget", "900steps", "--goal", "cpd=1"], "Did you mean 'cpt'"),
        (["FIT", *GOAL, "--after", "bose"], "Did you mean 'base'"),
        (["FIT", *GOAL, "--model-size", "9"], "belongs to --new"),
        (["FIT", *GOAL, "--experiment", "x.toml"], "give -o DIR too"),
        (["FIT", *GOAL, "-o", "FIT"], "is a file; name a folder"),
        (["--new", "--budget", "900steps"], "needs --model-size"),
        (["--new", "--budget", "900steps", "--model-size", "9", "--goal", "cpt=1"], "--goal"),
        (["FIT", "--new", "--budget", "900steps", "--model-size", "9"], "without a fit"),
        (["published:fineweb-kp-106m", *GOAL], "published coefficients"),
        (["nothing.json", *GOAL], "there is no such file"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_a_mend(fitted, words, message):
    ended = command.run("pilot", *(fitted if word == "FIT" else word for word in words))
    assert ended.status == 2
    assert message in ended.stderr
    assert ended.stdout == ""


# --- the benchmark --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pool():
    study = datasets.load(replay.GRID)
    return replay.Pool(Study({role: study.domains[role] for role in ("pt", "cpt")}, study.runs))


def test_the_pool_has_no_run_that_a_choice_could_not_have(pool):
    names = {run.name for run in pool.candidates}
    assert {"cpt-wsd", "half-linear", "mixed-const-replay0.5", "early-const"} <= names
    assert not names & {"cpt-const", "batch128", "hidden-cpt", "size-cpt-s-const"}
    assert not any(run.curves for run in pool.candidates)


def test_random_choices_keep_the_budget(pool):
    sets = replay.random_sets(pool, Budget(1700, "steps"), 5)
    assert [len(done) for done in sets] == [2] * 5
    assert len(set(sets)) > 1
    assert replay.random_sets(pool, Budget(1700, "steps"), 5) == sets


def test_a_run_that_is_done_is_known(pool):
    goal = Goal.parse("cpt=1", [run for run in pool.candidates if run.name in ("cpt-wsd",)])
    done = frozenset(["cpt-wsd"])
    assert pool.finals(done)["cpt"]["cpt-wsd"] == pool.true["cpt"]["cpt-wsd"]
    assert "cpt-wsd" not in pool.errors(done)["cpt"]
    assert pool.regret(goal, done) == 0
    assert pool.fit(done) is pool.fit(done)


def test_a_choice_is_played_through(pool):
    goal = replay.goals(pool)["replay, cpt=0.7 pt=0.3"]
    names = replay.chosen(pool, goal, Budget(800, "steps"))
    assert len(names) == 1
    assert names[0].startswith("mixed")
    none = frozenset[str]()
    assert pool.regret(goal, none) > 0.02
    assert pool.regret(goal, frozenset(names)) < 0.02
    assert pool.error(goal, frozenset(names)) < pool.error(goal, none)
