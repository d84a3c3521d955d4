"""A mistyped command or option: the nearest one is named, and only a near one."""

import pytest

import command


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["forcast"], "no such command 'forcast'. Did you mean 'forecast'?"),
        (["qqq"], "no such command 'qqq'. See: cptlaw --help"),
        (["fit", "a.toml", "--oput", "b"], "no such option '--oput'. Did you mean '--output'?"),
        (["fit", "a.toml", "--shedule", "b"], "no such option '--shedule'. See: cptlaw fit --help"),
    ],
)
def test_what_was_meant(words, told):
    ended = command.run(*words)
    assert ended.status == 2
    assert told in ended.stderr
