import os
import stat
from pathlib import Path

import pytest

from cptlaw.errors import DataError
from cptlaw.files import check_file, check_folder, make_folder, read_text, write_atomic


@pytest.mark.parametrize(
    ("content", "stored"),
    [("L₀ = 3\n", "L₀ = 3\n".encode()), (b"\x00\r\n\xff", b"\x00\r\n\xff"), ("", b"")],
)
def test_what_is_written(tmp_path, content, stored):
    path = tmp_path / "fit.json"
    assert write_atomic(path, content) == path
    assert path.read_bytes() == stored
    assert [p.name for p in tmp_path.iterdir()] == ["fit.json"]


def test_a_path_may_be_a_text(tmp_path):
    assert write_atomic(str(tmp_path / "a"), "x") == tmp_path / "a"


def test_a_name_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomic("a", "x")
    assert (tmp_path / "a").read_text() == "x"


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "fit.json"
    path.write_text("something longer that was there before")
    write_atomic(path, "new")
    assert path.read_text() == "new"


def test_a_file_has_ordinary_permissions(tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.write_text("x")
    written = write_atomic(tmp_path / "written", "x")
    assert stat.S_IMODE(written.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is a directory; name a file in it"),
        ("missing/fit.json", "cannot be written: No such file or directory"),
        ("file/fit.json", "cannot be written: Not a directory"),
        ("x" * 300, "cannot be written: File name too long"),
    ],
)
def test_where_no_file_can_be(tmp_path, name, words):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=words) as caught:
        write_atomic(tmp_path / name, "x")
    assert str(tmp_path) in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, error):
    path = tmp_path / "fit.json"
    path.write_text("old")

    def fail(*_):
        raise error

    monkeypatch.setattr(Path, "replace", fail)
    expected = DataError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["fit.json"]


def test_a_text_is_read_alike_from_any_machine(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfa\r\n")
    assert read_text(tmp_path / "a", "") == "a\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "there is no such file. Name one."),
        (".", "cannot be read: Is a directory. Name one."),
        ("bad", "is not UTF-8 text, at byte 3."),
    ],
)
def test_a_text_that_cannot_be_read_says_why(tmp_path, name, message):
    (tmp_path / "bad").write_bytes(b"ab\xff")
    with pytest.raises(DataError) as raised:
        read_text(tmp_path / name, "Name one.")
    assert str(raised.value) == message


def test_a_folder_is_made_with_those_it_lies_in(tmp_path):
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert make_folder(tmp_path / "a").is_dir()


def test_what_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    for make in (check_folder, make_folder):
        with pytest.raises(DataError, match="file: is a file; name a folder"):
            make(tmp_path / "file")
    with pytest.raises(DataError, match="x: cannot be made"):
        make_folder(tmp_path / "file" / "x")


def test_files_that_are_there_are_not_written_over(tmp_path):
    (tmp_path / "study.toml").write_text("mine")
    assert check_folder(tmp_path, ["plan.txt"]) == tmp_path
    with pytest.raises(DataError, match=r"study\.toml: is there already. Name another folder."):
        check_folder(tmp_path, ["plan.txt", "study.toml"])


def test_a_file_is_tried_out_before_the_work(tmp_path):
    check_file(tmp_path / "fit.json")
    check_folder(tmp_path / "plan" / "deep")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("mine")
    for name, words in (
        ("none/x", "the folder .* does not exist. Make it first"),
        (".", "is a directory"),
        ("x" * 300, "cannot be written: File name too long"),
    ):
        with pytest.raises(DataError, match=words):
            check_file(tmp_path / name)
    with pytest.raises(DataError, match=r"cannot be made: .*file"):
        check_folder(tmp_path / "file" / "x")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match="cannot be written: Permission denied"):
            check_file(tmp_path / "fit.json")
        with pytest.raises(DataError, match="cannot be made: Permission denied"):
            check_folder(tmp_path / "plan")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder here that nobody may change")
def test_a_file_system_that_takes_no_files_is_told():
    with pytest.raises(DataError, match=r"/proc/fit\.json: cannot be written"):
        check_file("/proc/fit.json")
    with pytest.raises(DataError, match="/proc/plan: cannot be made"):
        check_folder("/proc/plan")
