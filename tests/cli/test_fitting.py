"""Every command on its way to success: what it prints, what it writes, what it says is next."""

import json
import re
import shlex

import pytest

from command import STUDY, run, write_log, write_logs
from cptlaw import catalog, datasets, load_study, logs, published, store
from cptlaw_evidence import fit_speed

GIVEN = ("--lambda", "0.999", "--warmup", "peak")
QUICK = ("--law", "paper", "--fix", "alpha=0.5", *GIVEN)
OPEN = {"fit": "llama3.2-1b-law", "after": "unknown:llama3.2-1b"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with logs, a study of each kind, and their fits."""
    folder = tmp_path_factory.mktemp("made")
    write_logs(folder)
    write_log(folder / "open.csv", "warmup 100 to 2e-5 | cosine 900 to 0", **OPEN)
    write_log(folder / "pt.csv", "warmup 100 to 2e-4 | constant 1500 | linear 400 to 0", data="pt")
    assert (
        run("init", folder / "open.csv", "--unknown", "llama", "-o", folder / "open.toml")[0] == 0
    )
    assert run("init", folder / "pt.csv", "-o", folder / "pt.toml")[0] == 0
    one, other = (f"batch_tokens = {n}\nsequence_length = 512\n" for n in (4e6, 8e6))
    text = STUDY.replace('\n[[run]]\nname = "stages"', f'{one}\n[[run]]\nname = "stages"') + other
    (folder / "batch.toml").write_text(text)
    for name, fit in (("study", "fit"), ("open", "open"), ("pt", "pt")):
        ended = run("fit", folder / f"{name}.toml", *QUICK, "-o", folder / f"{fit}.json")
        assert ended.status == 0, ended.stderr
    return folder


@pytest.fixture
def here(made, monkeypatch):
    """That folder as the current one."""
    monkeypatch.chdir(made)
    return made


def only_json(ended):
    """The one JSON object that is all of standard output."""
    assert ended.status == 0, ended.stderr
    assert ended.stdout.count("\n") == 1
    return json.loads(ended.stdout, parse_constant=pytest.fail)


def next_command(stderr):
    """The words of the command that the last line of messages proposes."""
    line = stderr.splitlines()[-1]
    start = line.index("cptlaw ")
    return shlex.split(line[start:].partition(", to fit")[0].partition("   (")[0])[1:]


# --- one JSON object and nothing else ---------------------------------------------------------


def test_read_as_json(here):
    found = only_json(run("read", "base.csv", "cosine.csv", "--json"))
    assert [log["name"] for log in found["logs"]] == ["base", "cosine"]
    log = found["logs"][1]
    told = {"optimizer", "weight_decay", "init_std"}
    judged = {"notes", "faults", "doubts", "lr_groups"}
    judged |= {"counts_micro_batches", "micro_batches"}
    assert set(log) == {"name", "origin", "format", "columns", "lr", "schedule", *told, *judged}
    assert list(log["columns"]) == ["eval_general_loss", "eval_law_loss"]
    assert log["columns"]["eval_law_loss"]["step"][:3] == [0, 50, 100]
    assert log["lr"]["step"][0] == 50


def test_init_as_json(here, tmp_path):
    path = tmp_path / "new.toml"
    found = only_json(run("init", "base.csv", "cosine.csv", "-o", path, "--json"))
    assert found["study"] == str(path)
    assert found["text"] == path.read_text()
    assert found["notes"]


def test_fit_as_json(here):
    found = only_json(run("fit", "study.toml", *QUICK, "--json"))
    assert {"domains", "conventions", "seconds"} <= set(found)
    assert list(found["domains"]) == ["pt", "cpt"]
    promised = "law params stderr status advice huber r2 mae mape worst n"
    assert set(promised.split()) <= set(found["domains"]["pt"])
    assert found["domains"]["pt"]["params"]["lambda"] == 0.999
    assert found["conventions"]["warmup"] == "peak"


@pytest.mark.parametrize(("words", "drawn"), [((), True), (("--no-priors",), False)])
def test_a_fit_with_or_without_priors(here, tmp_path, words, drawn):
    out = tmp_path / "fit.json"
    ended = run("fit", "study.toml", *QUICK, *words, "--verbose", "-o", out)
    assert (store.load(out).options.prior_weight > 0) is drawn
    assert ("without priors" in ended.stdout) != drawn


def test_forecast_as_json(here):
    asked = ("--after", "base", "--schedule", "cosine 1000 to 0", "--every", "100")
    found = only_json(run("forecast", "fit.json", *asked, "--json"))
    curve = found["domains"]["pt"]
    ends = {"low", "high", "mean_low", "mean_high"}
    assert set(curve) == {"step", "loss", "base", "shift", *ends, "final"}
    assert curve["step"] == list(range(0, 1001, 100))
    assert found["level"] == 0.9
    assert all(
        a < b < c for a, b, c in zip(curve["low"], curve["loss"], curve["high"], strict=True)
    )
    assert curve["final"] == curve["loss"][-1]
    assert found["verdict"]["choices"]["peak"]["status"] == "data"


def test_backtest_as_json(here):
    asked = ("--hold-out", "stages", "--law", "eq4", "eq4-anchored", "eq4", *GIVEN)
    found = only_json(run("backtest", "study.toml", *asked, "--json"))
    promised = "law run domain n r2 mae rmse mape worst final_error coverage beyond"
    assert all(set(row) == set(promised.split()) for row in found["rows"])
    assert [(row["law"], row["domain"]) for row in found["rows"]] == [
        (law, role) for law in ("eq4", "eq4-anchored") for role in ("pt", "cpt")
    ]
    assert set(found["laws"][0]) == {"law", "domain", "huber", "seconds", "status"}
    assert all(row["mape"] < 0.01 for row in found["rows"] if row["law"] == "eq4")
    assert found["verdict"][0].startswith("eq4")


def test_laws_as_json():
    found = only_json(run("laws", "--json"))
    assert [law["name"] for law in found["laws"]] == list(catalog.LAWS)


def test_published_as_json():
    assert list(only_json(run("published", "--json"))["fits"]) == list(published.names())


def test_bench_as_json_and_in_words(monkeypatch):
    found = only_json(run("bench", "fit", "--starts", "1", "--json"))
    assert [row["domain"] for row in found["domains"]] == ["pt", "cpt"]
    assert found["ratio_numeric"] > 0
    monkeypatch.setattr(fit_speed, "fit_speed", lambda starts, say: found)
    ended = run("bench", "fit", "--starts", "1")
    assert ended.status == 0, ended.stderr
    assert "L-BFGS-B, numeric gradient" in ended.stdout
    assert not re.search(r"e[-+]0\d", ended.stdout)


# --- texts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["read", "base.csv"], ["base.csv (csv)", "eval_law_loss", "learning rate: 40 points"]),
        (["fit", "study.toml", *QUICK], ["You can plan", "CPT law", "standard error", "--verbose"]),
        (["fit", "study.toml", *QUICK, "--verbose"], ["std. error", "Conventions", "Notes"]),
        (
            ["forecast", "fit.json", "--after", "base@1500", "--schedule", "cosine 900 to 0"],
            ["CPT run from 'base' at step 1500: 900 steps", "without CPT", "warning: A start at"],
        ),
        (
            ["forecast", "pt.json", "--schedule", "warmup 100 to 2e-4 | constant 1900"],
            ["PT run from scratch: 2,000 steps", "loss, nats"],
        ),
        (["backtest", "study.toml", "--fit-steps", ".5", *QUICK], ["the first 50 % of the steps"]),
        (
            ["backtest", "study.toml", "--hold-out", "stages", *QUICK],
            ["Held out: stages", "the fit of eq4 on pt: not identified"],
        ),
        (["laws"], ["eq1: annealing law"]),
        (["published"], ["published:fineweb-kp-106m\n", "needs --after unknown:llama3.2-1b"]),
    ],
)
def test_texts(here, words, told):
    ended = run(*words)
    assert ended.status == 0, ended.stderr
    for part in told:
        assert part in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 110


def test_a_forecast_of_pre_training_shows_no_shift(here):
    asked = ("--after", "pt@1500", "--data", "pt", "--schedule", "linear 300 to 0")
    ended = run("forecast", "pt.json", *asked)
    assert "PT run from 'pt' at step 1500" in ended.stdout
    assert "shift" not in ended.stdout
    assert "at start" in ended.stdout


def test_no_command_shows_the_help():
    ended = run()
    assert (ended.status, ended.stdout) == (2, "") or not ended.status  # click before 8.2
    assert "Commands:" in ended.stderr + ended.stdout


def test_version():
    assert run("--version").stdout.startswith("cptlaw, version ")


# --- the check values -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peak", "steps", "final"),
    [
        ("0.25e-4", 20_000, (3.3043, 2.6461)),
        ("0.25e-4", 80_000, (3.3492, 2.5971)),
        ("1e-4", 20_000, (3.3496, 2.5975)),
        ("1e-4", 80_000, (3.3684, 2.5437)),
        ("2e-4", 20_000, (3.3636, 2.5723)),
        ("2e-4", 80_000, (3.3659, 2.5139)),
    ],
)
def test_figure_7_of_the_paper(peak, steps, final):
    base = "warmup 500 to 2e-4 | constant 31500 | linear 8000 to 0"
    schedule = f"warmup 500 to {peak} | cosine {steps - 500} to 0"
    fit = "published:fineweb-kp-106m"
    found = only_json(
        run("forecast", fit, "--base-schedule", base, "--schedule", schedule, "--json")
    )
    assert [round(found["domains"][role]["final"], 4) for role in ("pt", "cpt")] == list(final)


# --- files ------------------------------------------------------------------------------------


def test_a_tidy_csv_reads_back_as_the_same_run(here, tmp_path):
    assert run("read", "cosine.csv", "-o", tmp_path / "tidy.csv").status == 0
    one, other = logs.read("cosine.csv"), logs.read(tmp_path / "tidy.csv")
    assert one.curves == other.curves
    assert one.logged_lr == other.logged_lr


def test_several_logs_go_into_a_folder(here, tmp_path):
    ended = run("read", "base.csv", "cosine.csv", "-o", tmp_path / "new" / "folder")
    assert ended.status == 0
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == [
        "base.csv",
        "cosine.csv",
    ]


def test_a_first_study_loads_and_tells_its_guesses(here, tmp_path):
    path = tmp_path / "first.toml"
    ended = run("init", "base.csv", "cosine.csv", "stages.csv", "-o", path)
    study = load_study(path)
    assert [(r.name, r.after) for r in study.runs][1:] == [("cosine", "base"), ("stages", "base")]
    assert ended.stdout == path.read_text()
    assert "goes on from 'base' at its log's step 2000" in ended.stdout.replace("\n# ", " ")


def test_an_existing_study_is_kept_unless_forced(here, tmp_path):
    path = tmp_path / "study.toml"
    path.write_text("mine")
    assert run("init", "base.csv", "-o", path).status == 2
    assert path.read_text() == "mine"
    assert run("init", "base.csv", "-o", path, "--force").status == 0
    assert "[[run]]" in path.read_text()


def test_outputs_and_figures_are_written(here, tmp_path):
    out, figure = tmp_path / "out.json", tmp_path / "figure.png"
    ended = run("fit", "study.toml", *QUICK, "-o", out, "--figure", figure)
    assert ended.status == 0, ended.stderr
    assert store.load(out).domains.keys() == {"pt", "cpt"}
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert f"wrote {out}" in ended.stderr and f"wrote {figure}" in ended.stderr
    asked = ("--after", "base", "--schedule", "cosine 500 to 0", "-o", out, "--figure", figure)
    assert run("forecast", "fit.json", *asked).status == 0
    assert store.load(out).schedule.steps == 500
    wide = figure.stat().st_size
    asked = (*asked, "--figure-width", "3", "--font-size", "6", "--no-titles")
    assert run("forecast", "fit.json", *asked).status == 0
    assert figure.stat().st_size < wide
    assert run("backtest", "study.toml", "--hold-out", "stages", *QUICK, "-o", out).status == 0
    assert store.load(out).rows


def test_an_output_replaces_no_input(here):
    before = (here / "fit.json").read_text()
    asked = ("--after", "base", "--schedule", "constant 5", "-o", "fit.json")
    assert run("forecast", "fit.json", *asked).status == 2
    assert (here / "fit.json").read_text() == before


# --- what is next -----------------------------------------------------------------------------


@pytest.mark.parametrize("study", ["study.toml", "open.toml", "pt.toml", "batch.toml"])
def test_the_forecast_proposed_after_a_fit_works(here, tmp_path, study):
    ended = run("fit", study, *QUICK, "-o", tmp_path / "a fit.json")
    words = next_command(ended.stderr)
    assert words[:2] == ["forecast", str(tmp_path / "a fit.json")]
    assert run(*words).status == 0


def test_the_other_proposals_work(here, tmp_path, monkeypatch):
    told = run("published").stderr
    assert run(*next_command(told)).status == 0
    monkeypatch.chdir(tmp_path)
    told = run("read", here / "base.csv", here / "cosine.csv").stderr
    told = run(*next_command(told)).stderr
    assert run(*next_command(told)).status == 0
    told = run("backtest", "study.toml", "--hold-out", "cosine").stderr
    assert next_command(told) == ["fit", "study.toml", "-o", "fit.json"]


# --- words of options -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["study.toml", "--hold-out", "cosine", "stages", *GIVEN],
        ["study.toml", "--hold-out", "cosine,stages", *GIVEN],
        ["study.toml", "--hold-out=cosine", "--hold-out", "stages", *GIVEN],
        [*GIVEN, "--hold-out", "cosine", "stages", "study.toml"],
    ],
)
def test_ways_to_name_several_runs(here, words):
    found = only_json(run("backtest", *words, "--law", "eq4", "--json"))
    assert {row["run"] for row in found["rows"]} == {"cosine", "stages"}


def test_what_a_law_does_not_see_is_told(here):
    asked = ("--after", "base", "--schedule", "cosine 1000 to 0")
    ended = run("forecast", "fit.json", *asked, "--replay", ".3", "--model-size", "1e9", "--json")
    assert ended.stderr.count("has no effect on the forecast") == 2
    plain = only_json(run("forecast", "fit.json", *asked, "--json"))
    for role, curve in only_json(ended)["domains"].items():
        assert curve["loss"] == plain["domains"][role]["loss"]


# --- interruptions ----------------------------------------------------------------------------


def test_an_interrupted_fit_leaves_nothing(here, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cptlaw.fitting.domain.best_minimum", interrupt)
    out, figure = tmp_path / "fit.json", tmp_path / "fit.png"
    ended = run("fit", "study.toml", *QUICK, "-o", out, "--figure", figure)
    assert ended.status == 130
    assert ended.stdout == ""
    assert "interrupted" in ended.stderr and "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing(here, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cptlaw.files.Path.replace", interrupt)
    ended = run("fit", "study.toml", *QUICK, "-o", tmp_path / "fit.json")
    assert ended.status == 130
    assert list(tmp_path.iterdir()) == []


def test_a_bug_is_one_sentence(here, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr("cptlaw.fitting.domain.best_minimum", fail)
    ended = run("fit", "study.toml", *QUICK)
    assert ended.status == 1
    assert ended.stderr.splitlines()[-1].startswith("error: a bug in cptlaw, ZeroDivisionError")


@pytest.mark.parametrize(
    ("asked", "law"),
    [
        ((), "effective"),
        (("--law", "paper", "--lambda", ".98", "--warmup", "as-is"), "eq8"),
    ],
)
def test_the_bundled_study_by_the_command_line(tmp_path, monkeypatch, asked, law):
    folder = datasets.copy("tiny-cpt", tmp_path)
    monkeypatch.chdir(folder)
    found = only_json(run("fit", "study.toml", *asked, "--json"))
    assert {d["law"] for role, d in found["domains"].items() if role in ("pt", "cpt")} == {law}
    assert {d["law"] for role, d in found["domains"].items() if "ood" in role} == {"eq6"}
    assert found["conventions"]["warmup"] == "as-is"
