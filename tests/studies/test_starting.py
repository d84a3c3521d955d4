"""`after_step` counts as the log of the base does."""

from __future__ import annotations

from pathlib import Path

import pytest

from cptlaw.errors import DataError
from cptlaw.fitting.start import checkpoint
from cptlaw.output.text.study import study_text
from cptlaw.studies import logs
from cptlaw.studies.study_file import load
from cptlaw.studies.study_file.draft import draft
from cptlaw.studies.study_file.extend import extended

DOMAINS = '[domains]\nloss = "eval_loss"\n'


def loss_at(step):
    """Of the base chain, at a step since the first of all."""
    return 4.0 - step / 4000


def write(path: Path, first, last, loss=loss_at, every=100):
    rows = [f"{s},1e-3,{loss(s):.6f}\n" for s in range(first, last + 1, every)]
    path.write_text("step,lr,eval_loss\n" + "".join(rows))


def run(name, after="", step=None, more=""):
    lines = [f'name = "{name}"', f'log = "{name}.csv"', more]
    lines += [f'after = "{after}"\ndata = "pt"'] * bool(after)
    lines += [f"after_step = {step}"] * (step is not None)
    return "[[run]]\n" + "\n".join(lines) + "\n"


@pytest.fixture
def chain(tmp_path):
    """A base, a branch whose log goes on in its numbers from 2000, and a run from that branch."""

    def made(step, first=0, last=500, length=1000, loss=loss_at):
        write(tmp_path / "base.csv", 100, 3000)
        write(tmp_path / "branch.csv", 2100, 2000 + length)
        write(tmp_path / "leaf.csv", first, last, loss)
        path = tmp_path / "study.toml"
        branch = run("branch", "base", 2000)
        path.write_text(DOMAINS + run("base") + branch + run("leaf", "branch", step))
        return load(path)

    return made


@pytest.mark.parametrize(
    ("said", "own", "told"), [(2600, 600, "as its log counts"), (600, 600, "from its start")]
)
def test_a_base_that_goes_on_with_its_own_base_s_numbers(chain, said, own, told):
    leaf = chain(said).run("leaf")
    assert leaf.after_step == own
    assert any(f"after_step = {said}" in note and told in note for note in leaf.notes)


@pytest.mark.parametrize("step", [1001, 2000, 3001])
def test_a_step_that_is_none_of_either_is_refused(chain, step):
    with pytest.raises(DataError, match=r"has steps 2001 to 3000 \(1 to 1000 since its start\)"):
        chain(step)


def test_where_both_fit_the_numbers_of_the_log_count_and_it_is_told(chain):
    leaf = chain(2500, 50, 500, length=4000, loss=lambda _: 1.0).run("leaf")
    assert leaf.after_step == 500
    assert any("write 4500" in note for note in leaf.notes)


@pytest.mark.parametrize(
    ("first", "last", "loss", "own"),
    [
        (0, 500, lambda s: loss_at(s + 4500), 2500),  # begins with that checkpoint's loss
        (4500, 5000, lambda _: 1.0, 2500),  # or goes on with its number
        (0, 500, lambda s: loss_at(s + 2500), 500),
    ],
)
def test_where_both_fit_the_run_s_own_log_decides(chain, first, last, loss, own):
    leaf = chain(2500, first, last, length=4000, loss=loss).run("leaf")
    assert leaf.after_step == own
    assert not any("write" in note for note in leaf.notes)


def test_a_base_that_counts_from_elsewhere(tmp_path):
    write(tmp_path / "base.csv", 5100, 8000)
    write(tmp_path / "leaf.csv", 0, 500)
    path = tmp_path / "study.toml"
    base = run("base", more="first_step = 5000")
    path.write_text(DOMAINS + base + run("leaf", "base", 7000))
    leaf = load(path).run("leaf")
    assert leaf.after_step == 2000


def test_nothing_is_said_of_a_base_that_counts_from_its_start(tmp_path):
    write(tmp_path / "base.csv", 100, 3000)
    write(tmp_path / "leaf.csv", 0, 500)
    path = tmp_path / "study.toml"
    path.write_text(DOMAINS + run("base") + run("leaf", "base", 2000))
    leaf = load(path).run("leaf")
    assert leaf.after_step == 2000 and not any("after_step" in note for note in leaf.notes)


def test_a_checkpoint_is_named_as_its_log_counts(chain):
    study = chain(2600)
    assert "branch@2600" in study_text(study)
    for text in ("branch@2600", "branch@600"):
        assert checkpoint(study, text).step == 600
    with pytest.raises(DataError, match="has steps 2001 to 3000, not '3001'"):
        checkpoint(study, "branch@3001")


def test_what_is_written_is_read_alike(chain, tmp_path):
    study = chain(2600)
    text = extended(study, [study.run("leaf")], tmp_path, "log.csv")
    assert text.count("after_step = 2600") == 2
    names = ["base.csv", "branch.csv", "leaf.csv"]
    write(tmp_path / "leaf.csv", 2600, 3000)
    made = draft([logs.read(tmp_path / name) for name in names], names).text
    (tmp_path / "again.toml").write_text(made)
    again = load(tmp_path / "again.toml")
    assert again.before(again.run("leaf")).steps == 2600
