"""Text from anywhere is seen letter by letter, and steers nothing."""

import json
import tomllib

import pytest

from cptlaw import page, toml_text
from cptlaw.errors import DataError
from cptlaw.visible import visible, visible_lines

STEERING = "\x1b[31m\x9b5m\x07\r\n\t\0\x7f\x85\u202e\u2066\u200b\u2028\u2029\ufeff\udc80\U000e0001"
SEEN = r"\x1b[31m\x9b5m\x07\r\n\t\x00\x7f\x85\u202e\u2066\u200b\u2028\u2029\ufeff\udc80\U000e0001"


def test_what_is_not_seen_is_spelled():
    assert visible(STEERING) == SEEN
    assert visible_lines("a\r\nb\x1b") == "a\\r\nb\\x1b"


@pytest.mark.parametrize("text", ["", "plain [red] :fire:", "Verlust äöü 损失", "a\u00a0b\u202fc"])
def test_what_is_seen_stays(text):
    assert visible(text) == text


def test_an_error_is_one_line():
    assert str(DataError(f"run '{STEERING}'")) == f"run '{SEEN}'"


def test_text_of_a_page():
    name = "[red]x[/foo] :fire: \x1b[2J\u202e"
    shown = "[red]x[/foo] :fire: \\x1b[2J\\u202e"
    assert shown in page.table([name, "n"], [[name, "1"]], title=name)
    assert page.wrapped(f"run '{name}'") == f"run '{shown}'"


def test_a_toml_file_spells_it_too_and_reads_back():
    name = STEERING.replace("\udc80", "")
    line = f"{toml_text.key(name)} = {toml_text.value(name)}"
    assert line.isprintable()
    assert tomllib.loads(line) == {name: name}
    assert json.loads(toml_text.value('"\\\n')) == '"\\\n'
