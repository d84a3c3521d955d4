"""What a command says of trouble that is nobody's input, and what it asks at a terminal."""

import pytest

from command import BASE, run, write_log
from cptlaw import Schedule
from terminals import Terminal

ASKED = ("schedule", "constant 50 to 1e-3")


def failing(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(Schedule, "lr", fail)


def test_a_bug_shows_where_if_asked(monkeypatch):
    failing(monkeypatch, ZeroDivisionError("odd"))
    assert run(*ASKED).stderr.startswith("error: a bug in cptlaw, ZeroDivisionError: odd.")
    monkeypatch.setenv("CPTLAW_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        run(*ASKED)


def test_too_little_memory_is_an_error_of_what_was_asked(monkeypatch):
    failing(monkeypatch, MemoryError())
    ended = run(*ASKED)
    assert ended.status == 2
    assert ended.stderr == "error: out of memory. Are the numbers of steps right?\n"


def test_at_a_terminal_an_open_model_is_asked_for(tmp_path, monkeypatch):
    write_log(tmp_path / "open.csv", "warmup 100 to 2e-5 | cosine 900 to 0", base_schedule=BASE)
    asked = []

    def prompt(text, **_):
        asked.append(text)
        return "llama"

    monkeypatch.setattr("click.prompt", prompt)
    monkeypatch.setattr("sys.stdin", Terminal())
    study = tmp_path / "open.toml"
    ended = run("init", tmp_path / "open.csv", "-o", study)
    assert ended.status == 0, ended.stderr
    assert len(asked) == 1 and "'open' looks like the training of a model" in asked[0]
    assert 'after = "unknown:llama"' in study.read_text()
    assert "it asks what" not in ended.stderr
