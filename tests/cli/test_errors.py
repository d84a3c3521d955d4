"""What a user can mend: one message that says where and how, status 2, and nothing written."""

import json
import os
import shutil

import pytest

from command import STUDY, run, write_log, write_logs

START = ("--after", "base", "--schedule", "cosine 1000 to 0")
QUICK = ("--law", "paper", "--fix", "alpha=0.5", "--lambda", "0.999", "--warmup", "peak")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    write_logs(folder)
    open_model = {"fit": "llama3.2-1b-law", "after": "unknown:llama3.2-1b"}
    write_log(folder / "open.csv", "warmup 100 to 2e-5 | cosine 900 to 0", **open_model)
    write_log(folder / "pt.csv", "warmup 100 to 2e-4 | linear 1900 to 0", data="pt")
    run("init", folder / "open.csv", "--unknown", "llama", "-o", folder / "open.toml")
    run("init", folder / "pt.csv", "-o", folder / "pt.toml")
    for study, fit in (("study", "fit"), ("open", "open"), ("pt", "pt")):
        ended = run("fit", folder / f"{study}.toml", *QUICK, "-o", folder / f"{fit}.json")
        assert ended.status == 0, ended.stderr
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A copy of the folder as the current one."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files}


def refused(folder, *words):
    """The one error message of a command that is refused and leaves no trace."""
    before = contents(folder)
    ended = run(*words)
    assert ended.status == 2, ended
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ended.stderr
    assert ended.stderr.splitlines()[-1] == errors[0]
    assert contents(folder) == before
    return errors[0]


# --- logs -------------------------------------------------------------------------------------

LOGS = {
    "missing.csv": (None, ["missing.csv", "no such file"]),
    "bas.csv": (None, ["Did you mean 'base.csv'"]),
    "empty.csv": (b"", ["empty.csv", "the file is empty"]),
    "header.csv": (b"step,lr,loss\n", ["header.csv", "no rows"]),
    "nan.csv": (b"step,loss\n1,nan\n2,nan\n", ["nan.csv", "'loss'", "no finite number"]),
    "cell.csv": (b"step,loss\n1,3.0\n2,x3\n", ["cell.csv, line 3", "'x3'", "Mend"]),
    "row.csv": (b"step,lr,loss\n1,1e-3,3\n2,3\n", ["row.csv, line 3", "2 cells"]),
    "step.csv": (b"step,loss\n1.5,3\n", ["step.csv, line 2", "1.5", "whole number"]),
    "lr.csv": (b"step,lr,loss\n1,-1,3\n", ["lr.csv, line 2", "-1", "0 or more"]),
    "nostep.csv": (b"loss\n3\n", ["no column counts steps", "Rename"]),
    "noloss.csv": (b"step,acc\n3,4\n", ["no column holds a loss"]),
    "binary.csv": (bytes(range(256)), ["binary.csv", "neither a text log"]),
    "line.jsonl": (b'{"step": 1, "loss": 3}\n{"step": }\n', ["line.jsonl, line 2", "mend"]),
    "state.json": (b'{"log_history": []}', ["state.json", "log_history is empty"]),
    "broken.json": (b'{"log_history": [}', ["broken.json, line 1", "malformed JSON"]),
    "x.parquet": (b"PAR1nonsense", ["x.parquet", "damaged Parquet"]),
    "x.csv.gz": (b"\x1f\x8bnonsense", ["x.csv.gz", "damaged gzip"]),
}


@pytest.mark.parametrize("command", ["read", "init"])
@pytest.mark.parametrize("name", LOGS)
def test_logs(here, name, command):
    content, told = LOGS[name]
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    if content is not None:
        (here / name).write_bytes(content)
    output = {"read": "out.csv", "init": "out.toml"}[command]
    message = refused(here, command, name, "-o", output)
    for part in told:
        assert part in message


def test_a_folder_without_a_log(here):
    (here / "runs").mkdir()
    assert "trainer_state.json" in refused(here, "read", "runs")


def test_a_link_to_nowhere(here):
    (here / "link.csv").symlink_to("gone.csv")
    assert "a link to 'gone.csv', which is missing" in refused(here, "read", "link.csv")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["read"], ["missing argument 'LOG ...'", "cptlaw read --help"]),
        (["read", "base.csv", "-o", "base.csv"], ["base.csv: is read here"]),
        (["read", "base.csv", "pt.csv", "-o", "."], ["is read here"]),
        (["read", "base.csv", "pt.csv", "-o", "fit.json"], ["fit.json: is a file"]),
        (["read", "base.csv", "pt.csv", "-o", "fit.json/x"], ["cannot be made"]),
        (["read", "base.csv", "base.csv", "-o", "new"], ["two logs have the name 'base'"]),
        (["init", "base.csv"], ["study.toml exists", "--force"]),
        (["init", "base.csv", "--force", "-o", "base.csv"], ["is read here"]),
        (["init", "base.csv", "-o", "x.toml", "--pt", "los"], ["'los'", "Known: eval_general"]),
        (["init", "base.csv", "-o", "x.toml", "--unknown", ""], ["needs a name"]),
        (["init", "base.csv", "-o", "no/x.toml"], ["no/x.toml", "the folder no does not exist"]),
    ],
)
def test_read_and_init(here, words, told):
    message = refused(here, *words)
    for part in told:
        assert part in message


# --- studies ----------------------------------------------------------------------------------

CYCLE = STUDY.replace('name = "base"\n', 'name = "base"\nafter = "cosine"\n')
STUDIES = {
    "column": (STUDY.replace("law_loss", "lawloss"), ["'eval_lawloss'", "'eval_law_loss'"]),
    "run": (STUDY.replace('after = "base"', 'after = "bse"', 1), ["'cosine'", "'bse'", "'base'"]),
    "cycle": (CYCLE, ["cycle: base -> cosine -> base"]),
    "toml": ("[domains\n", ["not valid TOML", "line 1"]),
    "key": (STUDY + "repaly = 0.5\n", ["run 'stages'", "'repaly'", "'replay'"]),
    "table": (STUDY.replace("[domains]", "[domain]"), ["'domain'", "'domains'"]),
    "log": (STUDY.replace("stages.csv", "stage.csv"), ["run 'stages'", "'stages.csv'"]),
    "replay": (STUDY + "replay = 2\n", ["run 'stages'", "replay = 2", "0 to 1"]),
    "late": (STUDY + "after_step = 5000\n", ["run 'stages'", "after_step = 5000", "1 to 2000"]),
    "schedule": (STUDY + 'schedule = "linaer 9 to 0"\n', ["run 'stages'", "'linear'"]),
    "short": (STUDY + 'schedule = "constant 9"\nlr_from = "schedule"\n', ["'stages'", "step 1000"]),
    "twice": (STUDY.replace("cosine", "base"), ["two runs are named 'base'"]),
    "empty": ("", ["the study is empty"]),
    "steps": (STUDY + 'schedule = "constant 1e12"\n', ["'stages'", "1e+12 steps"]),
}


@pytest.mark.parametrize("command", ["fit", "backtest"])
@pytest.mark.parametrize("name", STUDIES)
def test_studies(here, name, command):
    text, told = STUDIES[name]
    (here / "bad.toml").write_text(text)
    more = ("--hold-out", "stages") if command == "backtest" else ()
    message = refused(here, command, "bad.toml", *more, "-o", "out.json")
    for part in told:
        assert part in message


def test_a_study_without_learning_rates(here):
    lines = [line.split(",") for line in (here / "base.csv").read_text().splitlines()]
    (here / "base.csv").write_text("\n".join(",".join(c[:1] + c[2:]) for c in lines) + "\n")
    message = refused(here, "fit", "study.toml")
    assert "run 'base': its log has no learning rate" in message
    assert "schedule" in message


def test_a_step_column_that_counts_tokens(here):
    rows = [f"{n}00000000000,1e-3,{9 - n / 10}" for n in range(1, 9)]
    (here / "tokens.csv").write_text("step,lr,loss\n" + "\n".join(rows) + "\n")
    run("init", "tokens.csv", "-o", "tokens.toml")
    assert "not tokens" in refused(here, "fit", "tokens.toml")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["stdy.toml"], ["stdy.toml", "cptlaw init"]),
        (["."], ["is a directory", "study.toml"]),
        (["base.csv"], ["base.csv", "cptlaw init base.csv"]),
        (
            ["study.toml", "--law", "eq5"],
            ["'eq5'", "Known: effective, effective+repetition, effective+unknown", ", paper"],
        ),
        (["study.toml", "--law", "eq6"], ["--ood-law"]),
        (["study.toml", "--law", "eq1"], ["eq1 has no shift", "Use eq4"]),
        (["study.toml", "--law", "eq7"], ["eq7 needs model_size of run 'base'"]),
        (["study.toml", "--law", "unknown-pt"], ["knows its pre-training", "Leave --law out"]),
        (["open.toml", "--law", "eq4"], ["Leave --law out", "no log"]),
        (["study.toml", "--ood-law", "eq0"], ["--ood-law eq0", "Known: eq6"]),
        (["study.toml", "--law", "paper", "--lambda", "1.5"], ["lambda = 1.5", "0 to"]),
        (["study.toml", "--law", "paper", "--lambda", "nan"], ["lambda = nan"]),
        (
            ["study.toml", "--law", "paper", "--lambda", "x"],
            ["'--lambda'", "'x'", "cptlaw fit --help"],
        ),
        (["study.toml", "--lambda", ".9"], ["cannot fix 'lambda'", "(--law paper)"]),
        (["study.toml", "--fix", "alfa=.5"], ["law effective has no", "'alpha'"]),
        (["study.toml", "--law", "paper", "--fix", "alpha"], ["--fix alpha", "NAME=VALUE"]),
        (["study.toml", "--law", "paper", "--fix", "alpha=x"], ["--fix alpha=x", "NAME=VALUE"]),
        (["study.toml", "--law", "paper", "--fix", "alfa=.5"], ["'alfa'", "'alpha'"]),
        (["study.toml", "--law", "paper", "--fix", "L0=2"], ["'L0'", "Known: alpha"]),
        (["study.toml", "--law", "paper", "--fix", "alpha=900"], ["alpha = 900"]),
        (
            ["study.toml", "--law", "paper", "--fix", "lambda=.9", "--lambda", ".8"],
            ["lambda is given twice"],
        ),
        (["study.toml", "--warmup", "peek"], ["'peek'", "'peak'"]),
        (["study.toml", "--warmup", "peak", "--fit-from", "0"], ["fit_from = 0"]),
        (["study.toml", "-o", "no/fit.json"], ["no/fit.json", "Make it first"]),
        (["study.toml", "-o", "."], ["is a directory"]),
        (["study.toml", "-o", "-"], ["--json prints to standard output"]),
        (["study.toml", "-o", os.devnull], ["is a device or a pipe"]),
        (["study.toml", "-o", 300 * "x"], ["File name too long"]),
        (["study.toml", "-o", "study.toml"], ["study.toml: is read here"]),
        (["study.toml", "-o", "out.json", "--figure", "a.gif"], ["a.gif", ".png, .svg or .pdf"]),
        (["study.toml", "-o", "a.png", "--figure", "a.png"], ["a.png: two outputs"]),
        (["study.toml", "--figure", "no/a.png"], ["no/a.png", "Make it first"]),
        (["study.toml", "--font-size", "8"], ["shape a figure; give --figure too"]),
    ],
)
def test_fit(here, words, told):
    message = refused(here, "fit", *words)
    for part in told:
        assert part in message


def test_mixed_replay_with_a_law_that_does_not_see_it(here):
    (here / "mixed.toml").write_text(STUDY + "replay = 0.25\n")
    message = refused(here, "fit", "mixed.toml", "--law", "eq4", "-o", "out.json")
    assert "differ in replay, which law eq4 does not see" in message
    assert "use effective (the default)" in message


def test_too_few_points(here):
    (here / "few.csv").write_text("step,lr,loss\n1,1e-3,3\n2,1e-3,2.9\n")
    run("init", "few.csv", "-o", "few.toml")
    message = refused(here, "fit", "few.toml")
    assert "domain 'loss': 2 points for the" in message and "add runs" in message


# --- backtests --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], ["--hold-out", "--fit-steps"]),
        (["--hold-out"], ["'--hold-out' requires an argument"]),
        (["--hold-out", "cosin"], ["'cosin'", "Did you mean 'cosine'"]),
        (["--hold-out", "base", "cosine", "stages"], ["every run is held out"]),
        (["--hold-out", "cosine", "--fit-steps", ".5"], ["--hold-out", "--fit-steps"]),
        (["--fit-steps", "1.5"], ["fit_steps = 1.5", "below 1"]),
        (["--fit-steps", "0"], ["fit_steps = 0", "above 0"]),
        (
            ["--hold-out", "cosine", "--law", "eq4", "eq99"],
            ["'eq99'", "Known: effective, effective+repetition, effective+unknown"],
        ),
    ],
)
def test_backtest(here, words, told):
    message = refused(here, "backtest", "study.toml", *words)
    for part in told:
        assert part in message


# --- forecasts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ("", ["the schedule is empty"]),
        ("cosin 2000 to 0", ["'cosin'", "Did you mean 'cosine'"]),
        ("cosine 2000 0", ["'0' is not understood"]),
        ("cosine 2000", ["needs 'to LR'"]),
        ("cosine 2k to 0", ["'2k' is not a number of steps"]),
        ("cosine 2.5 to 0", ["whole number above 0"]),
        ("cosine 9 to 0 |", ["segment 2"]),
        ("cosine 9 to -1", ["at least 0"]),
        ("exponential 9 to 0", ["above 0"]),
        ("cosine 1e9 to 0", ["1000000000 steps", "at most"]),
        ("constant 9 to 0", ["learning rate is 0 at every step", "begin with a warmup"]),
        ("constant 9 to 1e305", ["a learning rate is 0, or lies between"]),
    ],
)
def test_schedules(here, schedule, told):
    asked = ("--after", "base", "--schedule", schedule, "-o", "out.json", "--figure", "out.png")
    message = refused(here, "forecast", "fit.json", *asked)
    for part in told:
        assert part in message


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fit.json"], ["missing option '--schedule'", "cptlaw forecast --help"]),
        (["fit.json", "--schedule", "cosine 9 to 0"], ["--after", "--base-schedule", "from=LR"]),
        (["fit.json", "--schedule", "warmup 9 to 1e-4", "--data", "cpt"], ["needs its base"]),
        (["fit.json", *START, "--after", "bse"], ["'bse'", "Did you mean 'base'"]),
        (["fit.json", *START, "--after", "base@99999"], ["'base'", "1 to 2000", "'99999'"]),
        (["fit.json", *START, "--after", "base@²"], ["1 to 2000"]),
        (["fit.json", *START, "--after", "cosine"], ["begin with a warmup"]),
        (["fit.json", *START, "--after", "unknown:x"], ["no unknown base"]),
        (["fit.json", *START, "--base-schedule", "constant 9 to 1e-4"], ["either after or base"]),
        (["fit.json", *START, "--after", "stages", "--data", "pt"], ["no law covers"]),
        (["fit.json", *START, "--replay", "2"], ["replay = 2", "0 to 1"]),
        (["fit.json", *START, "--replay", ".1", "--data", "pt"], ["replay belongs to a CPT"]),
        (["fit.json", *START, "--model-size", "-5"], ["model_size = -5", "above 0"]),
        (["fit.json", *START, "--every", "0"], ["every = 0"]),
        (["fit.json", *START, "--figure", "a.gif"], ["a.gif", ".png, .svg or .pdf"]),
        (["fit.json", *START, "-o", "no/out.json"], ["no/out.json", "Make it first"]),
        (["fit.json", *START, "-o", "fit.json"], ["fit.json: is read here"]),
        (["open.json", *START], ["'base'", "'unknown:llama'"]),
        (["open.json", *START, "--after", "unknown:lama"], ["'unknown:llama'"]),
        (["open.json", "--schedule", "warmup 9 to 1e-4"], ["'unknown:llama'"]),
        (["pt.json", *START, "--after", "pt@500"], ["pre-training alone", "--data pt"]),
        (["no.json", *START], ["no.json", "cptlaw fit STUDY -o no.json"]),
        (["study.toml", *START], ["is a study", "cptlaw fit study.toml -o fit.json"]),
        ([".", *START], ["is a directory"]),
        (["base.csv", *START], ["base.csv: is not JSON"]),
        (["fineweb-kp-106m", *START], ["Did you mean 'published:fineweb-kp-106m'"]),
        (["published:fineweb-kp-106", *START], ["Did you mean 'fineweb-kp-106m'"]),
        (["published:fineweb-kp-106m", *START], ["'base'", "--base-schedule"]),
        (
            [
                *("published:fineweb-kp-N", "--schedule", "constant 9"),
                *("--base-schedule", "constant 9 to 1e-4"),
            ],
            ["--model-size N"],
        ),
    ],
)
def test_forecast(here, words, told):
    message = refused(here, "forecast", *words)
    for part in told:
        assert part in message


def _newer(document):
    document["version"] = 99
    return document


def _of_another_type(document):
    document["cptlaw"] = "Forecast"
    return document


def _without_value(document):
    del document["value"]["domains"]
    return document


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_newer, ["layout version 99"]),
        (_of_another_type, ["holds a Forecast, but a Fit is needed"]),
        (_without_value, ["is damaged"]),
        (lambda _: {"a": 1}, ["not a file that cptlaw wrote"]),
        (lambda _: [], ["not a file that cptlaw wrote"]),
    ],
)
def test_damaged_fits(here, change, told):
    document = json.loads((here / "fit.json").read_text())
    (here / "bad.json").write_text(json.dumps(change(document)))
    message = refused(here, "forecast", "bad.json", *START)
    assert "bad.json" in message
    for part in told:
        assert part in message


def test_a_cut_fit(here):
    text = (here / "fit.json").read_text()
    (here / "bad.json").write_text(text[: len(text) // 2])
    assert "bad.json: is not JSON" in refused(here, "forecast", "bad.json", *START)


# --- the rest ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["red"], ["no such command 'red'"]),
        (["laws", "eq4"], ["unexpected extra argument"]),
        (["fit", "study.toml", "--lamda", "1"], ["no such option", "--lambda"]),
        (["demo", "-o", "fit.json"], ["fit.json: is a file"]),
        (["demo", "-o", "fit.json/x"], ["fit.json/x: cannot be made"]),
        (["bench", "fit", "--starts", "0"], ["'--starts'"]),
    ],
)
def test_words_that_are_not_understood(here, words, told):
    message = refused(here, *words)
    assert [part for part in told if part not in message] == []


def test_a_missing_matplotlib_is_told_before_the_work(here, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    told = refused(here, "fit", "study.toml", "--figure", "a.png")
    assert "pip install 'cptlaw[plot]'" in told
