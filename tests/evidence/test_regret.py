"""What choices cost: what there is to choose, decisions, figures, text, command."""

import json
from unittest import mock

import numpy as np
import pytest

from command import run
from cptlaw import datasets
from cptlaw.decisions.goal import Goal
from cptlaw.fitting.uncertainty import Interval, ensemble_of
from cptlaw.forecasting.intervals import contrast
from cptlaw.laws.points import Points
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study
from cptlaw_evidence import fits, regret
from cptlaw_evidence.regret import measuring
from cptlaw_evidence.regret.choices import GOALS, PROTOCOLS, Choice, choices_of
from cptlaw_evidence.regret.decisions import Decision, decide, difference
from cptlaw_evidence.regret.measuring import Regret
from cptlaw_evidence.regret.summary import TARGET
from cptlaw_evidence.regret.text import FITTED, law_table
from cptlaw_evidence.sources import loading, lr_schedules, repeats
from cptlaw_evidence.sources.source import Curves

FINALS = {
    "a": {"pt": 3.0, "cpt": 2.9},
    "b": {"pt": 3.2, "cpt": 2.7},
    "c": {"pt": 3.4, "cpt": 2.71},
}


def choice(goal="cpt=1", usual=("c",)):
    return Choice("grid-far", "800 CPT steps", goal, FINALS, usual)


def decision(
    chosen="c", value=-0.01, reach=0.03, warned=False, law="paper", goal="cpt=1", expected=0.01
):
    difference = Interval(value, value - reach, value + reach)
    return Decision(law, choice(goal), chosen, difference, warned, expected)


@pytest.fixture(scope="module")
def grid():
    return loading.load(("grid-schedule", "grid-replay", "grid-far"))


def schedules(kinds=("constant", "cosine10", "wsd0.2-linear"), steps=(15_000, 25_000)):
    """Runs of the public schedules, with final losses that fall with the peak."""
    runs, finals = [], {}
    for peak in lr_schedules.PEAKS:
        for length in steps:
            for kind in kinds:
                name = f"{kind}_lr{peak}_T{length}"
                curve = {"val_loss": Curve(np.array([length]), np.array([3.0]))}
                plan = lr_schedules.schedule(kind, float(peak), length)
                runs.append(Run(name, curve, schedule=plan, data="pt"))
                finals[name] = 3.2 - 100 * float(peak)
    return Curves(lr_schedules.NAME, {"s": Study({"loss": "val_loss"}, tuple(runs))}, (), finals)


# --- what there is to choose -----------------------------------------------------------------


def test_the_cost_of_a_choice_is_above_the_best_run():
    assert choice().best == "b" and choice("pt=1").best == "a"
    assert choice().cost(["c"]) == pytest.approx(0.01)
    assert choice().cost(FINALS) == pytest.approx((0.2 + 0.0 + 0.01) / 3)
    assert choice("cpt=1 pt=1").cost(["a"]) == 0


def test_choices_of_the_grid_differ_in_what_a_plan_decides(grid):
    found = choices_of("grid-schedule", grid.curves["tiny-grid"])
    assert [c.goal for c in found] == list(GOALS)
    assert [c.among for c in found] == ["800 CPT steps"] * 3
    runs = set(found[0].finals)
    assert runs >= {"cpt-cosine", "half-wsd", "early-const", "rewarmed-half"}
    assert not runs & {"batch128", "size-cpt-s-const", "hidden-cpt-cosine", "repeat-const"}
    assert not any("replay" in run for run in runs)
    replay = choices_of("grid-replay", grid.curves["tiny-grid"])
    assert {r for r in replay[0].finals if r not in runs} == {
        f"mixed-const-replay{share}" for share in (0.05, 0.1, 0.25, 0.5)
    }
    assert {c.usual for c in (*found, *replay)} == {("half-cosine",)}


def test_choices_of_the_larger_grid():
    curves = loading.load(("20m-near",)).curves["grid-20m"]
    near = choices_of("20m-near", curves)
    assert [(c.among, c.usual) for c in near] == [("1200 CPT steps", ("cpt-cosine",))] * 3
    kinds = ("cpt-const", "cpt-cosine", "cpt-twostage", "half-wsd", "rewarmed-cosine")
    assert set(near[0].finals) == {*kinds, "early-const"}
    replay = choices_of("20m-replay", curves)
    mixed = {"mixed-wsd-replay0.05", "mixed-const-replay0.25"}
    assert set(replay[0].finals) == {*near[0].finals, *mixed}


def test_a_repetition_counts_in_the_mean(grid):
    finals = repeats.measured_finals(grid.curves["tiny-grid"])
    study = datasets.load("tiny-grid")
    two = [study.run(n).curves["code"].loss[-1] for n in ("cpt-const", "repeat-const")]
    assert finals["cpt-const"]["cpt"] == pytest.approx(np.mean(two))
    noise = repeats.final_noise(grid.curves["tiny-grid"])
    assert set(noise) == {"pt", "cpt"} and 0 < noise["cpt"] < 0.02


@pytest.mark.parametrize(
    ("protocol", "sets"),
    [
        ("two-peaks", ["both peaks"]),
        ("peak-up", ["peak 0.001", "both peaks"]),
        ("peak-down", ["peak 0.0005", "both peaks"]),
    ],
)
def test_runs_at_one_peak_choose_at_the_other_and_at_both(protocol, sets):
    found = choices_of(protocol, schedules())
    assert [c.among for c in found] == [
        f"{length} steps, {where}" for where in sets for length in (15_000, 25_000)
    ]
    assert [len(c.finals) for c in found] == [3 if "peak 0" in c.among else 6 for c in found]
    assert all(name.startswith("cosine10") for c in found for name in c.usual)


def test_a_single_run_is_no_choice():
    found = choices_of("peak-up", schedules(("constant",)))
    assert [c.among for c in found] == ["15000 steps, both peaks", "25000 steps, both peaks"]


# --- decisions -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decided(grid):
    """What the paper's law chooses on the farther domain."""
    choices = {"grid-far": choices_of("grid-far", grid.curves["tiny-grid-far"])}
    splits = {"grid-far": grid.splits["grid-far"] * 2}  # as if its runs were shown in two parts
    (task,) = fits.tasks(splits, ["paper"])
    return choices, splits, decide(choices, task, splits)


def test_the_run_with_the_lowest_forecast_is_chosen(decided):
    choices, splits, (found, failed) = decided
    assert failed == [] and [d.choice for d in found] == list(choices["grid-far"])
    split = splits["grid-far"][0]
    fit = fits.fit_of(split.fitted, "paper")
    for one in found:
        goal, runs = Goal.parse(one.choice.goal), list(one.choice.finals)
        ends = [Points.at_ends([split.study.history(run)], fit.convention) for run in runs]
        losses = {r: [float(fit.domain(r).loss(end)[0]) for end in ends] for r in goal.weights}
        assert one.chosen == runs[int(np.argmin(goal.value(losses)))]
        assert one.regret == one.choice.cost([one.chosen]) >= 0
        assert one.difference.low <= one.difference.value <= min(0, one.difference.high)


def test_the_difference_of_one_domain_is_its_contrast(decided):
    split = decided[1]["grid-far"][0]
    ensemble = ensemble_of(fits.fit_of(split.fitted, "paper"))
    fit, study = ensemble.fit, split.study
    runs = ("far-const", "far-cosine")
    ends = [Points.at_ends([study.history(run)], fit.convention) for run in runs]
    one = contrast(ensemble, "cpt", *ends)
    alone = difference(ensemble, Goal({"cpt": 1.0}), *ends)
    assert (alone.value, alone.low) == pytest.approx((one.value, one.low))
    other = contrast(ensemble, "pt", *ends)
    both = difference(ensemble, Goal({"cpt": 1.0, "pt": 0.5}), *ends)
    reach = np.hypot(one.high - one.value, 0.5 * (other.high - other.value))
    assert both.value == pytest.approx(one.value + 0.5 * other.value)
    assert both.high - both.value == pytest.approx(reach)


def test_a_law_that_does_not_apply_is_told(decided):
    choices, splits, _ = decided
    (task,) = fits.tasks(splits, ["eq1"])
    found, (told,) = decide(choices, task, splits)
    assert found == [] and told["protocol"] == "grid-far"
    assert told["why"].startswith("does not apply")


def test_laws_are_named_once():
    assert len(set(regret.LAWS)) == len(regret.LAWS)
    assert {"effective", "paper", "average", "eq10", "multi-power"} <= set(regret.LAWS)
    assert not {"eq4", "unknown-pt", "last-value"} & set(regret.LAWS)


# --- figures, text, command ------------------------------------------------------------------


def shaped(decisions, laws=("paper",)):
    choices = tuple({d.choice.key: d.choice for d in decisions}.values())
    gone = {"protocol": "two-peaks", "why": "not here."}
    noise = {"tiny-grid": {"cpt": 0.0026}, "tiny-grid-far": {}}
    return regret.shape(Regret(laws, choices, tuple(decisions), noise, (gone,), 1, 2.0))


def test_a_law_is_summed_up():
    some = [
        decision("b", 0.0, goal="cpt=1"),
        decision("a", reach=0.5, goal="cpt=1 pt=0.3", warned=True),
        decision("b", reach=0.02, goal="pt=1"),
    ]
    (law,) = shaped(some)["laws"]
    regrets = [d.regret for d in some]
    assert regrets == pytest.approx([0.0, 0.14, 0.2]) and max(regrets) > TARGET
    assert law["mean"] == pytest.approx(np.mean(regrets)) and law["worst"] == pytest.approx(0.2)
    assert (law["within_target"], law["missed"], law["warned"]) == (1, 2, 1)
    assert law["expected"] == pytest.approx(0.01)
    assert (law["not_best"], law["covered"]) == (2, 1)
    assert law["reach"] == pytest.approx((0.5 + 0.02) / 2)


def test_text_and_page_mark_what_an_interval_does_not_cover():
    result = shaped([decision("a", reach=0.01), decision("c", goal="pt=1", reach=1.0)])
    text, page = regret.to_text(result), regret.to_markdown(result, "cptlaw bench regret")
    for words in (".2000!", "(random)", "(usual)", "two-peaks: not here.", ".0026 (cpt)"):
        assert words in text and words in page
    assert ".4000!" not in page and "| .4000 |" in page
    assert "Made by `cptlaw bench regret`" in page
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_a_law_that_chose_nothing_is_not_in_the_tables():
    result = shaped([decision()], laws=("paper", "eq1"))
    assert result["laws"][1]["mean"] is None
    assert [row[0] for row in law_table(result).rows] == [
        "paper",
        "(usual)",
        "(random)",
    ]


def test_every_protocol_is_explained():
    assert set(FITTED) == set(PROTOCOLS) <= set(loading.names())


def test_the_command_chooses_on_the_bundled_grid(tmp_path):
    with mock.patch.object(measuring, "PROTOCOLS", ("two-peaks", "grid-far")):
        words = ("--law", "paper", "--jobs", "1", "--json", "-o", tmp_path / "page.md")
        ended = run("bench", "regret", *words)
    assert ended.status == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert [row["goal"] for row in told["rows"]] == list(GOALS)
    assert told["left_out"][0]["protocol"] == "two-peaks"
    assert "only the bundled grid" in ended.stderr
    assert "## Laws" in (tmp_path / "page.md").read_text()


@pytest.mark.parametrize("words", [("--law", "eq99"), ("--data", "/nowhere")])
def test_what_there_is_not_is_refused(words):
    ended = run("bench", "regret", *words)
    assert ended.status == 2 and ended.stderr.splitlines()[-1].startswith("error: ")
