"""What someone with an open model and a short CPT log meets on the command line."""

import json

import numpy as np
import pytest

import command

ANSWER = "--unknown NAME"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps = np.arange(0, 1001, 50)
    lr = 5e-5 * 0.5 * (1 + np.cos(np.pi * steps / 1000))
    cpt = 1.4 + 0.35 * (1 + steps / 30) ** -0.5
    pt = 2.3 + 0.02 * np.log1p(steps / 100)
    rows = zip(steps, lr, pt, cpt, strict=True)
    text = "step,learning_rate,eval_general_loss,eval_law_loss\n"
    text += "".join(f"{s},{a:.5g},{b:.4f},{c:.4f}\n" for s, a, b, c in rows)
    (tmp_path / "run.csv").write_text(text, encoding="utf-8")
    return tmp_path


def test_init_asks_for_the_open_model_and_says_how_to_answer(here):
    ended = command.run("init", "run.csv", "-o", "s.toml")
    assert ended.status == 0
    assert ended.stderr.endswith("cptlaw init run.csv -o s.toml --force --unknown NAME\n")
    asked = command.run("fit", "s.toml")
    assert asked.status == 2 and ANSWER in asked.stderr
    said = json.loads(command.run("init", "run.csv", "-o", "t.toml", "--json").stdout)
    assert said["asks"] == ["run"]


def test_from_a_log_to_a_forecast(here):
    assert command.run("init", "run.csv", "-o", "s.toml", "--unknown", "llama").status == 0
    fitted = command.run("fit", "s.toml", "-o", "fit.json")
    assert fitted.status == 0, fitted.stderr
    assert "effective+unknown" in fitted.stdout
    assert "--after unknown:llama" in fitted.stderr
    words = ("forecast", "fit.json", "--schedule", "warmup 50 to 5e-5 | linear 950 to 0")
    assert '"warmup 50 to 5e-05 | cosine 950 to 0"' in fitted.stderr  # as long as its own run
    lost = command.run(*words)
    assert lost.status == 2 and "unknown:llama" in lost.stderr
    plan = ("plan", "fit.json", "--goal", "cpt=1", "--peak", "5e-5", "--steps", "1000")
    assert "unknown:llama" in command.run(*plan).stderr
    ended = command.run("pilot", "fit.json", *plan[2:4], "--budget", "9steps", "--after", "base")
    assert "unknown:llama" in ended.stderr
    ended = command.run(*words, "--after", "unknown:llama", "--json")
    final = json.loads(ended.stdout)["domains"]["cpt"]
    assert 1.35 < final["final"] < 1.6


def test_pilots_of_an_open_model(here):
    words = ("--new", "--unknown", "llama", "--model-size", "7e9", "--budget", "6000steps")
    ended = command.run("pilot", *words)
    assert ended.status == 0, ended.stderr
    assert "after unknown:llama" in ended.stdout and "base" not in ended.stdout.split("\n")[2]
    assert command.run("pilot", *words[:2], " ", *words[3:]).status == 2
    ended = command.run("pilot", "fit.json", "--unknown", "llama", "--budget", "100steps")
    assert ended.status == 2 and "--unknown belongs to --new" in ended.stderr


def test_nobody_knows_the_last_learning_rate_of_an_open_model(here):
    assert command.run("init", "run.csv", "-o", "s.toml", "--unknown", "llama").status == 0
    assert command.run("fit", "s.toml", "-o", "fit.json").status == 0
    after = ("--after", "unknown:llama", "--schedule")
    for words in (("forecast", "fit.json"), ("watch", "run.csv", "fit.json", "--once")):
        ended = command.run(*words, *after, "cosine 1000 to 1e-6")
        assert ended.status == 2 and "nothing says which LR it starts from" in ended.stderr
        assert command.run(*words, *after, "cosine 1000 to 1e-6 from=5e-5").status == 0
