"""What `cptlaw bench speed` measures: each part on little, no time asserted."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

from command import run
from cptlaw.fitting.multistart import best_minimum
from cptlaw_evidence import fit_speed, log_speed, pages, speed, timing
from cptlaw_evidence.cli.bench import bench
from cptlaw_evidence.speed import commands, fits, multi_power, plans, refits, tools


def silent(_):
    pass


def test_calls_take_turns_and_each_is_given_something_new():
    order = []

    def anew():
        order.append("anew")
        return len(order)

    calls = {"a": lambda made: order.append("a"), "b": lambda made: made}
    taken, given = timing.by_turns(2, anew, calls)
    assert order == ["anew", "a", "anew", "anew", "a", "anew"]
    assert {name: len(times) for name, times in taken.items()} == {"a": 2, "b": 2}
    assert given["b"] == 6
    assert timing.ratio([4.0, 9.0, 10.0], [2.0, 3.0, 1.0]) == 3.0


@pytest.mark.parametrize("size", [-5e-3, -1e-4, 0.0, 1e-3, 0.2])
def test_halved_squares_are_the_huber_loss(size):
    found = tools.rooted(np.array([size]), 1e-3, np.array([2.0]))
    huber = size**2 / 2 if abs(size) <= 1e-3 else 1e-3 * (abs(size) - 0.5e-3)
    assert 0.5 * float(found[0]) ** 2 == pytest.approx(2.0 * huber, abs=1e-15)
    assert np.sign(found[0]) == np.sign(size)


def test_every_tool_minimises_the_objective_of_the_fit():
    objective = fit_speed.eq4_objective("cpt")
    direct = fit_speed.Direct(objective)
    ours = best_minimum(objective).value
    start = np.array([2.0, 0.5, 0.3, 0.3, 0.3, 1.0, 10.0, 0.5])
    for name, call in tools.installed().items():
        assert call(fits._squares(direct, start)) == pytest.approx(ours, rel=1e-3), name


def test_squares_of_a_fit_have_its_priors():
    observed = fits.observe(fits.datasets.load("tiny-cpt"), "cpt", fits.AS_IS.convention)
    law = fits.catalog.get(fits.LAW, fits.facts("cpt", observed.points))
    objective = fits.pose(law, observed, fits.AS_IS)
    squares = fits.squares_of(objective)
    away = np.clip(squares.start + 0.05, squares.low, squares.high)
    for place in (squares.start, away):
        assert squares.cost(place) == pytest.approx(objective.value(place), rel=1e-12)


def test_fits_on_one_study(monkeypatch):
    monkeypatch.setattr(fits, "STUDIES", ("tiny-cpt",))
    monkeypatch.setattr(fits, "STARTS", 1)
    result = fits.measure(1, silent)
    assert [row["domain"] for row in result["default"]] == ["pt", "cpt"]
    least = [t["tool"] for row in result["default"] for t in row["tools"]]
    assert least.count("least_squares") == 2
    text = fits.text(result)
    assert "Fit of the default law" in text and "curve_fit" in text
    for name in result["missing"]:
        assert re.search(f"Not installed.*{name}", text, flags=re.DOTALL)


def test_refits_lie_hardly_above_those_one_by_one(monkeypatch):
    monkeypatch.setattr(refits, "SOME", 2)
    monkeypatch.setattr(refits, "by_least_squares", lambda squares: squares.cost(squares.start))
    result = refits.measure(1, silent)
    assert [row["domain"] for row in result["domains"]] == ["pt", "cpt"]
    assert all(0.0 <= row["one by one"]["above"] < 0.1 for row in result["domains"])
    assert "200 refits of a domain of tiny-cpt" in refits.text(result)


def test_recipes_at_once_are_those_one_by_one(monkeypatch):
    monkeypatch.setattr(plans, "SOME", 4)
    monkeypatch.setattr(plans, "FEW", 1)
    monkeypatch.setattr(plans, "plan", lambda *_: type("Plan", (), {"looked_at": 7}))
    result = plans.measure(1, silent)
    assert result["difference"] < 1e-12
    assert "looks at 7 recipes" in plans.text(result)


def test_commands_are_processes(monkeypatch):
    lines = {commands.BARE: (sys.executable, "-c", ""), "x": (sys.executable, "-c", "print(1)")}
    monkeypatch.setattr(commands, "command_lines", lambda folder: lines)
    result = commands.measure(1, silent)
    assert [row["command"] for row in result["commands"]] == list(lines)
    assert all(row["seconds"] > 0 and row["megabytes"] > 0 for row in result["commands"])
    lines["x"] = (sys.executable, "-c", "raise SystemExit('no such run')")
    with pytest.raises(commands.DataError, match="no such run"):
        commands.measure(1, silent)


def test_commands_that_are_timed_exist(tmp_path):
    for name, words in commands.command_lines(tmp_path).items():
        if "-m" in words and "--help" not in words:
            ended = run(words[3], "--help")
            assert ended.status == 0, name
            assert all(word in ended.stdout for word in words if word.startswith("--")), name


# --- the page ------------------------------------------------------------------------------------


def test_the_command_offers_every_part():
    option = next(p for p in bench.commands["speed"].params if p.name == "parts")
    assert list(option.type.choices) == list(speed.PARTS)


def test_a_page_has_the_tables_of_its_parts_and_what_is_missing(monkeypatch, tmp_path):
    part = speed.Part(
        lambda rounds, _: {"x": rounds},
        lambda r: pages.text_table(("a", "b"), [("x", f"{r['x']}")], "T"),
    )
    parts = {"commands": part, "lab": speed.Part(part.measure, part.text, "no_such_package")}
    monkeypatch.setattr(speed, "PARTS", parts)
    page = tmp_path / "speed.md"
    ended = run("bench", "speed", "--rounds", "2", "-o", str(page))
    assert ended.status == 0, ended.stderr
    assert "## T\n\n| a | b |\n| --- | ---: |\n| x | 2 |" in page.read_text()
    assert "\n\nOne thread." in page.read_text()
    assert "lab was not timed: no_such_package is missing." in page.read_text()
    assert "lab was not timed" in ended.stdout


def test_words_below_a_table_become_a_paragraph():
    def made():
        return "\n".join(
            [pages.text_table(("a",), [("x",)], "T"), "  one line", "  and one more", "", "apart"]
        )

    assert pages.of_text(made) == "## T\n\n| a |\n| --- |\n| x |\n\none line and one more\n\napart"


def test_every_part_has_its_text():
    assert speed.PARTS["readers"].text is log_speed.log_speed_text
    assert speed.PARTS["paper"].text is fit_speed.fit_speed_text


# --- the multi-power law -------------------------------------------------------------------------

PLACE = np.array([2.0, 0.5, 0.4, 300.0, 2.0, 0.6, 0.6])


def test_the_authors_law_is_the_one_of_the_catalogue():
    objective, curves = multi_power.posed()
    l0, a, alpha, fall, rate, beta, gamma = PLACE.tolist()
    params = {"L0": l0, "A": a, "alpha": alpha, "C": 1e-3 * fall, "rho": beta, "zeta": gamma}
    ours = objective.law.loss(objective.points, params | {"kappa": rate / 1e-3**gamma})
    np.testing.assert_allclose(curves.predicted(PLACE)[0], ours, atol=1e-3)


def test_slopes_of_the_authors_objective_are_those_of_differences():
    _, curves = multi_power.posed()
    _, gradient = curves.value_and_gradient(PLACE)
    for i, by in enumerate(1e-6 * PLACE):
        ends = [curves.value_and_gradient(PLACE + s * by * np.eye(7)[i])[0] for s in (1, -1)]
        assert gradient[i] == pytest.approx((ends[0] - ends[1]) / (2 * by), rel=1e-4), i


def test_adam_goes_down_and_our_search_lower():
    objective, curves = multi_power.posed()
    start = np.append([2.65, 0.48, 0.68, 100.0], multi_power.SHAPES)
    end = multi_power.adam(curves, start)
    values = [curves.huber(curves.predicted(p)[0]) for p in (start, end)]
    assert values[1] < 0.5 * values[0]
    ours = multi_power.ours(objective)
    assert curves.huber(curves.predicted(ours)[0]) < values[1]


def test_the_multi_power_law_is_timed_both_ways(monkeypatch):
    monkeypatch.setattr(multi_power, "_first_stage", lambda _: np.array([2.65, 0.48, 0.68, 100.0]))
    result = multi_power.measure(1, silent)
    assert result["above"] < 0
    assert "135 starts, then AdamW" in multi_power.text(result)
