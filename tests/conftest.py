"""Settings of all tests: one thread each, the same examples on CI, and what is shared."""

import os
import time

import pytest
from hypothesis import settings

import labs
import warm

# Read when NumPy and PyTorch are first imported: processes that share a machine do not fight.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

os.environ.pop("COLUMNS", None)  # text has its usual width, whatever the terminal's is

# The same examples every time, so that a rare one fails no other change. Others, many of them:
# pytest --hypothesis-profile search
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=1000, deadline=None)
settings.load_profile("same")

# What loads PyTorch and shares the runs that are trained once.
LAB = (
    "tests/lab/",
    "tests/cli/test_lab.py",
    "tests/evidence/test_lab_speed.py",
    "tests/evidence/test_live_cost.py",
    "tests/schedules/test_export_torch.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With --dist loadfile: the lab in one process, the other tests file by file."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return "lab" if nodeid.startswith(LAB) else super()._split_scope(nodeid)

    return ByFile(config, log)


@pytest.fixture(scope="session")
def lab_texts(tmp_path_factory):
    """The texts of the tiny experiment."""
    return labs.write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="session")
def lab_data(tmp_path_factory, lab_texts):
    """The tokens of the tiny experiment, made once."""
    lab = labs.Lab(tmp_path_factory.mktemp("tokens"), lab_texts, None)
    lab.corpus(lab.load())
    return lab.out() / "data"


@pytest.fixture(scope="session")
def lab_done(tmp_path_factory, lab_texts, lab_data):
    """The runs of the tiny experiment, trained once."""
    lab = labs.Lab(tmp_path_factory.mktemp("done"), lab_texts, lab_data)
    assert lab.sweep().done == ("base", "cpt")
    return lab.out()


@pytest.fixture
def lab(tmp_path, lab_texts, lab_data, lab_done):
    """The tiny experiment in a folder of its own."""
    return labs.Lab(tmp_path, lab_texts, lab_data, lab_done)


@pytest.fixture(scope="session")
def warm_python(tmp_path_factory):
    """A Python that has imported what the lab needs."""
    with warm.python(tmp_path_factory.mktemp("warm")) as executable:
        yield executable


@pytest.fixture
def clock(monkeypatch):
    """Seconds, which go by as the test says."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now
