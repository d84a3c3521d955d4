"""The paper's figures on the bundled runs: nothing empty, and what the page says of them."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cptlaw_evidence import paper
from cptlaw_evidence.paper.forms import fit_shift

FIGURES = {e.name: e.grid for e in paper.entries() if e.grid is not None}
PAGE = Path(__file__).parents[2] / "docs" / "what-holds.md"


@cache
def drawn(name):
    return FIGURES[name]()


def test_every_figure_and_table_2_can_be_drawn():
    assert list(FIGURES) == [*(f"fig{i}" for i in range(1, 23)), "table2"]


@pytest.mark.parametrize("name", FIGURES)
def test_no_panel_is_empty_and_every_number_is_finite(name):
    drawing = drawn(name)
    assert (drawing.name, drawing.source) == (name, "grid")
    assert drawing.panels or drawing.tables
    assert drawing.title and drawing.notes and drawing.numbers
    for panel in drawing.panels:
        assert panel.title and panel.x_label and panel.y_label
        assert any(line.label for line in panel.lines)
        for line in panel.lines:
            assert line.x.size == line.y.size > 0
            assert np.isfinite(line.x).all() and np.isfinite(line.y).all()
    for table in drawing.tables:
        assert all(len(row) == len(table.headings) for row in table.rows)
    assert np.isfinite(list(drawing.numbers.values())).all()


# A row of the page, its figure, the number behind what it says, times what, and how it is written.
SAID = [
    ("Finding 1", "fig1", "constant.pt.share_750", 100, "62"),
    ("Finding 1", "fig1", "constant.cpt.share_750", 100, "64"),
    ("depend on the schedule", "fig2", "pt.schedules_apart", 1, ".006"),
    ("nor on the start", "fig2", "pt.early_excess_lowest", 100, "15"),
    ("nor on the start", "fig2", "cpt.early_excess_highest", 100, "48"),
    ("nor on the start", "fig2", "cpt.annealed_apart", 1, ".012"),
    ("is a power", "fig2", "pt.base.power_r2", 1, ".979"),
    ("is a power", "fig2", "cpt.base.exponential_r2", 1, ".743"),
    ("depend on the model size", "fig14", "pt.size-xs.shift_late", 1, ".397"),
    ("depend on the model size", "fig14", "cpt.base.shift_late", 1, "-.122"),
    ("all schedules (Eq. 4)", "fig3", "eq4.pt.r2", 1, ".9968"),
    ("forecasts other schedules", "fig10", "eq4.pt.schedule.mape", 100, ".35"),
    ("forecasts other starts", "fig10", "eq4.cpt.early.mape", 100, "1.69"),
    ("forecasts other starts", "fig10", "effective.cpt.early.mape", 100, ".66"),
    ("another D_cpt", "fig11", "pt.far-const.shift_late", 1, "2.06"),
    ("Short fits", "fig6", "eq4.pt.mape_0.2", 100, "4.3"),
    ("Short fits", "fig6", "eq4-lambda.cpt.mape_0.5", 100, ".2"),
    ("unknown base", "fig18", "annealed.pt.mape", 100, ".5"),
    ("unknown base", "fig18", "stable.pt.mape", 100, "1.1"),
    ("unknown base", "fig18", "annealed.cpt.S1_pt", 1, "25"),
    ("loss potential ends lower", "fig5", "measured.cpt.const.potential_1_minus_0", 1, "-.014"),
    ("loss potential ends lower", "fig5", "eq4.cpt.cosine.potential_1_minus_0", 1, "-.031"),
    ("peak LR ends lower", "fig7", "measured.cpt.cosine_800.peak_minus_half", 1, "-.023"),
    ("peak LR ends lower", "fig7", "measured.cpt.const_200.peak_minus_half", 1, "+.033"),
    ("rises and comes back", "fig7", "measured.replay_0.25.highest", 1, ".037"),
    ("critical point", "fig7", "eq4.last_return", 1, "502"),
    ("best replay share", "fig8", "eq8.best_replay_800_0.5", 100, "47"),
    ("best replay share", "fig8", "eq8.regret_800", 1, ".019"),
    ("turning length", "fig13", "measured.replay_0.1.break_even", 1, ".72"),
    ("Replay acts", "fig19", "pt.convex.rms", 1, ".093"),
    ("Replay acts", "fig19", "pt.odds.rms", 1, ".018"),
    ("Eq. 8 forecasts", "fig19", "eq8.pt.held_out.mape", 100, "1.2"),
    ("(Eq. 7)", "fig15", "eq7.cpt.size-xs.mape", 100, "2"),
    ("more vulnerable", "fig16", "base.pt.rise_const", 1, ".325"),
    ("more adaptable", "fig16", "base.cpt.annealing_gain", 1, ".053"),
    ("C2 above C1", "fig3", "eq4.cpt.C2_minus_C1", 1, ".06"),
    ("C2 above C1", "fig11", "eq4.cpt.C2_minus_C1", 1, "-1.35"),
    ("Another batch", "fig17", "cpt.batch128.shift_0.2", 1, "-.149"),
    ("Out-of-domain", "fig9", "bytecode.held_out.mean_error", 1, ".21"),
    ("weights depend", "fig22", "bytecode.25_replay.l_pt", 1, "1.3"),
    ("Variants", "table2", "s2_power.pt.schedule.mape", 100, ".63"),
]


@pytest.mark.parametrize(("row", "name", "key", "times", "text"), SAID)
def test_the_page_says_what_the_figures_show(row, name, key, times, text):
    line = next(line for line in PAGE.read_text().splitlines() if row in line)
    assert re.search(rf"(?<![\d.+-]){re.escape(text)}(?!\d)", line)
    digits = len(text.partition(".")[2])
    assert f"{times * drawn(name).numbers[key]:.{digits}f}" == f"{float(text):.{digits}f}"


def test_the_power_form_is_found_again():
    x = np.linspace(0, 800, 41)
    found = fit_shift(x, 0.3 * (1 - (1 + 0.02 * x) ** -0.5), power=True)
    assert found.r2 == pytest.approx(1, abs=1e-6)
    assert (found.B, found.E, found.beta) == pytest.approx((0.3, 0.02, 0.5), rel=0.02)
    worse = fit_shift(x, found.at(x), power=False)
    assert worse.beta is None and worse.r2 < 0.99


def test_other_schedules_are_forecast_to_the_noise_and_an_early_start_is_not():
    numbers = drawn("fig10").numbers
    for role in ("pt", "cpt"):
        noise = numbers[f"eq4.{role}.repeat.mape"]
        assert numbers[f"eq4.{role}.schedule.mape"] < 1.5 * noise
        assert numbers[f"eq4.{role}.early.mape"] > 3 * noise


def test_replay_is_convex_on_the_old_and_concave_on_the_new_domain():
    numbers = drawn("fig19").numbers
    assert numbers["pt.convex.rms"] < numbers["pt.concave.rms"] / 4
    assert numbers["cpt.concave.rms"] < numbers["cpt.convex.rms"] / 4
    printed, exchanged = (numbers[f"{law}.pt.held_out.mape"] for law in ("eq8-printed", "eq8"))
    assert exchanged < printed / 2
