"""`fit`, `backtest` and `compare` take the same options of fitting, and use them."""

import json

import pytest

from command import STUDY, run, write_logs

SHARED = (
    "--lambda",
    "--fix",
    "--warmup",
    "--tail",
    "--fit-from",
    "--ood-law",
    "--target",
    "--no-priors",
    "--weigh",
)
ASKED = {
    "fit": ("--law", "effective"),
    "backtest": ("--hold-out", "stages", "--law", "effective"),
    "compare": ("--hold-out", "stages", "--law", "effective", "eq4"),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("options")
    write_logs(folder)
    (folder / "study.toml").write_text(STUDY.replace('cpt = "eval_law_loss"\n', ""))
    return folder / "study.toml"


@pytest.mark.parametrize("command", ASKED)
def test_every_command_that_fits_has_them(command):
    told = run(command, "--help").stdout
    assert all(option in told for option in SHARED)


@pytest.mark.parametrize("command", ASKED)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--ood-law", "eq44"), "law 'eq44' is unknown"),
        (("--fix", "alpha"), "expected NAME=VALUE"),
        (("--fix", "alpha=1", "--fix", "alpha=2"), "alpha is given twice"),
    ],
)
def test_bad_ones_are_refused_before_the_work(study, command, words, message):
    ended = run(command, study, *ASKED[command], *words)
    assert ended.status == 2
    assert message in ended.stderr


# All shape parameters of the default law but kappa, which a prior draws, so that a fit is quick.
HELD = {"alpha": 0.6, "sigma": 0.02, "decay": 0.1, "zeta": 0.7, "rho": 1, "E": 60, "b": 0}
ALSO_HELD = {"backtest": {}, "compare": {"lambda": 0.999, "beta": 0.3}}  # of eq4


@pytest.mark.parametrize("command", ["backtest", "compare"])
def test_priors_make_a_difference_to_held_out_errors(study, command):
    held = [f"--fix={name}={value}" for name, value in (HELD | ALSO_HELD[command]).items()]
    words = (command, study, *ASKED[command], "--warmup", "as-is", *held, "--json")
    drawn, free = (json.loads(run(*words, *more).stdout) for more in ((), ("--no-priors",)))
    errors = [
        [row["mape"] for row in each["rows"] if row["law"] == "effective"] for each in (drawn, free)
    ]
    assert errors[0] and errors[0] != errors[1]


def test_a_mistyped_parameter_is_refused_before_any_work(tmp_path):
    write_logs(tmp_path)
    ended = run("fit", tmp_path / "study.toml", "--fix", "alhpa=1")
    assert ended.status == 2
    assert ended.stderr.count("\n") == 1
    assert "Did you mean 'alpha'?" in ended.stderr
