"""The studies that a sweep leaves, as `cptlaw fit` reads them."""

import shutil
import tomllib

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasets")

import transformers

import command
from cptlaw.lab import model as models
from cptlaw.lab.tables import Model
from cptlaw.studies import study_file
from cptlaw.studies.optimization import Optimization
from labs import BASE, CPT, evaluations

SMALL = "[model.small]\nwidth = 16\nlayers = 1\nheads = 2\n"
OPEN = {"vocabulary = 300": 'name = "open"', SMALL: '[model.llama]\nfrom = "open"\n'}
FAR = '\n[[run]]\nname = "away"\ndata = "far"\nafter = "base"\nschedule = "constant 8"\n'


def runs_of(path):
    return {run.name: run for run in study_file.load(path).runs}


def test_study_says_what_the_runs_were(lab):
    keys = "after_step = 8\nreplay = [0, 0.25]\nbatch_sequences = 2\nsequence_length = 32\nsch"
    swept = lab.sweep(BASE, CPT.replace("sch", keys))
    (path,) = swept.studies
    assert path == lab.out() / "study.toml"
    study = study_file.load(path)
    assert study.domains == {
        "pt": "eval_pt_loss",
        "cpt": "eval_code_loss",
        "ood.docs": "eval_docs_loss",
    }
    found = runs_of(path)
    assert list(found) == ["base", "cpt-replay0", "cpt-replay0.25"]
    base, plain, mixed = found.values()
    assert (base.data, base.after, base.batch_tokens, base.sequence_length) == ("pt", None, 64, 16)
    for run, replay in ((plain, 0), (mixed, 0.25)):
        assert (run.data, run.after, run.after_step) == ("cpt", "base", 8)
        assert (run.batch_tokens, run.sequence_length) == (64, 32)
        assert run.replay == replay
        assert run.optimization == Optimization(optimizer_reset=False)
    assert base.optimization == Optimization("adamw", 0.1, 0.02)
    assert {run.model_size for run in found.values()} == {4 * 16 * 16 + 3 * 16 * 48 + 3 * 16}
    for name, run in found.items():
        for column, losses in evaluations(lab.out() / name).items():
            after = {step: loss for step, loss in losses.items() if step}
            curve = run.curves[column]
            read = dict(zip(curve.steps.tolist(), curve.loss.tolist(), strict=True))
            assert {step: read[step] for step in after} == after
        lr = lab.load(BASE, CPT.replace("sch", keys)).node(name).schedule.lr()
        np.testing.assert_array_equal(run.schedule.lr(), lr)


def test_study_can_be_moved_with_its_logs(lab):
    moved = lab.finished().rename(lab.folder / "moved")
    assert set(runs_of(moved / "study.toml")) == {"base", "cpt"}


def test_every_further_d_cpt_has_a_study(lab):
    lab.finished()
    swept = lab.sweep(BASE, CPT, FAR)
    assert swept.studies == (lab.out() / "study.toml", lab.out() / "study-far.toml")
    first, second = map(study_file.load, swept.studies)
    assert [run.name for run in first.runs] == ["base", "cpt"]
    assert [run.name for run in second.runs] == ["base", "away"]
    assert first.domains["cpt"] == "eval_code_loss"
    assert second.domains["cpt"] == "eval_docs_loss"
    assert first.domains["ood.docs"] == "eval_docs_loss"
    assert second.domains["ood.code"] == "eval_code_loss"
    assert first.domains["pt"] == second.domains["pt"] == "eval_pt_loss"
    assert second.runs[1].data == "cpt"


def test_continued_continuation_is_in_the_study(lab):
    lab.finished()
    more = '\n[[run]]\nname = "more"\nafter = "cpt"\nafter_step = 4\nschedule = "constant 4"\n'
    (path,) = lab.sweep(BASE, CPT, more).studies
    assert runs_of(path)["more"].after == "cpt"
    assert runs_of(path)["more"].after_step == 4


def test_pre_training_alone_has_a_study(lab):
    (path,) = lab.sweep(BASE, out="alone").studies
    study = study_file.load(path)
    assert study.domains == {"loss": "eval_pt_loss"}
    assert [run.name for run in study.runs] == ["base"]


def test_runs_that_are_not_done_are_left_out(lab):
    lab.finished()
    shutil.rmtree(lab.out() / "cpt")
    (path,) = lab.sweep(only=("base",)).studies
    assert list(runs_of(path)) == ["base"]


def save_open_model(lab):
    """A model and its tokenizer in a folder beside the experiment file."""
    folder = lab.folder / "open"
    model = models.build(Model(width=24, layers=1, heads=2), 300, 16, 5)
    model.save_pretrained(folder)
    (made,) = lab.data.glob("tokenizer-*")
    transformers.AutoTokenizer.from_pretrained(made).save_pretrained(folder)
    return model


def test_open_model_is_an_unknown_base(lab):
    model = save_open_model(lab)
    alone = '\n[[run]]\nname = "cpt"\ndata = "cpt"\nreplay = 0.5\nschedule = "constant 8 to 1e-3"\n'
    swept = lab.sweep(alone, changes=OPEN)
    assert swept.failed == {}
    study = study_file.load(swept.studies[0])
    (run,) = study.runs
    assert run.after == "unknown:llama" and run.unknown_base == "llama"
    assert run.data == "cpt" and run.replay == 0.5
    assert run.model_size == models.non_embedding(model)
    assert evaluations(lab.out() / "cpt")["eval_code_loss"][0] == pytest.approx(
        np.log(300), abs=0.1
    )


def test_second_d_cpt_alone_leaves_no_empty_study(lab):
    save_open_model(lab)
    both = '\n[[run]]\nname = "cpt"\ndata = ["cpt", "far"]\nschedule = "constant 4 to 1e-3"\n'
    swept = lab.sweep(both, changes=OPEN, only=("cpt-far",))
    assert swept.studies == (lab.out() / "study-far.toml",)
    assert list(runs_of(swept.studies[0])) == ["cpt-far"]


def test_texts_with_odd_names_are_domains_too(lab):
    changes = {"[text.docs]": '[text."docs.v1"]', "docs = 0.75": '"docs.v1" = 0.75'}
    (path,) = lab.sweep(BASE, CPT, changes=changes | {'far = "docs"': 'far = "docs.v1"'}).studies
    assert study_file.load(path).domains["ood.docs.v1"] == "eval_docs.v1_loss"
    assert tomllib.loads(path.read_text())["domains"]["ood"] == {"docs.v1": "eval_docs.v1_loss"}


def test_fit_runs_on_what_a_sweep_left(lab):
    base = BASE.replace("constant 8", "constant 36")
    both = '{ const = "constant 20", cosine = "cosine 20 to 0" }'
    changes = {"evaluate_every = 4": "evaluate_every = 2"}
    (path,) = lab.sweep(base, CPT.replace('"cosine 8 to 0"', both), changes=changes).studies
    ended = command.run(
        "fit", path, "--law", "paper", "--lambda", 0.9, "--warmup", "as-is", "--verbose"
    )
    assert ended.status == 0, ended.stderr
    assert "eval_code_loss" in ended.stdout
