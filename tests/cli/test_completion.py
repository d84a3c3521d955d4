"""What the Tab key offers."""

import os
import shutil
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from command import run, write_logs
from cptlaw.cli import cli, completing
from cptlaw.laws.catalog import LAWS


def offered(*words):
    """What is offered for the last word, and of which kinds."""
    completion = ShellComplete(cli, {}, "cptlaw", "_CPTLAW_COMPLETE")
    found = completion.get_completions(list(words[:-1]), words[-1])
    return [item.value for item in found], {item.type for item in found}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_logs(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        *(("fit", "st"), ("fit", ""), ("read", "ba"), ("init", "-o", "st"), ("explore", "st")),
        *(("forecast", "fi"), ("forecast", "x.json", "-o", "st"), ("report", "st")),
        *(("watch", "ba"), ("fit", "study.toml", "--figure", "st"), ("compare", "st")),
        *(("lab", "sweep", "st"), ("bench", "accuracy", "-o", "st"), ("paper", "fig1", "-o", "st")),
    ],
)
def test_files_where_files_are_expected(folder, words):
    (folder / "fit.json").touch()
    assert offered(*words)[1] == {"file"}


@pytest.mark.parametrize("words", [("demo", "-o", ""), ("lab", "sweep", "tiny", "-o", "")])
def test_folders_where_folders_are_expected(words):
    assert offered(*words)[1] == {"dir"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("fit", "study.toml", "--law", "eq1"), [law for law in LAWS if law.startswith("eq1")]),
        (("fit", "study.toml", "--law", "av"), ["average"]),
        (("compare", "study.toml", "--law", "eq4", "eq9,eq1"), ["eq9,eq1", "eq9,eq10"]),
        (("fit", "study.toml", "--ood-law", "eq6"), ["eq6"]),
        (("demo", "--data", "tiny-grid"), ["tiny-grid", "tiny-grid-far"]),
        (("lab", "sweep", "paper-l"), ["paper-llama"]),
        (("paper", "table"), ["table1", "table2"]),
        (("schedule", "constant 9", "-o", "mega"), ["megatron.args"]),
        (("laws", "--format", "m"), ["markdown"]),
        (("completion", "f"), ["fish"]),
        (("comp",), ["compare", "completion"]),
        (("plan", "fit.json", "--measure", "per"), ["perplexity"]),
    ],
)
def test_names_where_names_are_expected(tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    found, kinds = offered(*words)
    assert sorted(found) == sorted(expected)
    assert kinds == {"plain"}


def test_published_fits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, _ = offered("forecast", "published:fineweb-law")
    assert "published:fineweb-law-106m" in found


def test_runs_of_the_study(folder):
    assert offered("backtest", "study.toml", "--hold-out", "")[0] == ["base", "cosine", "stages"]
    assert offered("backtest", "study.toml", "--hold-out", "cosine", "st")[0] == ["stages"]
    assert offered("backtest", "study.toml", "--fit-steps", "0.3", "--keep", "b")[0] == ["base"]
    assert offered("backtest", "none.toml", "--hold-out", "")[0] == []


def test_further_words_of_an_option_end_with_the_next(folder):
    found, _ = offered("backtest", "study.toml", "--hold-out", "cosine", "--t")
    assert found == ["--tail", "--target"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_prints_what_a_shell_reads(shell):
    ended = run("completion", shell)
    assert ended.status == 0
    assert "_CPTLAW_COMPLETE" in ended.stdout
    assert f"cptlaw completion {shell}" in run("completion", "--help").stdout


BASH = """
eval "$(cptlaw completion bash)"
press() {{
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _cptlaw_completion cptlaw >/dev/null 2>&1
    printf '%s ' "${{COMPREPLY[@]}}"; echo
}}
press cptlaw forec
press cptlaw fit study.toml --law unkn
press cptlaw forecast published : fineweb-law-1
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_in_a_real_bash(tmp_path):
    command = tmp_path / "cptlaw"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cptlaw "$@"\n')
    command.chmod(0o755)
    where = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    words = ["bash", "--norc", "-c", BASH.format()]
    ended = subprocess.run(words, capture_output=True, text=True, env=where, cwd=tmp_path)
    lines = [line.split() for line in ended.stdout.splitlines()]
    assert lines[0] == ["forecast"], ended.stderr
    assert lines[1] == ["unknown-pt"]
    assert lines[2] == ["fineweb-law-106m"]


def test_words_of_a_name_with_a_colon_are_put_together(monkeypatch):
    monkeypatch.setenv("COMP_WORDS", "cptlaw forecast published : fine")
    monkeypatch.setenv("COMP_CWORD", "4")
    bash = completing.Bash(cli, {}, "cptlaw", "_CPTLAW_COMPLETE")
    assert bash.get_completion_args() == (["forecast"], "published:fine")
