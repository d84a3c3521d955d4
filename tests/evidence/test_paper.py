"""The paper's figures from its coefficients: its numbers, orderings and ranges, and the command."""

import json
from functools import cache

import numpy as np
import pytest

from command import run
from cptlaw import DataError, plot
from cptlaw_evidence import paper
from cptlaw_evidence.paper.drawing import Drawing, Line, Panel, Table
from cptlaw_evidence.paper.figures import paper_figure
from cptlaw_evidence.paper.json import drawing_json
from cptlaw_evidence.paper.page import page

PUBLISHED = [e.name for e in paper.entries() if e.published is not None]
NEEDED = (3, 5, 7, 8, 10, 11, 12, 13, 15, 16, 18, 19)
SMALL = Drawing(
    "fig3",
    "a & b",
    "grid",
    (
        Panel(
            "one",
            "step",
            "loss (nats per token)",
            (
                Line("measured", [1, 2, 3, 4], [3.0, 2.5, 2.2, 2.1], "points", group="a"),
                Line("", [1, 2, 3, 4], [3.1, 2.4, 2.2, 2.0], group="a"),
                Line("interval", [1, 4], [2.0, 1.9], "band", [3.2, 2.2], group="a"),
            ),
            log_x=True,
        ),
    ),
    (Table(("law", "error"), (("Eq. 4", 0.25),)),),
    {"error": 0.25, "turning length": float("inf")},
    ("a <note>.",),
)


@cache
def drawn(name):
    (drawing,) = paper.draw(name, "published")
    return drawing


def panel(name, number):
    """Label -> line of a panel, counted from 0."""
    return {line.label: line for line in drawn(name).panels[number].lines}


# --- what there is ----------------------------------------------------------------------------


def test_there_are_24_in_order():
    names = [e.name for e in paper.entries()]
    assert names == [*(f"fig{i}" for i in range(1, 23)), "table1", "table2"]
    assert all(e.sources for e in paper.entries())
    assert {f"fig{i}" for i in NEEDED} <= set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_panel_is_empty_and_all_numbers_are_finite(name):
    drawing = drawn(name)
    assert drawing.name == name and drawing.source == "published"
    assert drawing.panels or drawing.tables
    for each in drawing.panels:
        assert each.lines and each.title and each.x_label and each.y_label
        for line in each.lines:
            assert line.x.size == line.y.size > 0
            assert np.isfinite(line.x).all() and np.isfinite(line.y).all(), line.label
    assert all(np.isfinite(value) for value in drawing.numbers.values())
    assert all(note.endswith(".") for note in drawing.notes)


def test_a_wrong_name_or_source_is_told():
    with pytest.raises(DataError, match="Did you mean 'fig8'"):
        paper.get("fgi8")
    with pytest.raises(DataError, match=r"table1 cannot be made from the bundled real runs"):
        paper.draw("table1", "grid")
    with pytest.raises(DataError, match="expected published or grid"):
        paper.draw("fig3", "both")


# --- figure 5: the loss potential -------------------------------------------------------------


def test_figure_5_final_losses():
    found = drawn("fig5").numbers
    wanted = {"10%": 2.6521, "30%": 2.6091, "50%": 2.5875, "100%": 2.5536}
    for potential, loss in wanted.items():
        key = f"final D_cpt loss at {potential} without re-warm-up, 20k"
        assert round(found[key], 4) == loss


@pytest.mark.parametrize(("number", "low", "high"), [(2, 2.51, 2.66), (5, 2.59, 2.67)])
def test_figure_5_a_higher_potential_always_ends_lower(number, low, high):
    lines = panel("fig5", number)
    assert list(lines) == [f"CPT of {n}k steps" for n in (20, 30, 40, 50)]
    for line in lines.values():
        assert (np.diff(line.y) < 0).all()
        assert low < line.y.min() and line.y.max() < high


def test_figure_5_along_the_cpt():
    lines = panel("fig5", 1)
    finals = [lines[p].y[-1] for p in ("10 %", "30 %", "50 %", "100 %")]
    assert finals == sorted(finals, reverse=True)
    assert finals[-1] > 2.55 and max(line.y[line.x > 4000].max() for line in lines.values()) < 2.70


def test_a_checkpoint_that_was_not_annealed_saves_steps():
    numbers = drawn("fig5").numbers
    saved = [v for k, v in numbers.items() if k.startswith("CPT steps saved")]
    assert saved == sorted(saved) and 3900 < saved[-1] < 4200


# --- figure 7: peak LR, critical point --------------------------------------------------------


def test_figure_7_ranges_and_shapes():
    pt, cpt = panel("fig7", 0), panel("fig7", 1)
    assert 3.30 < min(line.y.min() for line in pt.values()) < 3.31
    assert 3.36 < max(line.y.max() for line in pt.values()) < 3.37
    assert 2.51 < min(line.y.min() for line in cpt.values()) < 2.52
    assert 2.64 < max(line.y.max() for line in cpt.values()) < 2.66
    assert all((np.diff(line.y) < 0).all() for line in cpt.values())
    for steps in (20, 40):
        assert (np.diff(pt[f"CPT of {steps}k steps"].y) > 0).all()
    for steps in (60, 80):
        line = pt[f"CPT of {steps}k steps"]
        assert 0 < line.y.argmax() < line.y.size - 1


def test_figure_7_critical_point():
    assert drawn("fig7").numbers["critical point, PT step"] == pytest.approx(8994, abs=2)
    assert drawn("fig7").numbers["last start back within 400k CPT steps"] > 10_000
    assert (np.diff(panel("fig7", 3)["found on the curve"].y) > 0).all()


# --- figures 8 and 13: weighted losses --------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1])
def test_figure_8_the_best_potential_and_peak_never_rise(number):
    for line in panel("fig8", number).values():
        assert (np.diff(line.y) <= 1e-9 * line.y[0]).all()


def test_figure_8_the_weak_case_stays_at_the_top():
    weak = panel("fig8", 0)["weak shift (67 % replay)"]
    assert (weak.y[weak.x < 1.0] == 100.0).all()


def test_figure_8_a_stronger_shift_turns_earlier():
    best = panel("fig8", 0)
    strong, moderate = (best[k] for k in best if not k.startswith("weak"))
    assert (strong.y <= moderate.y + 1e-9).all() and (strong.y < moderate.y - 50).any()
    assert strong.y[np.argmin(np.abs(strong.x - 0.4))] == pytest.approx(15, abs=2)


def test_figure_8_the_best_peak_is_nearly_bang_bang():
    for line in panel("fig8", 1).values():
        between = (line.y > 0.15 * line.y.max()) & (line.y < 0.95 * line.y.max())
        assert between.sum() <= 1


def test_figure_8_the_wave_about_the_diagonal():
    wave = [0, 22, 31, 38, 42, 47, 52, 56, 63, 72, 100]
    np.testing.assert_allclose(panel("fig8", 2)["CPT of 20k steps"].y[::2], wave, atol=1.5)
    for steps in (20, 30, 40):
        line = panel("fig8", 2)[f"CPT of {steps}k steps"]
        early, late = (line.x > 0.02) & (line.x < 0.4), (line.x > 0.6) & (line.x < 0.98)
        assert (line.y[early] > 100 * line.x[early]).all()
        assert (line.y[late] < 100 * line.x[late]).all()


def test_figure_13_more_weight_and_a_later_start_turn_later():
    lines = panel("fig13", 0)
    assert all((np.diff(line.y) > 0).all() for line in lines.values())
    first = [line.x[0] for line in lines.values()]
    assert first == sorted(first, reverse=True) and len(first) == 5


# --- figures 10 to 20 -------------------------------------------------------------------------


def test_figure_10_final_losses():
    found = drawn("fig10").numbers
    assert found["final cpt loss, linear, no re-warm-up"] == pytest.approx(2.5536, abs=5e-5)
    assert found["final pt loss, cosine re-warmed to 10 % of the peak"] == pytest.approx(
        3.296, 1e-3
    )


def test_figure_12_replay_is_convex_on_d_pt_and_concave_on_d_cpt():
    found = drawn("fig12").numbers
    shift = {
        r: [found[f"{r} shift at S1cpt = 4, {s} % replay"] for s in (0, 33, 50, 67)]
        for r in ("pt", "cpt")
    }
    assert np.round(shift["pt"], 3).tolist() == [0.216, 0.066, 0.042, 0.024]
    assert np.round(shift["cpt"], 3).tolist() == [-0.512, -0.482, -0.460, -0.431]
    for number, role in ((2, "pt"), (3, "cpt")):
        lines = panel("fig12", number)
        own, misses = lines["fit of each share"], {}
        for label in ("Eq. 8, factors exchanged", "Eq. 8 as printed"):
            at = np.interp(own.x, lines[label].x, lines[label].y)
            misses[label] = np.abs(at - own.y)[1:].max() / abs(shift[role][0])
        assert misses["Eq. 8, factors exchanged"] < 0.07 < 0.5 < misses["Eq. 8 as printed"]


def test_figure_16_contradicts_a_larger_c2():
    found = drawn("fig16").numbers
    assert found["594M C2 minus C1 on cpt"] < 0 and found["1720M C2 minus C1 on cpt"] < 0


def test_figures_15_and_19_stay_near_the_single_fits():
    for name, most in (("fig15", 0.045), ("fig19", 0.02)):
        gaps = [v for k, v in drawn(name).numbers.items() if k.endswith("final")]
        assert max(map(abs, gaps)) < most


def test_figure_18_forecasts_go_on_from_what_was_fitted():
    for number in range(4):
        lines = panel("fig18", number)
        for label in ("constant", "cosine", "WSD"):
            assert lines[f"{label}, fitted"].x[-1] == pytest.approx(
                lines[f"{label}, forecast"].x[0], rel=0.05
            )


def test_tables_are_the_printed_ones():
    (settings,), (variants,) = drawn("table1").tables, drawn("table2").tables
    assert [row[0] for row in settings.rows] == ["A", "B", "C", "D", "LLaMA3.2-1B"]
    assert settings.rows[3][1:5] == (1720.0, "FineWeb", "Knowledge-Pile", 2e-4)
    assert variants.rows[0] == ("Eq. 4", 0.0016, 0.9944, 0.0021, 0.9993)
    assert len(variants.rows) == 4


# --- shapes, figures, page --------------------------------------------------------------------


def test_a_drawing_as_json():
    shape = json.loads(json.dumps(drawing_json(SMALL), allow_nan=False))
    assert shape["numbers"] == {"error": 0.25, "turning length": None}
    assert shape["panels"][0]["lines"][2]["high"] == [3.2, 2.2]
    assert shape["tables"] == [{"headings": ["law", "error"], "rows": [["Eq. 4", 0.25]]}]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_drawing_as_a_figure(kind, tmp_path):
    figure = paper_figure(SMALL)
    assert len(figure.axes) == 2 and figure.axes[0].get_xscale() == "log"
    assert plot.save(figure, tmp_path / f"small.{kind}").stat().st_size > 5000


@pytest.mark.parametrize("name", ["fig3", "fig9", "fig12", "fig16", "table1"])
def test_nothing_overlaps_in_a_figure(name):
    figure = paper_figure(drawn(name))
    figure.canvas.draw()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            across = min(one.x1, other.x1) - max(one.x0, other.x0)
            down = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert across < 2 or down < 2


def test_groups_of_one_panel_have_colours_of_their_own():
    for name in PUBLISHED:
        for ax in paper_figure(drawn(name)).axes:
            looks = [
                (line.get_color(), line.get_marker(), str(line.get_linestyle()))
                for line in ax.get_lines()
                if not str(line.get_label()).startswith("_")
            ]
            assert len(set(looks)) == len(looks), (name, ax.get_title("left"))


def test_the_page_names_every_drawing():
    text = page([SMALL, drawn("table2")])
    assert 'href="fig3-grid.svg"' in text and 'src="table2-published.png"' in text
    assert "a &amp; b" in text and "a &lt;note&gt;." in text and "never" in text
    assert "http" not in text


# --- the command ------------------------------------------------------------------------------


def test_the_list_has_24_lines():
    ended = run("paper", "list")
    assert ended.status == 0 and len(ended.stdout.splitlines()) == 24
    shape = json.loads(run("paper", "list", "--json").stdout)
    assert shape["figures"][7] == {
        "name": "fig8",
        "title": "the best potential, peak LR and replay for a weighted loss",
        "sources": ["published", "grid"],
    }


def test_one_figure(tmp_path):
    ended = run("paper", "fig12", "-o", tmp_path / "fig12.svg", "--json")
    assert ended.status == 0 and (tmp_path / "fig12.svg").exists()
    shape = json.loads(ended.stdout)
    assert shape["source"] == "published" and shape["other_sources"] == ["grid"]
    assert "cptlaw paper fig12 --source grid -o fig12-grid.png" in ended.stderr


def test_a_table_as_text():
    ended = run("paper", "table2", "--source", "published")
    assert ended.status == 0 and "0.9984" in ended.stdout and "add -o table2.png" in ended.stderr


def test_all_goes_into_one_folder(tmp_path, monkeypatch):
    entries = tuple(e for e in paper.entries() if e.name in ("fig12", "table1"))
    short = tuple(paper.Entry(e.name, e.title, e.published, None) for e in entries)
    monkeypatch.setattr("cptlaw_evidence.paper.page.entries", lambda: short)
    ended = run("paper", "all", "-o", tmp_path / "new", "--json")
    assert ended.status == 0, ended.stderr
    written = {p.name for p in (tmp_path / "new").iterdir()}
    kinds = ("png", "svg", "json")
    assert written == {
        "index.html",
        *(f"{n}-published.{k}" for n in ("fig12", "table1") for k in kinds),
    }
    assert [d["name"] for d in json.loads(ended.stdout)["drawings"]] == ["fig12", "table1"]
    assert "1 of 2: fig12" in ended.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fgi8"], "Did you mean 'fig8'"),
        (["fig3", "-o", "fig3.gif"], "png, .svg or .pdf"),
        (["fig1", "--source", "published"], "cannot be made from the paper's coefficients"),
        (["all"], "needs -o FOLDER"),
        (["list", "--source", "grid"], "--source belongs to one figure"),
        (["list", "-o", "x.png"], "leave -o out"),
    ],
)
def test_what_makes_no_sense_ends_with_status_2(words, told):
    ended = run("paper", *words)
    assert ended.status == 2
    assert told in ended.stderr and ended.stdout == ""
