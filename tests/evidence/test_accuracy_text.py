"""The result of the accuracy benchmark as text and Markdown."""

import pytest

from cptlaw_evidence import accuracy
from cptlaw_evidence.accuracy import tables
from cptlaw_evidence.accuracy.errors import Forecast, RunErrors
from cptlaw_evidence.accuracy.rows import Outcome, rows_of
from cptlaw_evidence.pages import Table, left_out
from cptlaw_evidence.sources.loading import names, protocols_json
from cptlaw_evidence.sources.source import Candidate, Protocol

LAWS = ("eq1", "eq9", "eq4")
PROTOCOLS = (
    Protocol("first", "here", "a", "b", lambda s: (), "mae"),
    Protocol("second", "here", "c", "d|e", lambda s: (), apart=True),
)


def outcome(protocol, law, mae, domains, chosen, why=""):
    errors = tuple(
        RunErrors("r", d, 5, mae, mae / 4, mae, -mae, 3.0, mae**2, 3.0, 1.0) for d in domains
    )
    finals = {"r": 3.0, "s": 3.0 + chosen}
    forecasts = tuple(
        Forecast(Candidate(run, "9 steps", final), d, 2.0 - final)
        for d in domains
        for run, final in finals.items()
    )
    name = "2 times" if why == "" else "4 times"
    return Outcome(protocol, int(bool(why)), name, law, errors, forecasts, law, 0.1, why)


@pytest.fixture(scope="module")
def result():
    found = {
        ("first", "eq1"): [outcome("first", "eq1", 0.004, ["loss"], 0.0)],
        ("first", "eq9"): [outcome("first", "eq9", 0.003, ["loss"], 0.0)],
        ("first", "eq4"): [outcome("first", "eq4", 0, [], 0, "does not apply: no CPT.")],
        ("second", "eq1"): [outcome("second", "eq1", 0.02, ["pt", "cpt"], 0.1)],
        ("second", "eq9"): [
            outcome("second", "eq9", 0.01, ["pt", "cpt"], 0.0),
            outcome("second", "eq9", 0, [], 0, "does not apply: too few."),
        ],
        ("second", "eq4"): [outcome("second", "eq4", 0.04, ["pt", "cpt"], 0.2)],
    }
    rows = [
        row
        for p in PROTOCOLS
        for law in LAWS
        for row in rows_of(p, law, found[p.name, law], {"pt": 0.01})
    ]
    keys = ("name", "source", "fitted", "scored", "unit", "apart")
    return {
        "rows": rows,
        "protocols": [{**{k: getattr(p, k) for k in keys}, "splits": 1} for p in PROTOCOLS],
        "left_out": [
            {"protocol": name, "source": "x", "why": "no folder x."} for name in ("far", "near")
        ],
        "noise": {"here": {"pt": 0.01}, "x": {}},
        "sources": {"here": "two runs"},
        "laws": list(LAWS),
        "jobs": 1,
        "of_form": False,
        "seconds": 12.3,
    }


def test_the_main_table_is_protocols_against_laws(result):
    table = tables.main_table(result)
    assert table.headers == ("", *LAWS)
    assert table.rows == (
        ("first (nats)", ".0040", ".0030", "-"),
        ("second, pt (%)", "0.50", "0.25*", "1.00"),
        ("second, cpt (%)", "0.50", "0.25*", "1.00"),
    )


def test_the_best_of_a_row_is_one_that_was_scored_everywhere(result):
    assert [sorted(best) for best in tables.main_table(result).best] == [[2], [1], [1]]
    alone = tables.main_table({**result, "laws": ["eq1"]})
    assert [sorted(best) for best in alone.best] == [[], [], []]


def test_split_by_split_where_splits_differ_in_kind(result):
    rows = tables.split_table(result).rows
    assert rows[0] == ("second, pt, 2 times (%)", "0.50", "0.25*", "1.00")
    assert not any(row[0].startswith("first") for row in rows)


def test_regret_leaves_out_groups_in_which_all_choose_the_best(result):
    assert list(tables.regret_table(result).rows) == [
        ("second, pt, 9 steps", ".1000", ".0000*", ".2000"),
        ("second, cpt, 9 steps", ".1000", ".0000*", ".2000"),
    ]


def test_many_domains_are_averaged():
    found = [outcome("second", "eq1", 0.02, list("abcd"), 0.1)]
    (row,) = tables.few_domains(rows_of(PROTOCOLS[1], "eq1", found, {}))
    assert row["domain"] == "4 sets" and row["mae"] == pytest.approx(0.02)
    assert row["runs"] == 4 and row["by_group"] == {"9 steps": pytest.approx(0.1)}


def test_what_could_not_be_scored_and_what_was_left_out_is_said(result):
    assert tables.not_applied(result) == [
        "eq4 on first: does not apply: no CPT.",
        "eq9 on second (1 of 2 splits): does not apply: too few.",
    ]
    assert left_out(result) == ["far, near: no folder x."]


def test_the_text_ends_with_the_main_table(result):
    text = accuracy.to_text(result)
    assert "far, near: no folder x." in text
    assert text.index("Left out:") < text.index("Error on what was not fitted")
    assert text.endswith("3 laws on 2 protocols in 12 s with 1 process")
    assert "…" not in text


def test_a_wide_table_is_cut_into_several():
    table = Table("t", ("", "eq1", "momentum", "eq4"), (("x", "1", "2", "3"),), "n")
    one, two = table.in_width(4 + 6 + 11)
    assert (one.headers, one.rows) == (("", "eq1", "momentum"), (("x", "1", "2"),))
    assert (two.headers, two.rows) == (("", "eq4"), (("x", "3"),))
    assert table.in_width(99) == [table]
    assert [part.headers[1] for part in table.in_width(1)] == ["eq1", "momentum", "eq4"]
    assert table.first(1).headers == ("", "eq1")


def test_no_cell_is_cut_off_however_many_laws(result):
    names = [f"a-law-with-a-long-name-{i}" for i in range(9)]
    rows = [{**row, "law": name} for name in names for row in result["rows"] if row["law"] == "eq1"]
    text = accuracy.to_text({**result, "laws": names, "rows": rows})
    assert "…" not in text and all(name in text for name in names)


def test_the_page_says_what_made_it_and_marks_the_best(result):
    page = accuracy.to_markdown(result, "cptlaw bench accuracy -o page.md")
    assert page.splitlines()[0] == "# How accurately the laws forecast"
    assert "Made by `cptlaw bench accuracy -o page.md`: 3 laws on 2 protocols" in page
    assert "- far, near: no folder x." in page
    assert "| first (nats) | .0040 | **.0030** | - |" in page
    assert "| second | here | c | d\\|e | 1 |" in page
    assert "`here`: a repeated run lies from the mean of such runs by 0.0100 (pt) nats" in page
    assert page.index("| first (nats) |") < page.index("### eq1") < page.index("### eq4")


def test_the_page_begins_with_the_standing_of_the_laws(result):
    from cptlaw_evidence.accuracy.text import standing

    table = standing(tables.main_table(result))
    assert table.note == "Of the 2 rows below that are in % and that eq1 was scored on."
    # eq9 was not scored on all splits of either
    assert table.rows == (("eq1", "0.50 %", "2", "2"), ("eq4", "1.00 %", "2", "0"))
    page = accuracy.to_markdown(result, "cptlaw bench accuracy")
    assert page.index("## In short") < page.index("| first (nats) |") < page.index("Made by")


@pytest.mark.parametrize(
    ("value", "sign", "words"),
    [(0.0123, "", ".0123"), (-0.5, "+", "-.5000"), (0.5, "+", "+.5000"), (1.5, "", "1.5000")],
)
def test_nats(value, sign, words):
    assert tables.nats(value, sign) == words


def test_the_list_of_protocols_is_text():
    text = accuracy.protocols_text(protocols_json())
    assert all(f"{name} (" in text for name in names())
