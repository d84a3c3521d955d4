"""What is there for a while goes, and nothing else does."""

import os
import threading
import time

import pytest

from cptlaw import temporary


def test_temporary_folders_go(tmp_path):
    with temporary.folder("x-", tmp_path) as first, temporary.folder("x-", tmp_path) as second:
        (first / "a").write_text("1")
        assert first.is_dir()
        assert second.is_dir()
    left = tmp_path / "x-0123456789.part"
    left.mkdir()
    (left / "a").write_text("of a process that was killed")
    (tmp_path / "x-other").mkdir()
    with temporary.folder("x-", tmp_path):
        assert not left.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["x-other"]


@pytest.mark.parametrize("name", ["x-notes.part", "x-0123456789.part.txt", "x-0123456789"])
def test_what_is_named_alike_stays(tmp_path, name):
    (tmp_path / name).write_text("of a person")
    with temporary.folder("x-", tmp_path):
        pass
    assert (tmp_path / name).is_file()


def test_one_that_another_takes_for_a_leftover_is_made_anew(tmp_path, monkeypatch):
    """A process that looks for leftovers may lock a new file before the one that made it does."""
    fcntl = pytest.importorskip("fcntl")
    made, taken = temporary._made, []

    def and_taken(path, is_folder):
        handle = made(path, is_folder)
        if not taken:
            taken.append(path)
            other = os.open(path, os.O_RDONLY)
            fcntl.flock(other, fcntl.LOCK_EX)
            threading.Thread(target=remove, args=(path, other)).start()
        return handle

    def remove(path, other):
        time.sleep(0.2)
        path.rmdir()
        os.close(other)

    monkeypatch.setattr(temporary, "_made", and_taken)
    with temporary.folder("x-", tmp_path) as folder:
        time.sleep(0.4)
        assert folder.is_dir()
        assert folder not in taken


def test_a_file_is_closed_before_it_is_removed(tmp_path, monkeypatch):
    """Windows removes no open file."""
    remove = temporary._remove

    def removed(path):
        assert temporary._open[path] is None
        remove(path)

    monkeypatch.setattr(temporary, "_remove", removed)
    temporary.try_out(tmp_path / "fit.json")
    assert list(tmp_path.iterdir()) == []
