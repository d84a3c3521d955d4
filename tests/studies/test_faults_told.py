"""Bad data are told where a log is first met: by `read` and by `init`."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw.errors import DataError
from cptlaw.output.text.study import run_text
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies import logs, study_file
from cptlaw.studies.faults import sound
from cptlaw.studies.runs import Curve, LoggedLR, Run
from cptlaw.studies.study import Study
from cptlaw.studies.study_file.draft import draft

STEPS = np.arange(0, 2001, 50)


def log(name, loss, first=0, **more):
    curves = {"loss": Curve(STEPS + first, loss)}
    curves |= {column: Curve(STEPS + first, values) for column, values in more.items()}
    return Run(name, curves, LoggedLR(STEPS + first, np.full(STEPS.size, 1e-3)), origin="")


def base():
    return 2.6 + 7.8 / (1 + STEPS / 60) ** 0.7


def told(*runs, **given):
    return [n for n in draft(runs, [f"{r.name}.csv" for r in runs], **given).notes if "Bad" in n]


def test_read_shows_a_jump_with_both_steps_and_losses():
    loss = base()
    loss[21:] *= 8
    text = " ".join(run_text(log("a", loss)).split())
    assert "Bad data" in text
    assert f"{loss[20]:.4g} at step 1000" in text
    assert f"{loss[21]:.4g} at step 1050" in text


def test_init_tells_a_diverged_run_and_judges_by_the_good_part():
    start = base()[-1]
    forgets = start * (1 + 0.3 * (1 - np.exp(-STEPS / 300)))
    learns = start * (1 - 0.2 * (1 - np.exp(-STEPS / 300)))
    one = log("base", base(), code=base())
    both = np.stack([forgets, learns])
    both[:, 25:] = 9.0
    two = log("cpt", both[0], 2000, code=both[1])
    made = draft([one, two], ["base.csv", "cpt.csv"])
    assert any("'cpt': diverged" in note and "step 3250" in note for note in made.notes)
    assert 'cpt = "code"' in made.text


def test_init_tells_a_log_that_is_there_twice():
    noisy = base() * (1 + 0.01 * np.random.default_rng(0).normal(size=STEPS.size))
    (note,) = told(log("a", noisy), log("b", noisy))
    assert "'b'" in note
    assert "again" in note


@pytest.mark.parametrize("unknown", [None, "llama"])
def test_init_tells_domains_that_are_given_the_wrong_way_round(unknown):
    start = base()[-1]
    forgets = start * (1 + 0.3 * (1 - np.exp(-STEPS / 300)))
    learns = start * (1 - 0.2 * (1 - np.exp(-STEPS / 300)))
    runs = [log("base", base(), code=base()), log("cpt", forgets, 2000, code=learns)]
    runs = runs if unknown is None else runs[1:]
    assert not told(*runs, pt="loss", cpt="code", unknown=unknown)
    (note,) = told(*runs, pt="code", cpt="loss", unknown=unknown)
    assert "swapped" in note


def test_a_fit_names_the_step_of_the_log(tmp_path):
    loss = base()[20:]
    loss = np.where(STEPS[20:] >= 1500, 3 * loss, loss)
    rows = "".join(f"{s + 40000},{v}\n" for s, v in zip(STEPS[20:], loss, strict=True))
    (tmp_path / "log.csv").write_text("step,loss\n" + rows)
    (tmp_path / "study.toml").write_text(
        '[domains]\npt = "loss"\n[[run]]\nname = "a"\nlog = "log.csv"\nafter = "unknown:m"\n'
        'first_step = 41000\nschedule = "constant 1000 to 1e-4"\n'
    )
    read = study_file.load(tmp_path / "study.toml")
    (sentence,) = sound(read).faults
    assert "at step 41450" in sentence
    assert "from step 41500 on" in sentence
    assert "Bad data" in run_text(logs.read(tmp_path / "log.csv"))


def test_a_study_file_says_what_is_to_be_kept(tmp_path):
    loss = np.where(STEPS >= 1500, 9.0, base())
    rows = "".join(f"{s},{v}\n" for s, v in zip(STEPS, loss, strict=True))
    (tmp_path / "log.csv").write_text("step,loss\n" + rows)
    run = '[[run]]\nname = "{}"\nlog = "log.csv"\nschedule = "constant 2000 to 1e-3"\n'
    text = '[domains]\nloss = "loss"\n' + run.format("a") + "keep = true\n"
    (tmp_path / "study.toml").write_text(text)
    kept = study_file.load(tmp_path / "study.toml")
    assert kept.run("a").keep
    assert sound(kept).faults == ()
    assert kept.run("a").schedule == Schedule.parse("constant 2000 to 1e-3")


def test_a_schedule_mends_a_log_whose_learning_rate_is_0(tmp_path):
    rows = "".join(f"{s},{v},0\n" for s, v in zip(STEPS, base(), strict=True))
    (tmp_path / "log.csv").write_text("step,loss,lr\n" + rows)
    run = '[domains]\nloss = "loss"\n[[run]]\nname = "a"\nlog = "log.csv"\n'
    (tmp_path / "study.toml").write_text(run)
    with pytest.raises(DataError, match="learning rate is 0 at every step"):
        sound(study_file.load(tmp_path / "study.toml"))
    (tmp_path / "study.toml").write_text(run + 'schedule = "constant 2000 to 1e-3"\n')
    mended = sound(study_file.load(tmp_path / "study.toml"))
    assert mended.faults == ()
    assert mended.run("a").schedule.peak == 1e-3


def test_logs_whose_losses_have_other_names_are_told_and_not_just_left_out():
    cpt = replace(log("cpt", base(), val_loss=base()), after="a")
    cpt = replace(cpt, curves={"val_loss": cpt.curves["val_loss"]})
    said = "run 'cpt': its log has no column of [domains] ('loss'), only 'val_loss', so it is not"
    schedule = Schedule.parse("constant 2000", 1e-3)
    runs = tuple(replace(r, schedule=schedule, logged_lr=None) for r in (log("a", base()), cpt))
    study = sound(Study({"pt": "loss"}, runs))
    assert any(fault.startswith(said) for fault in study.faults)
    assert sound(study).faults == study.faults
    first = log("a", base(), cpt=base() + 0.5)
    rising = base()[-1] + 0.5 * (1 - np.exp(-STEPS / 500))
    second = log("b", rising, cpt=rising[::-1] + 0.5)
    other = replace(second, name="c", curves={"val/x": Curve(STEPS, base())})
    notes = draft([first, second, other], ["a.csv", "b.csv", "c.csv"]).notes
    assert any(note.startswith("run 'c': its log has no column of [domains]") for note in notes)
    assert not any("no column of" in f for f in sound(Study({"pt": "loss"}, runs[:1])).faults)
