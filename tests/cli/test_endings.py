"""The command as a process: ended by a signal at any moment, or with streams that are broken."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from cptlaw import temporary
from cptlaw.ending import INTERRUPTED

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and streams of POSIX")
SOURCE = Path(__file__).parents[2] / "src"
SCHEDULE = ("schedule", "constant 5 to 1e-3", "-o", "lr.csv")

AT_IMPORT = """
import os, sys
class Finder:
    def find_spec(name, *_):
        if name == {name!r}:
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Finder)
"""
AT_REPLACE = """
import os, pathlib
before = pathlib.Path.replace
def replace(self, target):
    os.kill(os.getpid(), {number})
    return before(self, target)
pathlib.Path.replace = replace
"""


@pytest.fixture(autouse=True)
def heard():
    """Signals that a job in the background ignores, as would all that it starts."""
    ignored = [n for n in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


def environment(folder, code="", **given):
    """Variables of a process in which some code runs first."""
    (folder / "first").mkdir(exist_ok=True)
    (folder / "first" / "sitecustomize.py").write_text(textwrap.dedent(code).format(**given))
    return os.environ | {"PYTHONPATH": f"{folder / 'first'}:{SOURCE}", "TMPDIR": str(folder)}


def ended(folder, words, variables, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    command = [sys.executable, "-m", "cptlaw", *words]
    return subprocess.run(
        command, cwd=folder, env=variables, text=True, check=False, timeout=120, **options
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", ["numpy", "click", "cptlaw.laws.law", "cptlaw.output.text.laws"])
def test_a_signal_during_imports(tmp_path, name, number):
    variables = environment(tmp_path, AT_IMPORT, name=name, number=int(number))
    found = ended(tmp_path, ("published",), variables)
    assert (found.returncode, found.stderr) == (128 + number, f"{INTERRUPTED}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_file_is_written(tmp_path, number):
    (tmp_path / "lr.csv").write_text("old")
    variables = environment(tmp_path, AT_REPLACE, number=int(number))
    found = ended(tmp_path, SCHEDULE, variables)
    assert (found.returncode, found.stderr) == (128 + number, f"{INTERRUPTED}\n")
    assert (tmp_path / "lr.csv").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first", "lr.csv"]


def test_what_a_killed_process_left_is_taken_away_by_the_next(tmp_path):
    found = ended(tmp_path, SCHEDULE, environment(tmp_path, AT_REPLACE, number=int(signal.SIGKILL)))
    assert found.returncode == -signal.SIGKILL
    assert [p.suffix for p in tmp_path.glob(".lr.csv.*")] == [".part"]
    others = tmp_path / ".lr.csv.0123456789.part"
    with others.open("w") as file:
        assert temporary._lock(file.fileno())
        assert ended(tmp_path, SCHEDULE, environment(tmp_path)).returncode == 0
        assert list(tmp_path.glob(".lr.csv.*")) == [others]


def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    ignored = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    code = ignored + AT_REPLACE
    variables = environment(tmp_path, code, number=int(signal.SIGHUP))
    assert ended(tmp_path, SCHEDULE, variables).returncode == 0


def test_the_explorer_takes_its_folder_away(tmp_path):
    pytest.importorskip("flask")
    pytest.importorskip("plotly")
    words = [sys.executable, "-m", "cptlaw", "explore", "published:fineweb-kp-106m"]
    with subprocess.Popen(
        [*words, "--no-browser", "--port", "0"],
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "the explorer is at" in process.stderr.readline()
        assert list(tmp_path.glob("cptlaw-explorer-*"))
        process.terminate()
        assert process.wait(60) == 143
        assert process.stderr.read().strip() == INTERRUPTED
    assert not list(tmp_path.glob("cptlaw-explorer-*"))


# --- streams ----------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", [("published",), ("published", "--json"), ("--help",)])
def test_a_full_disk_behind_standard_output(tmp_path, words):
    with Path("/dev/full").open("w") as full:
        found = ended(tmp_path, words, environment(tmp_path), stdout=full)
    assert (found.returncode, found.stderr) == (
        2,
        "error: the output: No space left on device.\n",
    )


@pytest.mark.parametrize("words", [("published", "--json"), ("--help",)])
def test_a_reader_that_has_gone(tmp_path, words):
    reads, writes = os.pipe()
    os.close(reads)
    found = ended(tmp_path, words, environment(tmp_path), stdout=writes)
    os.close(writes)
    assert (found.returncode, found.stderr) == (141, "")


def test_a_closed_standard_output_is_told_before_the_work(tmp_path):
    words = (sys.executable, "-m", "cptlaw", *SCHEDULE)
    found = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *words],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert found.stderr.startswith("error: standard output is closed")
    assert not (tmp_path / "lr.csv").exists()


def test_a_closed_standard_error_does_not_end_in_a_file(tmp_path):
    words = (sys.executable, "-m", "cptlaw", *SCHEDULE)
    subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&- 0<&-', "sh", *words],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        check=True,
    )
    assert (tmp_path / "lr.csv").read_text().startswith("step,lr\n")


def test_a_terminal_of_few_letters(tmp_path):
    variables = environment(tmp_path) | {"PYTHONIOENCODING": "ascii"}
    found = ended(tmp_path, ("published",), variables)
    assert found.returncode == 0
    assert found.stdout.isascii()


def test_a_law_file_ends_with_the_command_that_runs_it(tmp_path):
    (tmp_path / "law.py").write_text(
        "import os, time, pathlib\n"
        "pathlib.Path('law').write_text(str(os.getpid()))\n"
        "pathlib.Path('law').rename('running')\n"
        "time.sleep(60)\n"
    )
    words = ["bench", "task", "run", "law.py", "--protocol", "grid-far", "-o", "p.csv"]
    with subprocess.Popen(
        [sys.executable, "-m", "cptlaw", *words],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
    ) as process:
        until = time.monotonic() + 60
        while not (tmp_path / "running").exists() and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    law = int((tmp_path / "running").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(law, 0)
    assert not list(tmp_path.glob("*.part"))
