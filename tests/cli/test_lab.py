"""cptlaw lab sweep and cptlaw lab run, through main()."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasets")

import command
from labs import BASE, CPT, record


def sweep(lab, *words, runs=()):
    out = () if "-o" in words else ("-o", lab.out())
    return command.run("lab", "sweep", lab.write(*runs), *out, "--threads", 1, *words)


def test_messages_go_to_standard_error(lab):
    ended = sweep(lab)
    assert ended.status == 0
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert any("] run 1 of 2, base: step 12 of 12  " in line for line in lines)
    assert any("] run 2 of 2, cpt: step 0 of 8  docs" in line for line in lines)
    assert f"2 of 2 runs are done, in {lab.out()}" in lines
    assert lines[-1] == f"next: cptlaw fit {lab.out() / 'study.toml'}"


def test_json_is_one_object(lab):
    lab.finished()
    ended = sweep(lab, "--json")
    assert ended.status == 0
    assert json.loads(ended.stdout) == {
        "runs": {"base": "done", "cpt": "done"},
        "studies": [str(lab.out() / "study.toml")],
        "failed": {},
    }


def test_json_of_failed_runs(lab):
    wild = CPT.replace("cosine 8 to 0", "constant 8 to 1e8")
    after = '\n[[run]]\nname = "next"\nafter = "cpt"\nschedule = "constant 4"\n'
    ended = sweep(lab, "--json", runs=(BASE, wild, after))
    assert ended.status == 2
    made = json.loads(ended.stdout)
    assert made["runs"] == {"base": "done", "cpt": "diverged", "next": "not run"}
    assert set(made["failed"]) == {"cpt", "next"}
    assert made["studies"] == [str(lab.out() / "study.toml")]


def test_only_some_runs(lab):
    ended = sweep(lab, "--only", "base")
    assert ended.status == 0
    assert record(lab.out() / "base")["status"] == "done"
    assert not (lab.out() / "cpt").exists()


def test_only_an_unknown_run(lab):
    ended = sweep(lab, "--only", "bsae")
    assert ended.status == 2
    assert ended.stderr == "error: there is no run 'bsae'. Did you mean 'base'?\n"


def test_left_out_folder_is_named_like_the_experiment(lab, monkeypatch):
    lab.finished("tiny")
    monkeypatch.chdir(lab.folder)
    ended = command.run("lab", "sweep", lab.write())
    assert ended.status == 0
    assert f"2 of 2 runs are done, in {lab.folder / 'tiny'}" in ended.stderr


def test_experiment_that_is_not_there(lab):
    ended = command.run("lab", "sweep", lab.folder / "tyni.toml")
    assert ended.status == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"error: {lab.folder / 'tyni.toml'}: there is no such file. ")
    assert "preset" in ended.stderr


def test_failure_is_told_in_one_line(lab):
    text = lab.write(BASE, changes={"TEXTS/code.jsonl": "nowhere.jsonl"})
    ended = command.run("lab", "sweep", text, "-o", lab.out())
    assert ended.status == 2
    assert ended.stderr.splitlines()[-1].startswith("error: ")
    assert "nowhere.jsonl: does not exist" in ended.stderr


def run(lab, name):
    return command.run("lab", "run", lab.write(), name, "-o", lab.out(), "--threads", 1)


def test_one_run_needs_its_base(lab):
    ended = run(lab, "cpt")
    assert ended.status == 2
    assert "run 'cpt': its base's checkpoint" in ended.stderr
    assert "is not there. Run 'base' first" in ended.stderr
    assert not (lab.out() / "cpt").exists()


def test_runs_one_by_one_are_those_of_a_sweep(lab):
    for name in ("base", "cpt"):
        ended = run(lab, name)
        assert ended.status == 0 and ended.stdout == ""
        assert record(lab.out() / name)["status"] == "done"
        assert record(lab.out() / name)["fingerprint"] == record(lab.done / name)["fingerprint"]
    assert "2 of 2 runs are done already" in sweep(lab).stderr


def test_one_unknown_run(lab):
    ended = run(lab, "ctp")
    assert ended.status == 2
    assert "no run 'ctp'. Did you mean 'cpt'?" in ended.stderr


@pytest.mark.parametrize(
    "words", [("lab", "sweep", "tiny"), ("lab", "run", "tiny", "base"), ("bench", "lab")]
)
def test_without_its_packages_the_lab_says_how_to_install_them(words, monkeypatch):
    import importlib.util

    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "torch" else there(n))
    ended = command.run(*words)
    assert ended.status == 2
    assert "needs torch, which is not installed" in ended.stderr
    assert "pip install 'cptlaw[lab]'" in ended.stderr


def test_where_it_cannot_train_the_lab_says_so(monkeypatch):
    import importlib.util

    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "fcntl" else there(n))
    ended = command.run("lab", "sweep", "tiny")
    assert ended.status == 2 and "Linux and macOS" in ended.stderr


def test_prepare_makes_the_tokens_alone(lab):
    file = lab.write()
    ended = command.run("lab", "prepare", file, "-o", lab.folder / "new", "--workers", 1)
    assert ended.status == 0 and ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert "2 texts are ready, with " in lines[-2]
    assert lines[-1] == f"next: cptlaw lab sweep {file} -o {lab.folder / 'new'}"
    assert sorted(path.name for path in (lab.folder / "new").iterdir()) == ["data"]
    again = command.run("lab", "prepare", file, "-o", lab.folder / "new")
    assert again.stderr.splitlines() == lines[-2:]
