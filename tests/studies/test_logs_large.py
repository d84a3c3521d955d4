"""Large tables, read without an object for each cell, and limits to what is unpacked."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wandb_files
from cptlaw import logs
from cptlaw.errors import DataError
from cptlaw.studies.logs import json_rows, tables
from cptlaw.studies.logs.cells import numbers
from cptlaw.studies.logs.plain_json import plain_lines
from cptlaw.studies.logs.plain_text import plain_text
from cptlaw.studies.logs.source import open_source
from log_files import one_folder, points, told

_cells = st.sampled_from(
    [
        "",
        "1",
        "2.5",
        " 3",
        "+4",
        "nan",
        "inf",
        "1e-3",
        "x",
        "NA",
        "1,5",
        '"2"',
        "#",
        "1_0",
        "nan(1)",
    ]
)
by_arrow = pytest.mark.parametrize("arrow", [True, False], ids=["pyarrow", "numpy"])


@pytest.fixture
def _worth(arrow, monkeypatch) -> None:
    """Whether pyarrow is asked, however short the text is."""
    for module in ("plain_text", "plain_json"):
        where = f"cptlaw.studies.logs.{module}.WORTH_ARROW"
        monkeypatch.setattr(where, 0 if arrow else 1 << 60)


def test_parquet_columns_of_every_kind(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    numbers = [2.0, None, 3.0, 4.0]
    kinds = {
        "eval_f32_loss": pa.float32(),
        "eval_f16_loss": pa.float16(),
        "eval_dec_loss": pa.decimal128(9, 3),
        "eval_int_loss": pa.int16(),
    }
    columns = {"step": pa.array([1, 2, 3, 4], pa.uint32())}
    for name, kind in kinds.items():
        cells = [None if x is None else int(x) for x in numbers] if "int" in name else numbers
        if "f16" in name:
            cells = [None if x is None else np.float16(x) for x in numbers]
        if "dec" in name:
            cells = [None if x is None else Decimal(x) for x in numbers]
        columns[name] = pa.array(cells, kind)
    columns["eval_dict_loss"] = pa.array(numbers).dictionary_encode()
    columns["listed"] = pa.array([[1.0]] * 4)
    columns["when"] = pa.array([0, 1, 2, 3], pa.timestamp("s"))
    parquet.write_table(pa.table(columns), tmp_path / "log.parquet", row_group_size=3)
    run = logs.read(tmp_path / "log.parquet", [*kinds, "eval_dict_loss"])
    for name in (*kinds, "eval_dict_loss"):
        assert points(run, name) == {1: 2.0, 3: 3.0, 4: 4.0}
    assert told(run, "holding neither numbers nor text: 'listed', 'when'")


def test_a_log_of_too_many_cells_is_refused(log, monkeypatch) -> None:
    path = log(wandb_files.rows(*({f"val/loss_{i}": 2.0} for i in range(40))), "x.wandb")
    assert len(logs.read(path).curves) == 40
    monkeypatch.setattr("cptlaw.studies.logs.points.MOST_CELLS", 1500)
    with pytest.raises(DataError, match=r"x.wandb: 40 rows of 4\d names .*1500 cells, the most"):
        logs.read(path)


def test_parquet_that_unpacks_to_too_much(tmp_path: Path, monkeypatch) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "bomb.parquet"
    columns = {"step": np.arange(1, 2001), "eval_loss": 2 + 1 / np.arange(1, 2001)}
    columns["note_loss"] = ["x"] * 2000
    parquet.write_table(pa.table(columns), path)
    assert len(logs.read(path).curves["eval_loss"]) == 2000
    for limit in ("MOST_CELLS", "MOST_TEXTS"):
        with monkeypatch.context() as patched:
            patched.setattr(f"cptlaw.studies.logs.parquet.{limit}", 1500)
            with pytest.raises(
                DataError, match=r"bomb.parquet: 2000 rows of . columns of \w+ are.*1500 c"
            ):
                logs.read(path)


@by_arrow
@pytest.mark.usefixtures("_worth")
@one_folder
@given(st.lists(st.lists(_cells, min_size=3, max_size=3), min_size=1, max_size=8), st.data())
def test_the_fast_way_reads_what_the_careful_way_reads(tmp_path: Path, rows, data) -> None:
    delimiter, end = data.draw(st.sampled_from([",", "\t", ";"])), data.draw(st.booleans())
    lines = [["step", "eval_loss", "other_loss"], *rows]
    text = "\n".join(delimiter.join(line) for line in lines) + "\n" * end
    fast = plain_text(text.encode(), delimiter)
    if fast is not None:
        path = tmp_path / "log.csv"
        path.write_text(text)
        grid = tables.parse(open_source(path))
        assert (fast.header, len(fast), fast.rows) == (grid.header, 3, len(grid.rows))
        for i, name in enumerate(grid.header):
            ours, theirs = numbers(fast[name]), numbers([row[i] for row in grid.rows])
            np.testing.assert_array_equal(ours.values, theirs.values)
            np.testing.assert_array_equal(ours.said, theirs.said)
            np.testing.assert_array_equal(ours.texts, theirs.texts)


def test_a_row_of_empty_cells_is_a_row_between_tabs_too(tmp_path: Path) -> None:
    for delimiter in ",\t":
        path = tmp_path / "log.csv"
        path.write_text(delimiter.join(["step", "loss"]) + f"\n{delimiter}\n   \n")
        assert tables.parse(open_source(path)).rows == [["", ""]]


def test_a_plain_table_is_read_the_fast_way() -> None:
    assert plain_text(b"\xef\xbb\xbfstep,loss\r\n1,2\r\n2,\r\n", ",") is not None
    for odd in ("step,loss\n1,2\n\n2,3\n", "step,loss\n1\n", 'step,loss\n"1",2\n', "a,a\n1,2\n"):
        assert plain_text(odd.encode(), ",") is None


_values = st.sampled_from(
    [1, 2.5, None, "x", "3.5", "", True, [1.0], [1, 2], {"a": 1}, float("nan"), 10**400]
)
_records = st.lists(
    st.dictionaries(st.sampled_from(["step", "loss", "lr", "note"]), _values), min_size=1
)


@by_arrow
@pytest.mark.usefixtures("_worth")
@one_folder
@given(_records, st.sampled_from(["\n", "\r\n", "\n\n"]), st.booleans())
def test_the_fast_way_reads_json_as_the_careful_way_does(records, separator, end) -> None:
    text = separator.join(map(json.dumps, records)) + "\n" * end
    fast = plain_lines(text.encode())
    if fast is not None:
        careful, notes = json_rows.columns_of(records)
        assert list(fast) == list(careful)
        assert not notes
        for name, cells in careful.items():
            ours, theirs = numbers(fast[name]), numbers(cells)
            np.testing.assert_array_equal(ours.values, theirs.values)
            np.testing.assert_array_equal(ours.said, theirs.said)
            np.testing.assert_array_equal(ours.texts, theirs.texts)


@by_arrow
@pytest.mark.usefixtures("_worth")
@pytest.mark.parametrize(
    "text",
    [
        '{"t":"2024-01-01 10:00:00","a":1}\n{"t":"2024-01-02","a":1.5}',
        '{"a":9007199254740993}\n{"a":0.1234567890123456789}',
        '{"a":true}\n{"a":null}',
        '{"a":1,"a":2}\n{"a":1e400}',
        '{"a":1}\n{"b":2}\n{}',
    ],
)
def test_odd_values_of_json(text) -> None:
    fast = plain_lines(text.encode())
    careful, _ = json_rows.columns_of([json.loads(line) for line in text.split("\n")])
    assert fast is not None
    assert list(fast) == list(careful)
    for name, cells in careful.items():
        assert [_float(fast[name][i]) for i in range(len(cells))] == list(map(_float, cells))


def _float(cell):
    return float(cell) if isinstance(cell, int | float) else cell


_decimal = st.one_of(
    st.floats().map(repr),
    st.from_regex(r"\A-?[0-9]{0,22}(\.[0-9]{0,26})?([eE][+-]?[0-9]{1,4})?\Z"),
    st.integers(0, 2**54).map(lambda x: f"{2 * x + 1}e0"),  # half way between two doubles
    st.sampled_from(["1e2.5", "1.5.2", "--1", "1-2", ".", "-", "e5", "1e", "0x1", "1 ", " 3", ""]),
)


@by_arrow
@pytest.mark.usefixtures("_worth")
@one_folder
@given(st.lists(_decimal, min_size=1, max_size=40))
def test_numbers_are_those_of_float_to_the_last_bit(cells) -> None:
    text = "step,eval_loss\n" + "".join(f"1,{cell}\n" for cell in cells)
    fast = plain_text(text.encode(), ",")
    if fast is None or not (found := numbers(fast["eval_loss"])).said.any():
        return
    wanted = numbers(cells)
    np.testing.assert_array_equal(found.values, wanted.values)
    np.testing.assert_array_equal(np.signbit(found.values), np.signbit(wanted.values))
    np.testing.assert_array_equal(found.texts, wanted.texts)


def test_many_numbers_are_read_some_at_a_time() -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    rows = [f"{i},{v!r},{v:.3f}\n" for i, v in enumerate(values.tolist())]
    rows[9_000] = "9000,,\n"
    found = plain_text(("step,a_loss,b_loss\n" + "".join(rows)).encode(), ",")
    assert found is not None
    values[9_000] = np.nan
    np.testing.assert_array_equal(numbers(found["a_loss"]).values, values)
    np.testing.assert_array_equal(numbers(found["step"]).values, np.arange(20_000))
    assert not numbers(found["b_loss"]).said[9_000]


def test_json_lines_are_put_together_from_many_parts(monkeypatch) -> None:
    monkeypatch.setattr("cptlaw.studies.logs.plain_json._AT_ONCE", 200)
    rows = [
        {"step": i, **({"loss": 2.0} if i % 3 else {"note": "x" * (i % 50)})} for i in range(99)
    ]
    found = plain_lines("".join(json.dumps(row) + "\n" for row in rows).encode())
    assert found is not None
    assert numbers(found["step"]).values.tolist() == list(range(99))
    assert [found["loss"][i] for i in range(99)] == [row.get("loss") for row in rows]
    assert list(found["note"]) == [row.get("note") for row in rows]


def test_lines_with_more_or_less_than_one_object_are_read_with_care() -> None:
    for odd in (
        '{"a":1},{"b":2}\n',
        '{"a":1}\n{"b":',
        '{"a":1}\n\n{"b":2}',
        "[1]\n",
        '{"a":[1,2]}',
    ):
        assert plain_lines(odd.encode()) is None


@pytest.mark.parametrize("form", ["wide", "long", "json"])
def test_one_of_several_runs_of_a_table_can_be_picked(log, form) -> None:
    rows = [(run, step, 2.0 + run) for run in (1, 2) for step in (1, 2, 3)]
    if form == "wide":
        text = "run,step,eval_loss\n" + "".join(f"{r},{s},{v}\n" for r, s, v in rows)
    elif form == "long":
        text = "run_id,step,metric,value\n"
        text += "".join(f"{r},{s},eval_loss,{v}\n" for r, s, v in rows)
    else:
        lines = [json.dumps({"run": f"{r}", "step": s, "eval_loss": v}) for r, s, v in rows]
        text = "\n".join(lines)
    path = log(text)
    with pytest.raises(DataError, match=r"(?s)'1', '2'.*ame one: .*log.csv::1'"):
        logs.read(path)
    run = logs.read(f"{path}::2")
    assert (run.name, points(run, "eval_loss")) == ("2", {1: 4.0, 2: 4.0, 3: 4.0})
    assert told(run, "Read from the run '2'", "3 of 6 rows")
    with pytest.raises(DataError, match="no such run"):
        logs.read(f"{path}::7")


def test_columns_that_are_no_losses_by_name_are_not_even_read(tmp_path: Path, monkeypatch) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"step": [1, 2, 3], "lr": [1.0, 0.5, 0.2], "eval_loss": [3.0, 2.5, 2.0]}
    others = {f"grad_norm_{i}": [1.0, 2.0, 3.0] for i in range(9)}
    parquet.write_table(pa.table(columns | others), tmp_path / "log.parquet")
    monkeypatch.setattr("cptlaw.studies.logs.parquet.MOST_CELLS", 9)
    assert points(logs.read(tmp_path / "log.parquet"), "eval_loss") == {1: 3.0, 2: 2.5, 3: 2.0}


def test_a_table_of_one_run_has_none_to_pick(log) -> None:
    path = log("step,eval_loss\n1,2\n2,1.5\n")
    with pytest.raises(DataError, match=r"no column tells runs apart; leave out '::x'"):
        logs.read(f"{path}::x")
