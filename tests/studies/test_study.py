import numpy as np
import pytest

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study

CURVE = Curve([0, 5, 10], [4.0, 3.5, 3.2])
DOMAINS = {"pt": "general"}


def run(name, lr=1e-4, steps=10, **values):
    curves = values.pop("curves", {"general": CURVE})
    return Run(name, curves, schedule=Schedule.constant(lr, steps), **values)


def chain():
    """A base, its annealed branch from step 6, a CPT after that, and one more CPT stretch."""
    return Study(
        DOMAINS,
        (
            run("base", 1, model_size=1e8),
            run("branch", 2, after="base", after_step=6),
            run("cpt", 3, data="cpt", after="branch", replay=0.25, batch_tokens=4e6),
            run("more", 4, data="cpt", after="cpt", after_step=3, replay=0.25, batch_tokens=4e6),
        ),
    )


# --- what a study refuses ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], "at least one run"),
        ([run("a"), run("a")], "two runs are named 'a'"),
        ([Run("a", {"general": CURVE})], "run 'a': its log has no learning rate"),
        ([run("a", steps=9)], "goes to step 10, but its schedule ends at 9"),
        ([run("a"), run("b", after="aa")], "after = 'aa': the study has no such run"),
        ([run("a", after="b"), run("b", after="a")], "in a cycle: a -> b -> a"),
        ([run("a", after="a")], "in a cycle: a -> a"),
        ([run("a"), run("b", after="a", after_step=11)], "run 'a' has steps 1 to 10"),
        ([run("a"), run("b", after="a", after_step=0)], "after_step = 0"),
        ([run("a", data="cpt"), run("b", after="a")], "PT data after the CPT run 'a'"),
        ([run("a", after="unknown:llama")], "PT data after the open model 'llama'"),
        (
            [
                run("a"),
                run("b", data="cpt", after="a", replay=0.5),
                run("c", data="cpt", after="b"),
            ],
            "a share that changes along a CPT",
        ),
        (
            [
                run("a"),
                run("b", data="cpt", after="a", batch_tokens=100.0, sequence_length=10),
                run("c", data="cpt", after="b", batch_tokens=200.0, sequence_length=10),
            ],
            "a batch of 200x10 .* goes on from 'b' with 100x10",
        ),
        (
            [run("a", model_size=1e8), run("b", after="a", model_size=2e8)],
            r"run 'b' has model_size = 2e8, but it goes on from run 'a' with 1e8",
        ),
        (
            [
                run("a", model_size=1e8),
                run("b", after="a"),
                run("c", after="b", model_size=2e8),
            ],
            r"run 'c' has model_size = 2e8, but it goes on from run 'a'",
        ),
    ],
)
def test_runs_that_do_not_go_together(runs, words):
    with pytest.raises(DataError, match=words):
        Study(DOMAINS, tuple(runs))


@pytest.mark.parametrize(
    ("domains", "words"),
    [
        ({}, "at least one domain"),
        ({"law": "general"}, r"'law': expected pt, cpt, loss or ood\.NAME"),
        ({"pt": "genral"}, r"no log has a column 'genral'\. Did you mean 'general'\?"),
    ],
)
def test_domains_that_are_not_there(domains, words):
    with pytest.raises(DataError, match=words):
        Study(domains, (run("a"),))


def test_a_column_may_be_missing_in_some_runs():
    Study({"pt": "general", "ood.code": "code"}, (run("a"), run("b", curves={"code": CURVE})))


# --- histories --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "step", "pt", "cpt"),
    [
        ("base", None, [1] * 10, []),
        ("base", 4, [1] * 4, []),
        ("branch", None, [1] * 6 + [2] * 10, []),
        ("cpt", 2, [1] * 6 + [2] * 10, [3] * 2),
        ("cpt", 0, [1] * 6 + [2] * 10, []),
        ("more", None, [1] * 6 + [2] * 10, [3] * 3 + [4] * 10),
    ],
)
def test_history(name, step, pt, cpt):
    history = chain().history(name, step)
    assert history.pt_lr.tolist() == pt
    assert history.cpt_lr.tolist() == cpt
    assert history.lr.tolist() == pt + cpt
    assert history.steps == len(pt + cpt)
    assert history.is_cpt == bool(cpt)
    assert history.phase_lr.tolist() == (cpt or pt)
    assert history.phase_start == (len(pt) if cpt else 0)
    assert history.last_lr == (cpt or pt)[-1]


@pytest.mark.parametrize("step", [11, -1])
def test_a_history_past_the_run(step):
    with pytest.raises(DataError, match=f"run 'base' has steps 0 to 10, not {step}"):
        chain().history("base", step)


def test_a_history_knows_its_run():
    history = chain().history("more")
    assert (history.replay, history.model_size, history.batch) == (0.25, 1e8, (4e6, None))
    assert chain().history("branch").replay == 0


def test_the_history_before_a_run():
    study = chain()
    assert study.before(study.run("base")).last_lr == 0
    assert study.before(study.run("branch")).pt_lr.tolist() == [1] * 6
    assert study.before(study.run("more")).cpt_lr.tolist() == [3] * 3


def test_an_unknown_base_has_no_past():
    study = Study(DOMAINS, (run("a", data="cpt", after="unknown:llama"),))
    history = study.history("a")
    assert history.unknown_base == "llama"
    assert history.pt_lr.size == 0
    assert history.cpt_lr.size == 10
    assert history.phase_start == 0


@pytest.mark.parametrize(
    ("history", "has_base"),
    [
        (History([], []), False),
        (History([], [1.0]), False),
        (History([1.0], []), True),
        (History([], [], unknown_base="llama"), True),
    ],
)
def test_a_history_has_a_base_or_none(history, has_base):
    assert history.has_base == has_base


@pytest.mark.parametrize(
    ("name", "step", "place"),
    [
        ("base", 0, ("base", 0)),
        ("branch", 3, ("branch", 3)),
        ("branch", 0, ("base", 6)),
        ("cpt", 0, ("branch", 10)),
        ("more", 0, ("cpt", 3)),
    ],
)
def test_location(name, step, place):
    study = chain()
    assert study.location(study.run(name), step) == place


def test_histories_are_compared_by_value():
    assert chain().history("cpt") == chain().history("cpt")
    assert chain().history("cpt") != chain().history("cpt", 5)


# --- the rest ---------------------------------------------------------------------------------


def test_finding_runs():
    study = chain()
    assert study.run("cpt").name == "cpt"
    assert study.has_run("more") and not study.has_run("mor")
    with pytest.raises(DataError, match=r"'mor': the study has no such run. Did you mean 'more'\?"):
        study.run("mor")


def test_has_cpt():
    assert chain().has_cpt
    assert not Study(DOMAINS, (run("a"), run("b", after="a"))).has_cpt
    hidden = Study(DOMAINS, (run("a"), run("b", data="cpt")))
    assert not hidden.has_cpt


def test_without_keeps_the_histories():
    study = chain()
    fewer = study.without(["branch", "more"])
    assert [r.name for r in fewer.runs if r.curves] == ["base", "cpt"]
    assert fewer.history("more") == study.history("more")
    with pytest.raises(DataError, match="'x': the study has no such run"):
        study.without(["x"])
    with pytest.raises(DataError, match="every run is held out"):
        study.without(["base", "branch", "cpt", "more"])


def test_notes_are_said_once_and_only_of_columns_in_use():
    common = "steps start at 0."
    study = Study(
        DOMAINS,
        (
            run("a", notes=(common, "'general': 2 rows were dropped.")),
            run("b", notes=(common, "'other': 1 row was dropped.")),
        ),
        notes=("a note of the study.",),
    )
    assert study.all_notes == (
        "a note of the study.",
        f"every run: {common}",
        "run 'a': 'general': 2 rows were dropped.",
    )


def test_notes_of_some_runs():
    study = Study(DOMAINS, (run("a", notes=("x",)), run("b", notes=("x",)), run("c")))
    assert study.all_notes == ("run 'a', 'b': x",)


def changed(**values):
    runs = [run("a"), run("b", data="cpt", after="a", **values)]
    return Study(DOMAINS, tuple(runs)).fingerprint


@pytest.mark.parametrize(
    "values",
    [
        {"lr": 1.1e-4},
        {"steps": 11},
        {"replay": 0.1},
        {"after_step": 9},
        {"model_size": 1e8},
        {"batch_tokens": 4e6},
        {"sequence_length": 4096},
        {"curves": {"general": Curve([0, 5, 10], [4.0, 3.5, 3.2001])}},
        {"curves": {"general": Curve([0, 5, 9], [4.0, 3.5, 3.2])}},
        {"curves": {"general": Curve([0, 5, 10], [4.0, 3.5, 3.2], window=2)}},
    ],
    ids=lambda values: next(iter(values)),
)
def test_the_fingerprint_sees_every_number_of_a_fit(values):
    assert changed(**values) != changed()


@pytest.mark.parametrize(
    "values",
    [
        {"notes": ("said",)},
        {"origin": "elsewhere.csv"},
        {"curves": {"general": CURVE, "not used": CURVE}},
    ],
    ids=lambda values: next(iter(values)),
)
def test_the_fingerprint_sees_nothing_else(values):
    assert changed(**values) == changed()


def test_neither_fingerprint_nor_histories_depend_on_the_order():
    study = chain()
    turned = Study(DOMAINS, study.runs[::-1])
    assert turned.fingerprint == study.fingerprint
    assert turned.history("more") == study.history("more")
    same = Schedule.from_array(np.full(10, 1e-4))
    assert Run("a", schedule=same).schedule.lr().tolist() == run("a").schedule.lr().tolist()


def test_runs_of_one_base_share_its_learning_rates():
    study = Study(
        DOMAINS,
        (run("base"), run("a", data="cpt", after="base"), run("b", data="cpt", after="base")),
    )
    assert study.history("a").pt_lr is study.history("b").pt_lr


def test_a_study_knows_after_which_steps_runs_are_left():
    assert chain().left_at == {"base": (6,), "branch": (10,), "cpt": (3,)}
