"""Which runs a sweep does, and how it ends."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasets")

from cptlaw.errors import DataError
from cptlaw.lab import sweep as sweeps
from labs import BASE, CPT

TREE = (
    BASE,
    CPT,
    '\n[[run]]\nname = "more"\nafter = "cpt"\nschedule = "constant 4 to 1e-3"\n',
    '\n[[run]]\nname = "side"\nafter = "base"\nschedule = "constant 4 to 1e-3"\n',
)


@pytest.mark.parametrize(
    "only, wanted",
    [
        ((), ("base", "cpt", "more", "side")),
        (("more",), ("base", "cpt", "more")),
        (("side", "cpt"), ("base", "cpt", "side")),
        (("base",), ("base",)),
    ],
)
def test_runs_asked_for_come_with_their_bases(lab, only, wanted):
    assert sweeps.chosen(lab.load(*TREE), only) == wanted


def test_unknown_run(lab):
    with pytest.raises(DataError, match=r"there is no run 'mroe'\. Did you mean 'more'\?"):
        sweeps.chosen(lab.load(*TREE), ("mroe",))


def swept(lab, ended, *, only=(), given=TREE):
    """A sweep by an engine that trains nothing; and the jobs it got."""
    jobs = []
    loaded = lab.load(*given)

    def engine(job, say):
        jobs.append(job)
        return ended

    job = sweeps.Job(loaded, lab.out(), sweeps.chosen(loaded, only), threads=3, processes=2)
    return sweeps.sweep(job, engine, lab.said.append), jobs


def test_engine_gets_what_is_left(lab):
    lab.finished()
    found, (job,) = swept(lab, sweeps.Ended({"more": "why"}, "side"))
    assert job.names == ("more", "side")
    assert (job.threads, job.processes, job.out) == (3, 2, lab.out())
    assert found.done == ("base", "cpt")
    assert found.failed == {"more": "why"}
    assert found.stopped == "side"
    assert found.studies == (lab.out() / "study.toml",)
    assert "2 of 4 runs are done already" in lab.said


def test_engine_is_not_asked_when_all_is_done(lab):
    lab.finished()
    found, jobs = swept(lab, sweeps.Ended({"cpt": "why"}), only=("cpt",))
    assert jobs == []
    assert found.failed == {} and found.done == ("base", "cpt")


def test_nothing_done_leaves_no_study(lab):
    found, _ = swept(lab, sweeps.Ended({"base": "why"}))
    assert found.studies == () and found.done == ()
    assert not (lab.out() / "study.toml").exists()


def test_base_of_another_definition_stops_the_sweep_before_anything(lab):
    lab.finished()
    with pytest.raises(DataError, match=r"run 'base': .*\(schedule: .*constant 8.*, now "):
        swept(lab, sweeps.Ended({}), given=(BASE.replace("constant 8", "constant 9"), CPT))


def test_folder_of_another_experiment_is_refused(lab):
    swept(lab, sweeps.Ended({}))
    before = (lab.out() / "experiment.json").read_text()
    loaded = lab.load(*TREE, changes={'name = "tiny"': 'name = "other"'})
    with pytest.raises(DataError, match="holds the runs of experiment 'tiny', and this is 'other'"):
        sweeps.sweep(sweeps.Job(loaded, lab.out(), ()), None, lab.said.append)
    assert (lab.out() / "experiment.json").read_text() == before


def test_sharding_that_could_not_keep_the_optimizer_is_refused_at_once(lab):
    loaded = lab.load(*TREE, changes={"[training]": '[training]\nsharding = "fsdp2"'})
    job = sweeps.Job(loaded, lab.folder / "new", ("base", "cpt"), processes=2)
    with pytest.raises(DataError, match=r"run .cpt.: .* state of 'base' cannot be kept"):
        sweeps.sweep(job, None, lab.said.append)
    assert not job.out.exists()
