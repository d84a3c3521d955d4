"""What a server keeps of fits and jobs, and how many it takes on."""

import threading
from dataclasses import replace

import pytest

from cptlaw.errors import DataError, FitError
from cptlaw.explorer import shelf as shelves
from cptlaw.explorer.shelf import Shelf


def waited(shelf, number):
    while shelf.job(number).status == "running":
        pass
    return shelf.job(number)


def failing(error):
    def make(progress):
        raise error

    return make


def test_the_first_fit_stays_and_later_ones_make_room(entry, monkeypatch):
    monkeypatch.setattr(shelves, "MOST_FITS", 3)
    shelf = Shelf()
    keys = [shelf.put(replace(entry, key=f"{n}")) for n in range(6)]
    for kept in ("0", "4", "5"):
        assert shelf.get(kept).key == kept
    for gone in keys[1:4]:
        with pytest.raises(DataError, match="does not know that fit"):
            shelf.get(gone)


def test_the_first_job_stays_and_later_ones_make_room(monkeypatch):
    monkeypatch.setattr(shelves, "MOST_JOBS", 3)
    shelf = Shelf()
    numbers = []
    for number in ("first", "", "", "", ""):
        numbers.append(shelf.start(failing(DataError("no")), number))
        waited(shelf, numbers[-1])
    for kept in (numbers[0], *numbers[-2:]):
        assert shelf.job(kept).status == "failed"
    with pytest.raises(DataError, match="no such job"):
        shelf.job(numbers[1])


def test_two_are_at_work_at_most():
    shelf, go_on = Shelf(), threading.Event()

    def make(progress):
        progress("half of it")
        go_on.wait(30)
        raise DataError("enough")

    numbers = [shelf.start(make) for _ in range(2)]
    with pytest.raises(DataError, match="other fits are being made; try again"):
        shelf.start(make)
    assert {shelf.job(number).status for number in numbers} == {"running"}
    go_on.set()
    assert [waited(shelf, number).error for number in numbers] == ["enough", "enough"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FitError("no start"), "no start"),
        (MemoryError(), "out of memory."),
        (RuntimeError("odd"), "a bug in cptlaw, RuntimeError: odd. Please report it."),
    ],
)
def test_what_went_wrong_is_told(error, told):
    shelf = Shelf()
    assert waited(shelf, shelf.start(failing(error))).error == told
