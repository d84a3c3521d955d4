import textwrap

import numpy as np
import pytest

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies import study_file

BASE = Schedule.parse("warmup 100 to 1e-3 | constant 900")
DECAY = Schedule.parse("linear 500 to 0", 1e-3)


def write_log(path, start, schedule, columns=("pt", "law"), every=50, with_lr=True):
    """A log whose step numbers begin at `start`; its first row has no learning rate."""
    rows = [",".join(["step", "lr", *columns])]
    for k in range(0, schedule.steps + 1, every):
        lr = f"{schedule.lr(k):.10g}" if k and with_lr else ""
        losses = [f"{4.0 - 0.0005 * (start + k) + 0.5 * i:.5f}" for i in range(len(columns))]
        rows.append(",".join([str(start + k), lr, *losses]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")


@pytest.fixture
def folder(tmp_path):
    write_log(tmp_path / "logs" / "base.csv", 0, BASE)
    write_log(tmp_path / "logs" / "cpt.csv", 1000, DECAY)
    write_log(tmp_path / "logs" / "bare.csv", 0, DECAY, with_lr=False)
    return tmp_path


DOMAINS = """
[domains]
pt = "pt"
cpt = "law"
"""
BASE_RUN = """
[[run]]
name = "base"
log = "logs/base.csv"
"""
CPT_RUN = """
[[run]]
name = "cpt"
log = "logs/cpt.csv"
after = "base"
"""


def load(folder, text):
    path = folder / "study.toml"
    path.write_text(textwrap.dedent(text))
    return study_file.load(path)


def test_a_study_with_defaults(folder):
    found = load(folder, DOMAINS + BASE_RUN + CPT_RUN)
    base, cpt = found.runs
    assert (base.data, base.after, cpt.data, cpt.after, cpt.after_step) == (
        "pt",
        None,
        "cpt",
        "base",
        None,
    )
    assert dict(found.domains) == {"pt": "pt", "cpt": "law"}
    assert found.origin.endswith("study.toml")
    assert cpt.curves["pt"].steps.tolist() == list(range(0, 501, 50))
    history = found.history("cpt")
    np.testing.assert_allclose(history.pt_lr, BASE.lr(), atol=1e-12)
    np.testing.assert_allclose(history.cpt_lr, DECAY.lr(), atol=1e-12)
    assert any("log's step 1000 is the start" in note for note in cpt.notes)
    assert any("10 logged points" in note for note in cpt.notes)
    assert not any(hasattr(note, "keys") for note in found.notes)


def test_every_key(folder):
    (folder / "lrs.json").write_text(str(BASE.lr().tolist()))
    text = """
    [domains]
    pt = "pt"
    ood.law = "law"
    ood."my code" = "law"

    [[run]]
    name = "cpt"
    log = "logs/bare.csv"
    after = "branch"
    data = "cpt"
    replay = 0.25
    schedule = "linear 500 to 0"
    lr_from = "schedule"
    lr_offset = 1
    model_size = 106e6
    batch_tokens = 4e6
    sequence_length = 2048
    first_step = 0
    window = 10

    [[run]]
    name = "branch"
    after = "base"
    after_step = 600
    data = "pt"
    schedule = "constant 100"

    [[run]]
    name = "base"
    lrs = "lrs.json"
    """
    found = load(folder, text)
    cpt = found.run("cpt")
    assert [run.name for run in found.runs] == ["cpt", "branch", "base"]
    assert set(found.domains) == {"pt", "ood.law", "ood.my code"}
    assert (cpt.replay, cpt.model_size, cpt.batch_tokens, cpt.sequence_length) == (
        0.25,
        106e6,
        4e6,
        2048,
    )
    history = found.history("cpt")
    assert history.pt_lr.size == 700 and history.pt_lr[-1] == pytest.approx(1e-3)
    np.testing.assert_allclose(history.cpt_lr, DECAY.lr())
    assert any("window has no effect" in note for note in cpt.notes)


def test_window_is_of_the_training_columns(folder):
    write_log(folder / "train.csv", 0, BASE, columns=("train_loss", "eval_loss"))
    text = '[domains]\nloss = "eval_loss"\n[[run]]\nname = "a"\nlog = "train.csv"\nwindow = 50\n'
    curves = load(folder, text).runs[0].curves
    assert (curves["train_loss"].window, curves["eval_loss"].window) == (50, 1)


def test_an_open_model(folder):
    text = DOMAINS + CPT_RUN.replace("base", "unknown:llama") + "first_step = 1000\n"
    found = load(folder, text)
    assert found.runs[0].unknown_base == "llama" and found.runs[0].data == "cpt"
    assert found.before(found.runs[0]).unknown_base == "llama"
    assert found.runs[0].steps == 500


def test_a_schedule_after_an_open_model_needs_its_first_lr(folder):
    text = DOMAINS + CPT_RUN.replace("base", "unknown:llama") + "first_step = 1000\n"
    with pytest.raises(DataError, match="nothing says which LR it starts from"):
        load(folder, text + 'schedule = "linear 500 to 0"\n')


def test_the_log_wins_where_the_schedule_disagrees(folder):
    text = DOMAINS + BASE_RUN + CPT_RUN + 'schedule = "constant 500"\n'
    cpt = load(folder, text).run("cpt")
    assert cpt.schedule is not None and cpt.schedule.final == 0
    assert any("disagree from step 50" in note for note in cpt.notes)
    cpt = load(folder, text + 'lr_from = "schedule"\n').run("cpt")
    assert cpt.schedule is not None and cpt.schedule.final == 1e-3


def test_the_end_of_a_base_whose_log_is_shorter_is_told(folder):
    base = BASE_RUN + 'schedule = "warmup 100 to 1e-3 | constant 1900"\n'
    found = load(folder, DOMAINS + base + CPT_RUN + "first_step = 1000\n")
    assert any("step 2000 of its schedule" in note for note in found.run("cpt").notes)


def test_a_column_that_some_logs_lack_is_told(folder):
    write_log(folder / "logs" / "cpt.csv", 1000, DECAY, columns=("pt",))
    found = load(folder, DOMAINS + BASE_RUN + CPT_RUN)
    assert found.notes == ("Domain 'cpt': no column 'law' in cpt.",)


def test_a_byte_order_mark_is_no_trouble(folder):
    path = folder / "study.toml"
    path.write_text("\ufeff" + DOMAINS + BASE_RUN, encoding="utf-8")
    assert study_file.load(path).runs[0].name == "base"


def run_with(line):
    return DOMAINS + BASE_RUN + CPT_RUN + line + "\n"


BAD = {
    "empty": ("", r"the study is empty\. It needs \[domains\]"),
    "syntax": ("[domains]\npt = \n", r"is not valid TOML: .*line 2"),
    "top key": (run_with("[runs]\nx = 1"), r"key 'runs' is unknown\. Did you mean 'run'\?"),
    "no domains": (BASE_RUN, r"there is no \[domains\] table"),
    "empty domains": ("[domains]\n" + BASE_RUN, r"\[domains\]: expected lines ROLE"),
    "role": ("[domains]\ncp = 'x'\n" + BASE_RUN, r"role 'cp' is unknown\. Did you mean 'cpt'\?"),
    "column type": ("[domains]\npt = 3\n" + BASE_RUN, r"\[domains\]: pt = 3; expected the name"),
    "ood": ("[domains]\nood = 'x'\n" + BASE_RUN, r"ood needs a name"),
    "ood deep": ("[domains]\nood.a.b = 'x'\n" + BASE_RUN, r"ood\.a = .*; expected the name"),
    "column": (
        DOMAINS.replace("law", "lawn") + BASE_RUN,
        r"domain 'cpt': no log has a column 'lawn'\. Did you mean 'law'\?",
    ),
    "no run": (DOMAINS, r"there is no \[\[run\]\]"),
    "one bracket": (DOMAINS + "[run]\nname = 'a'\n", r"in two pairs of brackets"),
    "no name": (DOMAINS + BASE_RUN + "[[run]]\nlog = 'x'\n", r"\[\[run\]\] number 2: it has no na"),
    "name type": (
        DOMAINS + "[[run]]\nname = 3\n",
        r"\[\[run\]\] number 1: name = 3; expected a te",
    ),
    "no log": (DOMAINS + "[[run]]\nname = 'a'\n", r"run 'a': it has no log"),
    "two names": (DOMAINS + BASE_RUN + BASE_RUN, r"two runs are named 'base'"),
    "unknown key": (run_with("afterstep = 3"), r"run 'cpt': key 'afterstep' .* 'after_step'\?"),
    "misspelt name": (
        DOMAINS + "[[run]]\nnmae = 'a'\nlog = 'x'\n",
        r"\[\[run\]\] number 1: key 'nmae' is unknown\. Did you mean 'name'\?",
    ),
    "offset kind": (run_with("lr_offset = true"), r"lr_offset = true; expected 0, or 1"),
    "blank text": (run_with("schedule = ' '"), r'schedule = " "; expected a schedule text'),
    "text number": (
        run_with("after_step = '9'"),
        r'run \'cpt\': after_step = "9"; expected a whole',
    ),
    "boolean": (run_with("first_step = true"), r"first_step = true; expected a whole number"),
    "fraction": (run_with("after_step = 10.5"), r"after_step = 10\.5; expected a whole number"),
    "beyond all": (
        run_with("after_step = 1" + "0" * 300),
        r"step = 10{56}\.\.\.; expect",
    ),
    "zero": (run_with("after_step = 0"), r"after_step = 0; expected a whole number of at least 1"),
    "infinite": (run_with("model_size = inf"), r"model_size = .*; expected a number of parameters"),
    "offset": (run_with("lr_offset = 2"), r"lr_offset = 2; expected 0, or 1"),
    "choice": (run_with("lr_from = 'logs'"), r'lr_from = "logs"; expected "log" or "schedule"'),
    "data": (run_with("data = 'PT'"), r'run \'cpt\': data = "PT"; expected "pt" or "cpt"'),
    "share": (run_with("replay = 1.5"), r"run 'cpt': replay = 1\.5; expected 0 to 1"),
    "size": (run_with("model_size = -1"), r"run 'cpt': model_size = -1 must be above 0"),
    "replay on pt": (run_with("replay = 0.5\ndata = 'pt'"), r"run 'cpt': replay belongs to CPT"),
    "no schedule": (run_with("lr_from = 'schedule'"), r"run 'cpt': lr_from = .* neither"),
    "both": (run_with("schedule = 'x'\nlrs = 'y'"), r"run 'cpt': it has both schedule and lrs"),
    "schedule": (run_with("schedule = 'line 5'"), r"run 'cpt': segment 1 .* Did you mean 'linear'"),
    "short schedule": (
        run_with("schedule = 'linear 300 to 0'\nlr_from = 'schedule'"),
        r"run 'cpt': its log goes to step 500, but its schedule ends at 300",
    ),
    "missing log": (
        DOMAINS + BASE_RUN.replace("base.csv", "bsae.csv"),
        r"run 'base': log = .*there is no file .*bsae\.csv.* Did you mean 'base\.csv'\?",
    ),
    "a name too long": (run_with(f"lrs = '{'x' * 300}.json'"), r"run 'cpt': lrs = .*too long"),
    "missing lrs": (run_with("lrs = 'x.json'"), r"run 'cpt': lrs = \"x\.json\": there is no file"),
    "after": (
        run_with("").replace('"base"\n\n', '"bas"\n\n'),
        r"run 'cpt': after = 'bas': the study has no such run\. Did you mean 'base'\?",
    ),
    "after itself": (run_with("").replace('= "base"\n\n', '= "cpt"\n\n'), r"cycle: cpt -> cpt"),
    "cycle": (DOMAINS + BASE_RUN + "after = 'cpt'\n" + CPT_RUN, r"cycle: base -> cpt -> base"),
    "after nobody": (
        DOMAINS + BASE_RUN + "after_step = 3\n",
        r"run 'base': after_step needs after",
    ),
    "no open name": (DOMAINS + BASE_RUN + "after = 'unknown:'\n", r"needs a name, such as"),
    "late start": (
        run_with("after_step = 1001"),
        r"run 'cpt': after_step = 1001, but run 'base' has steps 1 to 1000",
    ),
    "first step": (
        run_with("first_step = 1200"),
        r"run 'cpt': its log has steps from 1000, before",
    ),
    "no rate": (
        DOMAINS + BASE_RUN.replace("base.csv", "bare.csv"),
        r"run 'base': its log has no learning rate\. Give schedule",
    ),
    "pt after cpt": (
        run_with(
            CPT_RUN.replace('"base"', '"cpt"').replace('"cpt"\nlog', '"x"\nlog') + "data='pt'"
        ),
        r"run 'x' is PT data after the CPT run 'cpt'",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_bad_studies_name_the_file_and_the_place(folder, text, message):
    with pytest.raises(DataError, match=message) as caught:
        load(folder, text)
    assert str(caught.value).startswith(str(folder / "study.toml") + ": ")


def test_bad_files(folder):
    with pytest.raises(DataError, match=r"no\.toml: there is no such file.*cptlaw init"):
        study_file.load(folder / "no.toml")
    (folder / "study.toml").write_bytes(b"pt = '\xff'")
    with pytest.raises(DataError, match="is not UTF-8 text, at byte 7"):
        study_file.load(folder / "study.toml")
    with pytest.raises(DataError, match=r"is a directory; name the file, .*study\.toml"):
        study_file.load(folder)
    with pytest.raises(DataError, match="name the study file in it"):
        study_file.load(folder / "logs")


def test_a_broken_log_names_the_run_too(folder):
    (folder / "logs" / "base.csv").write_text("")
    with pytest.raises(DataError, match=r"study\.toml: run 'base': log = .*base\.csv"):
        load(folder, DOMAINS + BASE_RUN)
