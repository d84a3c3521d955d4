"""Logs that cannot be read, and files of learning rates."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cptlaw import logs
from cptlaw.errors import DataError
from cptlaw.files import read_text
from log_files import TINY, one_folder


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "empty"),
        (" \n\n", "empty"),
        ("# only\n", "no lines but comments"),
        ("step,lr,loss\n", "header .*no rows"),
        ("time,loss\n1,2\n", r"no column counts steps.*'time', 'loss'.*Rename"),
        ("1,2,3\n2,3,4\n", "first line holds numbers.*Add a header"),
        ("step,loss\n1,2\n2,abc\n", r"log.csv, line 3: column 'loss' holds 'abc'.*number"),
        ("# c\nstep,loss\n\n1,2\nx,3\n", r"line 5: column 'step' holds 'x'"),
        ("step,lr,loss\n1,fast,2\n", r"line 2: column 'lr' holds 'fast'"),
        ("step,lr,loss\n1,-1,2\n", r"line 2: column 'lr' holds the learning rate -1"),
        ("step,loss\n1,2\n2.5,2\n", r"line 3: column 'step' holds 2.5 .*whole number"),
        ("step,loss\n-1,2\n", r"line 2: column 'step' holds -1"),
        ("step,loss\ninf,2\n", r"line 2: column 'step' holds inf"),
        ("step,loss\n1e300,2\n", r"line 2: column 'step' holds 1e\+300"),
        ("step,loss\n,2\n", "no row has a step"),
        ("step,loss\n1,2,3\n", r"line 2: 3 cells, but the header has 2"),
        ("step,loss\n1\n2,3\n", r"line 2: 1 cells, but the header has 2"),
        ("step,loss,loss\n1,2,3\n", "two columns are named 'loss'"),
        ("step,lr\n1,1e-3\n", "no column holds a loss.*'step', 'lr'"),
        ("step,lr,loss\n1,1e-3,nan\n2,1e-3,\n", "no column holds a loss.*no finite number"),
        ("step,lr,a,b\n1,1e-3,x,\n", "'a' left out: it holds text.*'b' left out: it is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "neither a text log"),
        (b"step,loss\n1,2\n\0", "zero bytes"),
        (b"step,lo\xff\n1,2\n", "byte 8 is not UTF-8"),
        (b"\x1f\x8bnonsense", "damaged gzip"),
        (gzip.compress(TINY.encode(), mtime=0)[:-9], "damaged gzip"),
        (b"PAR1 and more PAR1", "damaged Parquet"),
        ('{"step":1,"loss":2}\n{"step":2,"loss":}\n', "line 2: malformed JSON"),
        ('{"step":1,"loss":2}\n[1]\n', "line 2: a JSON value that is not an object"),
        ('{\n"step": 1\n}\n', "line 1: malformed JSON.*one object a line"),
        ("{}\n{}\n", "hold no values"),
        ("[0.1, 0.2]", "a list of numbers.*lrs"),
        ('[{"step":1,"loss":2}, 3]', "entry 2: expected an object"),
        ("[]", "hold no values"),
        ("[1,\n2", "line 2: malformed JSON"),
        ('{"log_history": [}', "line 1: malformed JSON"),
        ('{"log_history": {}}', "expected a list 'log_history'"),
        ('{"log_history": []}', "log_history is empty"),
        ('{"log_history": [1]}', "log_history entry 1: expected an object"),
        ('{"log_history": [{"step": 1, "loss": 2}, {"step": -1}]}', "log_history entry 2"),
        ("[" * 100_000, "log.csv"),
        ("run,step,loss\na,1,2\na,2,2\nb,1,3\n", r"several series.*'run' \('a', 'b'\)"),
        ('{"step":1,"split":"t","loss":2}\n{"step":1,"split":"v","loss":3}', "'split'"),
    ],
)
def test_bad_logs_say_where_and_what(log, content, message) -> None:
    with pytest.raises(DataError, match=f"(?s){message}") as caught:
        logs.read(log(content))
    assert "log.csv" in str(caught.value)


def test_a_missing_file(log, tmp_path: Path) -> None:
    log(TINY, "base.csv")
    with pytest.raises(DataError, match=r"no such file.*Did you mean .*base.csv"):
        logs.read(tmp_path / "bse.csv")
    with pytest.raises(DataError, match=r"no such file.*Nor is there a directory"):
        logs.read(tmp_path / "nowhere" / "base.csv")


def test_a_new_format_is_one_entry_of_the_table(log, tmp_path: Path, monkeypatch) -> None:
    def rows(source: logs.Source) -> logs.Table:
        step, loss = source.text.split("@")[1:]
        columns = {"step": [step], "eval_loss": [loss]}
        return logs.Table(source.given, source.stem, "mine", columns, lambda row: source.given)

    mine = logs.Format("mine", lambda source: source.data.startswith(b"@"), rows, (".mine",))
    monkeypatch.setattr(logs, "FORMATS", (mine, *logs.FORMATS))
    run = logs.read(log("@10@3.5", "run.mine"))
    assert (run.format, run.curves["eval_loss"].loss.tolist()) == ("mine", [3.5])
    with pytest.raises(DataError, match=r"Name one file, such as .*run\.mine"):
        logs.read(tmp_path)


def test_a_directory_without_logs(log, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected trainer_state.json .*Name the log file"):
        logs.read(tmp_path)
    log(TINY, "base.csv")
    with pytest.raises(DataError, match=r"such as '.*base.csv'"):
        logs.read(tmp_path)


def test_a_file_that_may_not_be_read(log, monkeypatch) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    path = log(TINY)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="not permitted"):
        logs.read(path)


# --- learning rates of every step --------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "[0.1, 0.2, 0]",
        '{"lrs": [0.1, 0.2, 0], "note": "x"}',
        "lr\n0.1\n0.2\n0\n",
        "0.1\n0.2\n0\n",
        "step,lr\n1,0.1\n2,0.2\n3,0\n",
        "step\tloss\tlearning_rate\n2\t5\t0.2\n1\t5\t0.1\n3\t5\t0\n",
    ],
)
def test_read_lrs(log, content) -> None:
    assert logs.read_lrs(log(content)).lr().tolist() == [0.1, 0.2, 0.0]


@pytest.mark.parametrize(
    "content, message",
    [
        ("[]", "empty"),
        ('{"rates": [1]}', "JSON list of numbers"),
        ("[0.1, null]", "step 2: None is not a learning rate"),
        ("[0.1, true]", "step 2: True"),
        ("[0.1, -0.1]", "step 2 must be"),
        ("[0.1, NaN]", "step 2 must be"),
        ("[0.1,\n", "line 2: malformed"),
        ("lr\n0.1\n\nx\n", "line 4.*'x'"),
        ("lr\n", "empty"),
        ("step,lr\n1,0.1\n3,0.1\n", "found 3 where step 2 should be"),
        ("step,lr\n0,0.1\n1,0.1\n", "found 0 where step 1"),
        ("step,lr\n1,\n", "line 2: 'lr' column holds ''"),
        ("a,b\n1,2\n", "columns step and lr; found 'a', 'b'"),
        (b"\xff\xfe\xff", "neither a text log"),
    ],
)
def test_bad_files_of_learning_rates(log, content, message) -> None:
    with pytest.raises(DataError, match=f"(?s){message}") as caught:
        logs.read_lrs(log(content))
    assert "log.csv" in str(caught.value)


def test_read_lrs_refuses_a_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a directory"):
        logs.read_lrs(tmp_path)


# --- any file at all ---------------------------------------------------------------------------


cells = st.one_of(
    st.sampled_from(["", "nan", "inf", "-1", "0", "1", "2", "3.5", "1e999", "step", "lr", "loss"]),
    st.text(max_size=4),
    st.integers().map(str),
)
csv_texts = st.lists(st.lists(cells, min_size=3, max_size=3), max_size=6).map(
    lambda rows: "step,lr,loss\n" + "\n".join(",".join(row) for row in rows)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["step", "loss", "lr", "log_history", "global_step", "x"]), inner
        )
    ),
    max_leaves=12,
)
histories = st.lists(
    st.dictionaries(st.sampled_from(["step", "loss", "learning_rate"]), json_values), max_size=4
)
json_texts = st.one_of(
    json_values.map(json.dumps),
    st.lists(json_values.map(json.dumps), max_size=4).map("\n".join),
    histories.map(lambda rows: json.dumps({"log_history": rows, "global_step": 3})),
    histories.map(lambda rows: "\n".join(map(json.dumps, rows))),
)
starts = st.sampled_from([b"", b"PAR1", b"\x1f\x8b\x08", b"\xff\xfe", b'{"log_history": ['])
byte_strings = st.tuples(starts, st.binary(max_size=60)).map(b"".join)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@settings(one_folder, max_examples=400)
@given(
    data=st.one_of(
        byte_strings, csv_texts.map(encoded), json_texts.map(encoded), st.text().map(encoded)
    )
)
@example(data=b'{"step": ' + b"9" * 5000 + b"}")
@example(data=b'{"step": 1, "loss": ' + b"9" * 400 + b"}")
@example(data=b'step,loss\n1,"' + b"9" * 200_000)
@example(data=b'{"step": 1, "loss": 2, "\\ud800": 1}')
def test_any_file_is_read_or_refused_in_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    for reader in (logs.read, logs.read_lrs):
        try:
            reader(path)
        except DataError as error:
            assert "any" in str(error)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_a_device_is_not_read_without_end():
    with pytest.raises(DataError, match="/dev/zero: is a device, which may never end"):
        logs.read("/dev/zero")
    with pytest.raises(DataError, match="is a device"):
        read_text("/dev/zero", "Name a file.")
