"""cptlaw explore: what it opens with, what it refuses, whom it tells."""

import socket
import threading

import pytest

from bundled import grid_fit
from command import run, write_logs
from cptlaw.output import store

pytest.importorskip("flask", reason="the explorer's extra is not installed")
pytest.importorskip("plotly", reason="the explorer's extra is not installed")


@pytest.fixture
def opened(monkeypatch):
    """What would have been served, and where."""
    served = []

    def serve(first, host, port, ready, watched=None):
        served.append((first, host, port, watched))
        ready(f"http://{host}:1/")

    monkeypatch.setattr("cptlaw.explorer.serving.serve", serve)
    return served


def test_a_fit_a_published_one_or_nothing(opened, tmp_path):
    store.save(grid_fit(), tmp_path / "fit.json")
    assert run("explore", tmp_path / "fit.json").status == 0
    assert run("explore", "published:fineweb-kp-N").status == 0
    ended = run("explore")
    assert ended.status == 0
    assert "the explorer is at http://127.0.0.1:1/" in ended.stderr
    names = [first(lambda said: None)[0] for first, *_ in opened[:2]]
    assert names == ["fit.json", "published:fineweb-kp-N"]


def test_a_study_is_read_before_anything_is_served(opened, tmp_path):
    write_logs(tmp_path)
    assert run("explore", tmp_path / "study.toml").status == 0
    (tmp_path / "cosine.csv").unlink()
    ended = run("explore", tmp_path / "study.toml")
    assert ended.status == 2
    assert "cosine.csv" in ended.stderr
    assert len(opened) == 1


def test_what_is_not_there_is_told(opened, tmp_path):
    assert run("explore", tmp_path / "gone.json").status == 2
    assert run("explore", tmp_path / "gone.toml").status == 2
    assert run("explore", "--follow", tmp_path / "log.csv").status == 2
    (tmp_path / "log.csv").write_text("step,loss\n1,2\n")
    ended = run("explore", "--follow", tmp_path / "log.csv")
    assert "FIT or STUDY" in ended.stderr
    assert opened == []


def test_another_address_is_told_of(opened):
    assert "everyone who reaches 0.0.0.0" in run("explore", "--host", "0.0.0.0").stderr
    assert "everyone" not in run("explore").stderr


def test_a_run_is_followed(opened, tmp_path):
    write_logs(tmp_path)
    log = tmp_path / "cosine.csv"
    words = ("--follow", log, "--after", "base", "--schedule", "cosine 1000 to 0")
    assert run("explore", tmp_path / "study.toml", *words).status == 0
    under = opened[0][3].look()
    assert under.steps == 1000
    assert under.now is not None


def test_a_port_that_is_taken_is_told(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run("explore", "published:fineweb-kp-106m", "--port", port)
    assert ended.status == 2
    assert f"127.0.0.1:{port} cannot be served" in ended.stderr


def test_without_a_port_the_next_free_one_is_taken():
    from cptlaw.explorer.serving import listen
    from cptlaw.fitting import published

    fit = published.load("fineweb-kp-106m")
    both = [listen(lambda say: ("x", fit, "")) for _ in range(2)]
    ports = [server.port for server, _ in both]
    for server, close in both:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        server.shutdown()
        server.server_close()
        close()
    assert ports[0] < ports[1]
