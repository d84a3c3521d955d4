"""Dropped logs: recognised, corrected, made a study."""

import pytest

from cptlaw import DataError, datasets
from cptlaw.explorer import drops, exports
from cptlaw.explorer.state import State, parse
from dropped_logs import logs


def test_logs_become_a_study(tmp_path):
    names = drops.save(tmp_path, logs())
    found = drops.recognise(tmp_path, names)
    assert found.kind == "logs"
    assert [each.steps for each in found.seen] == [400, 800]
    roles = {column.name: column.role for column in found.columns}
    assert (roles["eval_law_loss"], roles["eval_general_loss"]) == ("cpt", "pt")
    study = drops.load(tmp_path, found.study)
    assert study.has_cpt
    assert study.origin == ""


def test_roles_can_be_corrected(tmp_path):
    names = drops.save(tmp_path, logs())
    found = drops.drafted(tmp_path, names, pt="eval_code_loss")
    roles = {column.name: column.role for column in found.columns}
    assert (roles["eval_code_loss"], roles["eval_general_loss"]) == ("pt", "ood.general")
    asked = drops.drafted(tmp_path, names[1:], unknown="llama")
    assert 'after = "unknown:llama"' in asked.study


def test_a_study_finds_its_logs_wherever_they_lie(tmp_path):
    files = logs()
    first = tmp_path / "first"
    found = drops.recognise(first, drops.save(first, files))
    flat = [(name.split("/")[-1], content) for name, content in files]
    second = tmp_path / "second"
    again = drops.recognise(second, drops.save(second, [("s.toml", found.study.encode()), *flat]))
    assert [each.file for each in again.seen] == ["base.csv", "cpt.csv"]


def test_a_study_of_the_page_brings_its_run_back(tmp_path, fit, choice):
    state = State(choice=choice, pins=(choice,))
    file = exports.export("study", fit, state, "# mine\n")
    assert file.text.startswith("# mine\n")
    assert parse(exports.parted(file.text)[1]).choice == choice
    assert exports.parted(file.text)[0] == "# mine\n"
    assert exports.parted("# mine\n") == ("# mine\n", "")
    known = exports.parted(exports.export("study", fit, state).text)[0]
    assert known.count("[[run]]") == len(datasets.load("tiny-grid").runs)


@pytest.mark.parametrize("path", ["/etc/passwd", "../up.csv", "~/x.csv", "c:/x.csv", "gone.csv"])
def test_no_other_file_is_read(tmp_path, path):
    drops.save(tmp_path, logs())
    text = f"[domains]\npt = 'eval_general_loss'\n[[run]]\nname = 'a'\nlog = '{path}'\n"
    with pytest.raises(DataError, match="was not dropped"):
        drops.load(tmp_path, text)


def test_two_files_of_one_name_are_told(tmp_path):
    with pytest.raises(DataError, match="two files"):
        drops.save(tmp_path, [("a.csv", b"1"), ("./a.csv", b"2")])
    with pytest.raises(DataError, match="at most"):
        drops.save(tmp_path, [(f"{i}.csv", b"1") for i in range(drops.MOST_FILES + 1)])
