"""The help texts of the commands."""

import pytest

from command import run


@pytest.mark.parametrize(
    "words",
    ["", "read", "init", "fit", "forecast", "backtest", "laws", "published", "demo", "bench fit"],
)
def test_help(words):
    ended = run(*words.split(), "--help")
    assert ended.status == 0
    assert ended.stdout.startswith("Usage: cptlaw")
    assert ended.stderr == ""


@pytest.mark.parametrize(
    "words",
    [
        *("read", "init", "fit", "forecast", "backtest", "compare", "plan", "plan --prior"),
        *("pilot", "watch", "schedule", "explore", "report"),
    ],
)
def test_help_ends_with_an_example(words):
    told = run(*words.split(), "--help").stdout
    assert f"\n\n  Such as:\n    cptlaw {words} " in told
    assert "\\b" not in told
