"""The wish to stop: noted once, obeyed at once the second time."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from cptlaw.lab.engines import torchrun
from cptlaw.lab.stopping import STOP_FILE, asked_to_stop

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture
def quiet():
    """SIGINT as it is, whatever the test does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_second_interrupt_stops_at_once(quiet, capsys):
    with asked_to_stop() as asked:
        assert not asked()
        interrupt()
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert "stopping after this step, with a checkpoint; Ctrl-C again" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_patient_one_takes_a_second_interrupt_for_the_same_wish(quiet, capsys):
    with asked_to_stop(patient=True) as asked:
        interrupt()
        interrupt()
        assert asked()
    assert capsys.readouterr().err == "\nstopping after this step, with a checkpoint ...\n"


def test_outside_the_main_thread_a_file_asks(tmp_path, monkeypatch):
    monkeypatch.setenv(STOP_FILE, str(tmp_path / "stop"))
    answers, before = [], signal.getsignal(signal.SIGINT)

    def work():
        with asked_to_stop() as asked:
            answers.append(asked())
            (tmp_path / "stop").touch()
            answers.extend([asked(), signal.getsignal(signal.SIGINT) is before])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False, True, True]


def test_torchrun_ends_with_who_waits_for_it(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
    )

    def asked():
        raise KeyboardInterrupt

    with contextlib.ExitStack() as held:
        held.callback(process.kill)
        with pytest.raises(KeyboardInterrupt):
            torchrun.ended(process, tmp_path / "stop", asked)
        assert process.poll() == -signal.SIGTERM


def test_torchrun_is_asked_to_stop_by_a_file(tmp_path):
    stop = tmp_path / "stop"
    waits = f"import os, time\nwhile not os.path.exists({str(stop)!r}): time.sleep(0.02)\nexit(7)"
    process = subprocess.Popen([sys.executable, "-c", waits], start_new_session=True)
    assert torchrun.ended(process, stop, lambda: True) == 7
