"""Tables of any width, none of them cut, and numbers as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cptlaw import page
from cptlaw.layout import laid_out, letters

HEADERS = ("law", "held-out run", "points", "mean absolute error, nats", "final error")
ROWS = [
    ("effective", "rewarmed-cosine-with-a-long-name", "48", "0.0124", "-0.0143"),
    ("eq4", "cpt-cosine", "1,048", "0.0878", "+0.0002"),
]
LEFT = (True, True, False, False, False)


def bare(text):
    """A text without what layout puts between its words."""
    return "".join(text.split())


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_too_wide_and_no_cell_is_cut(width):
    lines = laid_out(HEADERS, ROWS, LEFT, width)
    assert max(map(letters, lines)) <= width
    for cell in (c for row in ROWS for c in row):
        rest = iter(bare("".join(lines)))
        assert all(letter in rest for letter in bare(cell))


def test_a_wide_page_has_one_line_a_row():
    lines = laid_out(HEADERS, ROWS, LEFT, 120)
    assert len(lines) == 2 + len(ROWS)
    assert lines[2].startswith("  effective   rewarmed-cosine-with-a-long-name       48")


def test_headers_are_folded_before_cells_are():
    lines = laid_out(HEADERS, ROWS, LEFT, 85)
    assert len([line for line in lines if "rewarmed-cosine-with-a-long-name" in line]) == 1
    assert "mean absolute error, nats" not in "\n".join(lines)


def test_names_are_folded_where_they_may_be():
    lines = laid_out(HEADERS, ROWS, LEFT, 60)
    assert any("rewarmed-" in line for line in lines)
    assert not any("rewarmed-cosine-with-a-long-name" in line for line in lines)


def test_rows_become_lists_on_a_narrow_page():
    lines = laid_out(HEADERS, ROWS, LEFT, 36)
    assert lines[0] == "  law effective"
    assert "    held-out run: cpt-cosine;" in "\n".join(lines)


def test_wide_letters_take_two_places():
    lines = laid_out(("列", "b"), [("日本", "1"), ("x", "2")], (True, False), 60)
    assert [letters(line) for line in lines[2:]] == [10, 10]


WORDS = st.text("abcdefghij-/ 0123456789.", min_size=1, max_size=12).map(str.strip)


@given(
    st.integers(1, 6).flatmap(lambda n: st.lists(st.tuples(*[WORDS] * n), min_size=1, max_size=4)),
    st.integers(50, 130),
)
def test_every_table_keeps_its_cells_and_its_width(rows, width):
    headers = tuple("abcdef"[: len(rows[0])])
    lines = laid_out(headers, rows, [True] * len(headers), width)
    assert max(map(letters, lines)) <= width
    letters_in = sorted(bare("".join(cell for row in rows for cell in row)))
    shown = sorted(bare("".join(lines)))
    for letter in set(letters_in):
        assert shown.count(letter) >= letters_in.count(letter)


def test_follows_what_is_asked_and_the_terminal(monkeypatch):
    assert page.width() == page.READABLE
    monkeypatch.setenv("COLUMNS", "63")
    assert page.width() == 63
    assert max(map(len, page.wrapped("word " * 90).split("\n"))) <= 63
    monkeypatch.setenv("COLUMNS", "240")
    assert max(map(len, page.wrapped("word " * 90).split("\n"))) <= page.READABLE
    monkeypatch.setenv("COLUMNS", "0")
    assert page.width() == page.READABLE


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (1500, 2, "1,500"),
        (1534.2, 2, "1,500"),
        (1534.25, 6, "1,534.25"),
        (39_987, 4, "39,987"),
        (1.97e7, 3, "19,700,000"),
        (41.0, 1, "41"),
        (41.3, 1, "40"),
        (0.00254, 2, "0.0025"),
        (0.0000254, 2, "2.5e-5"),
        (3e-4, 3, "0.0003"),
        (1.5e20, 3, "1.5e20"),
        (0.0, 4, "0"),
        (-1234.5, 3, "-1,230"),
        (None, 4, "-"),
        (float("nan"), 4, "-"),
        (float("inf"), 4, "infinite"),
    ],
)
def test_numbers_are_written_as_people_write_them(value, digits, shown):
    assert page.number(value, digits) == shown


@given(st.floats(allow_nan=False), st.integers(1, 8))
def test_no_number_has_a_plus_in_its_exponent(value, digits):
    assert "e+" not in page.number(value, digits)
    assert "e-0" not in page.number(value, digits)


@pytest.mark.parametrize(
    ("count", "shown"),
    [(512, "512"), (16_384, "16.4k"), (2e6, "2M"), (999_999, "1M"), (1.05e10, "10.5B")],
)
def test_large_counts_are_short(count, shown):
    assert page.amount(count) == shown


def test_letters_take_the_places_that_a_terminal_gives_them():
    assert [letters(text) for text in ("abc", "e\u0301", "漢字", "")] == [3, 1, 4, 0]


def test_a_cell_that_would_take_too_many_lines_makes_a_list():
    rows = [("effective", "word " * 400, "", "0.1", "0.2")]
    lines = laid_out(HEADERS, rows, LEFT, 60)
    assert max(map(letters, lines)) <= 60
    assert lines[0].strip() == "law effective"
    assert not any("points:" in line for line in lines)
    assert bare("".join(lines)).count("word") == 400
