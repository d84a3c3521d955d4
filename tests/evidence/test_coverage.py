"""How well intervals hold: collection, calibration, figures, text, command."""

import json
from dataclasses import astuple, fields, replace
from unittest import mock

import numpy as np
import pytest

from command import run
from cptlaw.errors import DataError
from cptlaw.fitting.observations import observe
from cptlaw.fitting.uncertainty import ensemble_of, limits
from cptlaw.forecasting.causes import causes, noise_of
from cptlaw.forecasting.intervals import scales
from cptlaw.forecasting.measured import Calibration
from cptlaw.laws.points import Points
from cptlaw_evidence import coverage, fits
from cptlaw_evidence.coverage import calibration, held_out, kinds, summary
from cptlaw_evidence.coverage.held_out import LEVELS, HeldOut
from cptlaw_evidence.coverage.measuring import GROUPS, Coverage, LawCoverage
from cptlaw_evidence.coverage.text import class_table
from cptlaw_evidence.sources import loading

FIELDS = [field.name for field in fields(Calibration)]
TRUE = replace(calibration.USUAL, refits=1.5, residual=0.5, size=4e-3)


def curve(seed, group, calibration=TRUE, protocol="two-peaks", name="run", n=300):
    """A curve whose errors are as a calibration says."""
    random = np.random.default_rng(seed)
    parts = np.zeros((n, len(FIELDS)))
    for name, values in (
        ("refits", random.uniform(1e-4, 5e-3)),
        ("residual", random.uniform(1e-3, 5e-3)),
        ("floor", 1.0),
        ("size", random.choice([0.0, 1.0])),
    ):
        parts[:, FIELDS.index(name)] = values
    scale = np.sqrt(((parts * np.array(astuple(calibration))) ** 2).sum(axis=1))
    error = scale * random.standard_t(4, n)
    rival = np.stack([[np.full(n, -w), np.full(n, w)] for w in (0.001, 0.002, 0.003)])
    return HeldOut(protocol, group, f"{name}{seed}", "loss", "paper", error, parts, rival)


@pytest.fixture(scope="module")
def many():
    return [curve(seed, f"source {seed % 3}") for seed in range(60)]


@pytest.fixture(scope="module")
def far():
    """The splits of the farther domain, and what a fit of Eq. 4 leaves of them."""
    splits = loading.load(("grid-far",)).splits
    (task,) = fits.tasks(splits, ["paper"])
    return splits, held_out.collect(task, splits)


# --- collection ------------------------------------------------------------------------------


def test_every_protocol_is_in_one_class():
    listed = [name for some in kinds.CLASSES.values() for name in some]
    assert sorted(listed) == sorted(loading.names())


def test_curves_are_those_held_back_with_their_errors(far):
    splits, (held, left_out) = far
    (split,) = splits["grid-far"]
    assert left_out == [] and [h.domain for h in held] == ["pt", "cpt"]
    fitted = fits.fit_of(split.fitted, "paper")
    observed = observe(split.study, "cpt", fitted.convention)
    mine = observed.run == observed.runs.index("far-cosine")
    predicted = fitted.domain("cpt").loss(observed.points)
    assert np.allclose(held[1].error, np.log(observed.loss / predicted)[mine])
    assert held[1].rival.shape == (len(LEVELS), 2, mine.sum())
    assert held[1].run.startswith("far-cosine, ")


def test_parts_times_a_calibration_are_the_scale(far):
    (split,) = far[0]["grid-far"]
    ensemble = ensemble_of(fits.fit_of(split.fitted, "paper"))
    history = split.study.history("far-cosine")
    at = history.steps - np.array([50, 0])
    points = Points.along(history, at, ensemble.fit.convention)
    parts = causes(ensemble, "cpt", points)
    found = np.sqrt(((parts * np.array(astuple(TRUE))) ** 2).sum(axis=1))
    assert np.allclose(found, scales(ensemble, "cpt", points, TRUE)[0])


def test_independent_resampling_is_surer_than_resampling_runs(far):
    (split,) = far[0]["grid-far"]
    fitted = fits.fit_of(split.fitted, "paper")
    observed = fitted.observed("cpt")
    rival = held_out.independent(fitted, 100)
    # 90 % of them; a few that go far decide on their standard deviation. 0.72 of refits that are
    # followed one by one to the minimum of their objective.
    draws = [e.losses("cpt", observed.points) for e in (rival, ensemble_of(fitted))]
    spread = [np.diff(limits(each, 0.9), axis=0) for each in draws]
    assert np.median(spread[0]) < 0.85 * np.median(spread[1])
    ends = held_out.independent_ends(rival, "cpt", observed.points)
    assert (np.diff(ends[:, 0], axis=0) < 0).all() and (np.diff(ends[:, 1], axis=0) > 0).all()
    within = (ends[2, 0] <= 0) & (ends[2, 1] >= 0)
    assert within.all() and noise_of(fitted, "cpt").residual < np.median(ends[2, 1])


def test_a_law_that_does_not_apply_is_told(far):
    splits = far[0]
    (task,) = fits.tasks(splits, ["eq1"])
    held, (told,) = held_out.collect(task, splits)
    assert held == [] and told["protocol"] == "grid-far" and told["law"] == "eq1"
    assert told["why"].startswith("does not apply")


def test_a_forecast_that_is_no_loss_is_told(far):
    splits = far[0]
    (task,) = fits.tasks(splits, ["paper"])
    with mock.patch.object(held_out, "_forecast", return_value=None):
        held, told = held_out.collect(task, splits)
    assert held == [] and "no finite forecast of 'far-cosine' on pt" in told[0]["why"]


# --- calibration -----------------------------------------------------------------------------


def test_a_calibration_is_found_again(many):
    found = calibration.calibrate(many)
    for name in ("refits", "residual", "size"):
        assert getattr(found, name) == pytest.approx(getattr(TRUE, name), rel=0.5), name


def test_what_no_curve_asks_for_keeps_its_usual_value(many):
    found, usual = calibration.calibrate(many), calibration.USUAL
    ratios = [getattr(found, n) / getattr(usual, n) for n in ("horizon", "start", "peak", "replay")]
    assert ratios == pytest.approx([ratios[0]] * 4, rel=1e-3)  # but for what widens all
    assert ratios[0] == pytest.approx(1, abs=0.25)


def test_sources_that_differ_make_all_intervals_wider(many):
    wild = [replace(h, error=3 * h.error) if h.group == "source 1" else h for h in many]
    alike = calibration.calibrate([replace(h, error=np.sqrt(3) * h.error) for h in many])
    found = calibration.calibrate(wild)
    assert found.horizon > 1.2 * alike.horizon  # which no curve asks for


def test_refits_that_say_nothing_do_not_count(many):
    def blind(h):
        parts = h.parts.copy()
        parts[:, 0] = 0.5
        return replace(h, parts=parts)

    with_some = [*many, *(blind(h) for h in many[:6])]
    assert astuple(calibration.calibrate(with_some)) == pytest.approx(
        astuple(calibration.calibrate(many)), rel=0.1
    )


def test_a_source_is_scored_with_the_calibration_of_the_others(many):
    wild = [replace(h, error=9 * h.error) if h.group == "source 1" else h for h in many]
    tame, changed = calibration.score(many)[1], calibration.score(wild)[1]
    assert tame["source 1"] == changed["source 1"]
    assert changed["source 0"].refits > 2 * tame["source 0"].refits


def test_every_source_weighs_the_same(many):
    held = [*many[:4], replace(many[4], group="big"), curve(99, "big", n=5000)]
    weights = calibration.point_weights(held)
    sizes = np.repeat([h.group == "big" for h in held], [h.error.size for h in held])
    groups = len({h.group for h in held})
    assert weights.sum() == pytest.approx(1) and weights[sizes].sum() == pytest.approx(1 / groups)


def test_the_constant_width_holds_each_levels_share(many):
    widths, weights = calibration.constant_widths(many), calibration.point_weights(many)
    size = np.abs(np.concatenate([h.error for h in many]))
    shares = [weights[size <= width].sum() for width in widths]
    assert shares == pytest.approx(LEVELS, abs=1e-3)


def test_one_source_is_not_enough(many):
    with pytest.raises(DataError, match="leave nothing to calibrate on"):
        calibration.score([h for h in many if h.group == "source 0"])


# --- figures ---------------------------------------------------------------------------------


def test_the_worth_of_an_interval():
    error, ends = np.array([0.0, 0.01, 0.03]), np.array([[-0.01] * 3, [0.01] * 3])
    within, last, width, score = calibration.worth(error, ends, 0.8)
    assert within == pytest.approx(2 / 3) and last == 0
    assert width == pytest.approx(2.0) and score == pytest.approx(2.0 + 10 * 2.0 / 3)


def test_calibrated_errors_are_covered_as_the_levels_say(many):
    figures = np.mean([s.figures for s in calibration.score(many)[0]], axis=0)
    assert figures[0, :, 0] == pytest.approx(LEVELS, abs=0.04)
    assert (np.diff(figures[0, :, 2]) > 0).all()


def test_intervals_beat_a_constant_width_where_scales_differ(many):
    figures = np.mean([s.figures for s in calibration.score(many)[0]], axis=0)
    assert figures[0, 2, 3] < figures[2, 2, 3]


def test_bands_come_from_resampled_runs():
    each = np.random.default_rng(0).uniform(0.5, 1.0, 400)
    low, high = summary.bands(each)
    half = 1.96 * each.std() / 20
    assert (low, high) == pytest.approx((each.mean() - half, each.mean() + half), abs=0.005)


@pytest.mark.parametrize(("share", "expected"), [(1.0, (0.292, 1.0)), (0.0, (0.0, 0.708))])
def test_where_all_runs_are_alike_their_number_makes_the_band(share, expected):
    low, high = summary.bands(np.full(3, share))
    assert (float(low), float(high)) == pytest.approx(expected, abs=1e-3)


# --- text and command ------------------------------------------------------------------------


def shaped(held):
    scored, without = calibration.score(held)
    law = LawCoverage("paper", calibration.calibrate(held), without, tuple(scored))
    gone = {"protocol": "tiny", "law": "paper", "why": "does not apply: no."}
    return coverage.shape(Coverage((law,), (gone,), 2, 3.0))


@pytest.fixture(scope="module")
def result(many):
    other = [replace(h, protocol="peak-up") for h in many[:9]]
    return shaped([*many, *other])


def test_every_run_counts_once(many, result):
    rows = {row["class"]: row for row in result["laws"][0]["classes"]}
    assert list(rows) == ["unseen schedule", "unseen peak"]
    assert rows["unseen schedule"]["runs"] == rows["unseen schedule"]["curves"] == 60
    half = len(many) // 2
    weighted = shaped([*many, *many[:half], *many[:half]])["laws"][0]["classes"][0]
    assert (weighted["runs"], weighted["curves"]) == (60, 120)


def test_the_result_is_json(result):
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_conclusions_count_the_classes(result):
    law = json.loads(json.dumps(result["laws"][0]))
    for row, (share, band) in zip(
        law["classes"], ((0.9, [0.85, 0.95]), (0.7, [0.6, 0.8])), strict=True
    ):
        row["methods"]["intervals"]["0.9"] |= {"coverage": share, "band": band}
    found = summary.summary(law["classes"], "intervals")
    assert found["of"] == 2
    assert found["0.9"]["in_band"] == found["0.9"]["below"] == 1
    assert found["0.9"]["coverage"] == pytest.approx(0.8)
    assert "70 (60-80)!" in class_table(law).rows[1]
    assert "90 (85-95)" in class_table(law).rows[0]


def test_an_earlier_result_stands_beside(result):
    earlier = json.loads(json.dumps(result))
    earlier["laws"][0]["classes"][0]["methods"]["intervals"]["0.9"]["score"] = 99.0
    both = coverage.beside(result, earlier)
    text = coverage.to_text(both)
    assert "beside those of the earlier result" in text and "99.00" in text
    assert "beside those" not in coverage.to_text(result)
    with pytest.raises(DataError, match="write one with --json"):
        coverage.beside(result, {"some": "thing"})


def test_where_intervals_hold_too_little_or_too_much_is_told(result):
    law = json.loads(json.dumps(result["laws"][0]))
    assert [row["source"] for row in law["sources"]] == [f"source {n}" for n in range(3)]
    for row in (*law["classes"], *law["sources"]):
        for level, cell in row["methods"]["intervals"].items():
            cell |= {"coverage": float(level), "final_coverage": float(level)}
    assert summary.shortfalls(law) == []
    law["classes"][1]["methods"]["intervals"]["0.9"]["final_coverage"] = 0.7
    law["sources"][0]["methods"]["intervals"]["0.9"]["coverage"] = 0.7
    assert summary.shortfalls(law) == [
        "unseen peak, final losses: 90 % hold 70.",
        "curves source 0: 90 % hold 70.",
    ]


def test_text_and_page_tell_figures_rivals_and_what_was_left_out(result):
    text = coverage.to_text(result)
    page = coverage.to_markdown(result, "cptlaw bench coverage")
    for words in ("unseen peak", "constant width", "i.i.d. bootstrap", "paper on tiny"):
        assert words in text and words in page
    assert max(map(len, text.partition("Left out")[0].splitlines())) <= 108
    assert "all sources: `Calibration(" in page
    assert coverage.fit_text(result).startswith('"paper": Calibration(')


def test_the_command_scores_each_source_with_the_others(tmp_path):
    words = ["--protocol", "grid-schedule", "grid-far", "--law", "paper", "--jobs", "1", "--json"]
    with mock.patch.dict(GROUPS, clear=True):
        ended = run("bench", "coverage", *words, "-o", tmp_path / "page.md")
    assert ended.status == 0, ended.stderr
    (law,) = json.loads(ended.stdout)["laws"]
    assert set(law["without"]) == {"tiny-grid", "tiny-grid-far"}
    assert [row["runs"] for row in law["protocols"]] == [3, 1]
    assert "# How well the intervals hold" in (tmp_path / "page.md").read_text()


def test_several_processes_give_the_same(far):
    splits, (held, _) = far
    todo = fits.tasks(splits, ["paper", "eq1"])
    found = sorted(fits.run(todo, splits, None, 2, held_out.collect), key=lambda one: len(one[0]))
    assert [len(one) for one, _ in found] == [0, 2]
    assert np.array_equal(found[1][0][1].error, held[1].error)
    assert np.array_equal(found[1][0][1].parts, held[1].parts)


def test_only_the_calibration():
    words = ["--protocol", "grid-far", "--law", "paper", "--jobs", "1", "--fit"]
    ended = run("bench", "coverage", *words)
    assert ended.status == 0 and ended.stdout.startswith('"paper": Calibration(')


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--protocol", "grid-far"), "calibrated on other sources than the scored one"),
        (("--protocol", "grid-fat"), "Did you mean 'grid-far'?"),
        (("--data", "nowhere"), "nowhere: there is no such folder"),
        (("--fit", "-o", "page.md"), "leave -o out"),
        (
            ("--against", "nowhere.json"),
            "nowhere.json: there is no such file. Name an",
        ),
        (("-o", "nowhere/page.md"), "does not exist"),
        (("--protocol", "grid-far", "--law", "eq1", "--fit", "--jobs", "1"), "no curve could be"),
    ],
)
def test_what_can_be_mended_ends_with_status_2(words, said):
    ended = run("bench", "coverage", *words)
    assert ended.status == 2 and said in ended.stderr and not ended.stdout
