"""The paper's coefficients: unchanged, complete, and giving the paper's numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from cptlaw import published
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.forecast import Forecast, forecast

BASE = "warmup 500 to 2e-4 | constant 31500 | linear 8000 to 0"
TYPICAL = "warmup 500 to 1e-4 | cosine 9500 to 0"
SHARED = Path(__file__).parents[3] / "shared" / "paper" / "coefficients.json"
REPLAYS = {1.0: "", 0.67: "-replay33", 0.5: "-replay50", 0.33: "-replay67"}
needs_shared = pytest.mark.skipif(
    not SHARED.exists(), reason="../shared/paper/coefficients.json is absent"
)


def _typical(name: str, schedule: str = TYPICAL) -> Forecast:
    fit = published.load(name)
    bases = fit.domain("pt").facts.bases
    if bases:
        return forecast(fit, schedule, after=f"unknown:{bases[0]}")
    size = 594e6 if fit.domain("pt").law.name == "eq7" else None
    return forecast(fit, schedule, base_schedule=BASE, model_size=size)


def _shift(params: Any, area: Any) -> Any:
    return params["B"] * -np.expm1(-params["beta"] * np.log1p(params["E"] * np.asarray(area)))


# --- names and loading ------------------------------------------------------------------------


def test_names() -> None:
    assert published.names() == (
        "fineweb-kp-106m",
        "fineweb-law-106m",
        "fineweb-kp-106m-replay33",
        "fineweb-kp-106m-replay50",
        "fineweb-kp-106m-replay67",
        "fineweb-kp-594m",
        "fineweb-kp-1720m",
        "fineweb-kp-N",
        "fineweb-kp-106m-r",
        "llama3.2-1b-law",
        "fineweb-as-unknown-law",
        "fineweb-kp-106m-eq9-0.1",
        "fineweb-kp-106m-eq9-0.2",
        "fineweb-kp-106m-eq10",
        "fineweb-kp-106m-ood",
    )


def test_a_prefix_is_understood() -> None:
    assert published.load("published:fineweb-kp-106m") is published.load("fineweb-kp-106m")


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"'fineweb-kp-106'.*Did you mean 'fineweb-kp-106m'"):
        published.load("published:fineweb-kp-106")


@pytest.mark.parametrize("name", published.names())
def test_every_fit_is_complete(name: str) -> None:
    fit = published.load(name)
    assert fit.study is None
    assert "2505.07796" in fit.source and "figure" in fit.source and "setting" in fit.source
    for role, domain in fit.domains.items():
        assert domain.role == domain.facts.role == role
        assert domain.status == "published"
        assert set(domain.params) == set(domain.law.parameters)
        assert domain.facts.reference_area == 4.0
        assert domain.ranges["cpt_peak_lr"][1] == 2e-4
        if not role.startswith("ood."):
            assert domain.fixed["lambda"] == domain.params["lambda"] == 0.999
            _assert_inside_its_bounds(fit, role)


def _assert_inside_its_bounds(fit: Fit, role: str) -> None:
    domain = fit.domain(role)
    for shape in domain.law.shapes:
        assert shape.low <= domain.params[shape.name] <= shape.high
    for term in domain.law.terms:
        value = domain.params[term.coefficient]
        assert {"nonnegative": value >= 0, "nonpositive": value <= 0, "free": True}[term.bound]


@pytest.mark.parametrize("name", published.names())
def test_every_fit_forecasts(name: str) -> None:
    found = _typical(name)
    for role, curve in found.domains.items():
        assert np.isfinite(curve.loss).all(), role
        assert 1.2 < curve.final < 4.5, role


# --- the paper's numbers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "peak", "pt", "cpt"),
    [
        (20_000, "0.25e-4", 3.3043, 2.6461),
        (20_000, "1e-4", 3.3496, 2.5975),
        (20_000, "2e-4", 3.3636, 2.5723),
        (80_000, "0.25e-4", 3.3492, 2.5971),
        (80_000, "1e-4", 3.3684, 2.5437),
        (80_000, "2e-4", 3.3659, 2.5139),
    ],
)
def test_figure_7_final_losses(steps: int, peak: str, pt: float, cpt: float) -> None:
    schedule = f"warmup 500 to {peak} | cosine {steps - 500} to 0"
    found = forecast(published.load("fineweb-kp-106m"), schedule, base_schedule=BASE)
    assert round(found.domains["pt"].final, 4) == pt
    assert round(found.domains["cpt"].final, 4) == cpt


@pytest.mark.parametrize(
    ("potential", "cpt"), [(0.1, 2.6521), (0.3, 2.6091), (0.5, 2.5875), (1.0, 2.5536)]
)
def test_figure_5_loss_potential_without_rewarmup(potential: float, cpt: float) -> None:
    """The PT's last 8k of 40k steps end at potential * peak; the CPT goes on from there to 0."""
    end = 2e-4 * potential
    base = f"warmup 500 to 2e-4 | constant 31500 | linear 8000 to {end}"
    found = forecast(
        published.load("fineweb-kp-106m"), f"linear 20000 to 0 from={end}", base_schedule=base
    )
    assert round(found.domains["cpt"].final, 4) == cpt


@pytest.mark.parametrize(
    ("name", "pt", "cpt"),
    [
        ("fineweb-kp-106m", 0.216, -0.512),
        ("fineweb-kp-106m-replay33", 0.066, -0.482),
        ("fineweb-kp-106m-replay50", 0.042, -0.460),
        ("fineweb-kp-106m-replay67", 0.024, -0.431),
    ],
)
def test_shift_after_20k_steps_at_the_peak(name: str, pt: float, cpt: float) -> None:
    found = _typical(name, "constant 20000 to 2e-4")
    assert found.domains["pt"].shift[-1] == pytest.approx(pt, abs=6e-4)
    assert found.domains["cpt"].shift[-1] == pytest.approx(cpt, abs=6e-4)


def test_out_of_domain_losses_are_weighted_sums() -> None:
    found = _typical("fineweb-kp-106m-ood").domains
    pt, cpt = found["pt"], found["cpt"]
    np.testing.assert_allclose(found["ood.Arxiv"].loss, 1.631 * cpt.loss - 0.609 * pt.loss)
    np.testing.assert_allclose(found["ood.C4"].shift, 0.152 * cpt.shift + 0.867 * pt.shift)
    assert published.load("fineweb-kp-106m-ood").domain("ood.C4").combines is not None


# --- replay (Eq. 8) ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["replay33", "replay50", "replay67"])
def test_a_fit_at_one_replay_share_forecasts_at_it(name: str) -> None:
    share = int(name.removeprefix("replay")) / 100
    found = _typical(f"fineweb-kp-106m-{name}")
    assert found.replay == share
    other = forecast(
        published.load(f"fineweb-kp-106m-{name}"), TYPICAL, base_schedule=BASE, replay=0.1
    )
    assert not any("replay share" in w for w in found.warnings)
    assert any("A replay share of 0.1 lies outside" in w for w in other.warnings)


@pytest.mark.parametrize("role", ["pt", "cpt"])
def test_eq8_beta_is_what_figure_3_asks_for(role: str) -> None:
    area = np.linspace(0.02, 6.0, 300)
    wanted = _shift(published.load("fineweb-kp-106m").domain(role).params, area)
    params = published.load("fineweb-kp-106m-r").domain(role).params

    def miss(log_beta: float) -> float:
        return float(np.sum((_shift({**params, "beta": np.exp(log_beta)}, area) - wanted) ** 2))

    best = minimize_scalar(miss, bounds=(np.log(1e-3), np.log(2.0)), options={"xatol": 1e-9})
    assert float(f"{np.exp(best.x):.3g}") == params["beta"]


def test_eq8_follows_figures_3_and_12() -> None:
    """Root mean square difference of the shifts, nats, at 0, 33, 50 and 67 % replay."""
    found = published.load("fineweb-kp-106m-r")
    area = np.linspace(0.02, 6.0, 300)
    most = {"pt": (0.004, 0.004, 0.006, 0.007), "cpt": (0.010, 0.022, 0.024, 0.008)}
    for role, limits in most.items():
        domain = found.domain(role)
        a2 = domain.params["a2"] * (1 if role == "pt" else -1)
        for (r_cpt, name), limit in zip(REPLAYS.items(), limits, strict=True):
            whole = _shift(domain.params, area) * np.expm1(a2 * r_cpt) / np.expm1(a2)
            own = _shift(published.load(f"fineweb-kp-106m{name}").domain(role).params, area)
            assert np.sqrt(np.mean((whole - own) ** 2)) < limit, (role, r_cpt)


def test_eq8_gives_the_wave_of_figure_8c() -> None:
    fit = published.load("fineweb-kp-106m-r")
    shares = np.linspace(0, 1, 101)
    runs = [
        forecast(fit, "cosine 20000 to 0 from=2e-4", base_schedule=BASE, replay=r, every=20_000)
        for r in shares.tolist()
    ]
    pt, cpt = (np.array([run.domains[role].final for run in runs]) for role in ("pt", "cpt"))
    best = [shares[np.argmin(w * pt + (1 - w) * cpt)] for w in np.linspace(0, 1, 11)]
    wave = [0, 0.22, 0.31, 0.38, 0.42, 0.47, 0.52, 0.56, 0.63, 0.72, 1]
    np.testing.assert_allclose(best, wave, atol=0.015)


# --- what the print leaves open ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fineweb-kp-594m", "lies anywhere in 0.087 to 0.261"),
        ("fineweb-kp-594m", "(L0 + B = 31.8) and the critical point mean nothing"),
        ("fineweb-kp-1720m", "lies anywhere in 0.181 to 0.232"),
        ("fineweb-kp-1720m", "(L0 + B = 11.2) and the critical point mean nothing"),
        ("fineweb-kp-106m-r", "beta is not printed; 0.00546"),
        ("llama3.2-1b-law", "The sign of B got lost"),
        ("llama3.2-1b-law", "The peak LR is in doubt"),
        ("fineweb-as-unknown-law", "The sign of B got lost"),
    ],
)
def test_a_forecast_repeats_what_the_print_leaves_open(name: str, words: str) -> None:
    assert any(w.startswith("pt: ") and words in w for w in _typical(name).warnings)


@pytest.mark.parametrize("name", ["fineweb-kp-106m", "fineweb-law-106m", "fineweb-kp-N"])
def test_a_well_printed_fit_gives_no_advice(name: str) -> None:
    assert not any(d.advice for d in published.load(name).domains.values())


def test_a_forecast_past_the_fitted_steps_of_an_open_model_is_told() -> None:
    found = _typical("llama3.2-1b-law").warnings
    assert any("A length of 10,000 steps lies outside" in w for w in found)


# --- shifts without a law ---------------------------------------------------------------------


def test_shifts_are_listed_with_their_unit() -> None:
    found = published.shifts()
    assert [(s.figure, s.area) for s in found[::4]] == [
        ("2", "steps"),
        ("14", "steps"),
        ("17", "S1"),
    ]
    assert len(found) == 12
    assert all((s.beta is None) == (s.form == "exponential") for s in found)
    assert all(("RoPE" in s.note) == (s.figure == "17") for s in found)


def test_shift_values() -> None:
    power, exponential = published.shifts()[:2]
    assert power.at(0.0) == 0.0
    np.testing.assert_allclose(power.at([1000.0]), 0.368 * (1 - 9**-0.173))
    np.testing.assert_allclose(exponential.at([1000.0]), 0.195 * (1 - np.exp(-1)))


# --- against the transcription ----------------------------------------------------------------


@pytest.fixture(scope="module")
def shared() -> dict[str, Any]:
    return json.loads(SHARED.read_text(encoding="utf-8"))


def _assert_printed(name: str, role: str, entry: dict[str, Any]) -> None:
    domain = published.load(name).domain(role)
    numbers = {k: v for k, v in entry.items() if type(v) in (int, float)}
    for key in ("replay", "fit_steps", "predict_steps"):
        numbers.pop(key, None)
    if domain.law.name == "eq8":
        a2 = numbers["a2"]
        numbers["B"] *= np.expm1(a2) if role == "pt" else -np.expm1(-a2)
    assert {k: domain.params.get(k) for k in numbers} == pytest.approx(numbers, rel=1e-15)
    rest = set(domain.params) - set(numbers) - {"lambda", "epsilon"}
    assert rest == ({"beta"} if domain.law.name == "eq8" else set())


@needs_shared
def test_main_coefficients_are_the_printed_ones(shared: dict[str, Any]) -> None:
    entries = [e for k in ("eq4", "eq7_model_size", "eq8_replay", "open_models") for e in shared[k]]
    assert len(entries) == 22
    for entry in entries:
        name, domain = entry["id"].split("/")
        role = domain.removesuffix("-proxy")
        _assert_printed(name, role, entry)
        ranges = published.load(name).domain(role).ranges
        if "replay" in entry:
            assert ranges["replay"] == (entry["replay"],) * 2
        if "fit_steps" in entry:
            assert ranges["cpt_steps"][1] == entry["fit_steps"]


@needs_shared
def test_settings_are_the_printed_ones(shared: dict[str, Any]) -> None:
    for entry in shared["eq4"]:
        setting = shared["setting"][entry["setting"]]
        fit = published.load(entry["id"].split("/")[0])
        assert f"{setting['pt']} -> {setting['cpt']}" in fit.source
        assert f"figure {entry['figure']} (setting {entry['setting']}" in fit.source
        for domain in fit.domains.values():
            assert domain.ranges["model_size"] == (setting["model_size_M"] * 1e6,) * 2
            assert domain.ranges["pt_peak_lr"] == (setting["peak_lr"],) * 2


@needs_shared
@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("lr_weight_0.1", "fineweb-kp-106m-eq9-0.1"),
        ("lr_weight_0.2", "fineweb-kp-106m-eq9-0.2"),
        ("s2_power", "fineweb-kp-106m-eq10"),
    ],
)
def test_variants_are_the_printed_ones(shared: dict[str, Any], variant: str, name: str) -> None:
    for role in ("pt", "cpt"):
        _assert_printed(name, role, shared["figure20_variants"][variant][role])
        huber, r2 = shared["table2_variants"][role][variant]
        words = f"Huber loss of {huber:g} and an R2 of {r2:g} on D_{role}"
        assert any(words in note for note in published.load(name).notes)
    epsilon = {"lr_weight_0.1": 0.1, "lr_weight_0.2": 0.2}.get(variant)
    assert published.load(name).domain("pt").fixed.get("epsilon") == epsilon


@needs_shared
def test_out_of_domain_weights_are_the_printed_ones(shared: dict[str, Any]) -> None:
    printed = {k: v for k, v in shared["out_of_domain"].items() if isinstance(v, dict)}
    fit = published.load("fineweb-kp-106m-ood")
    found = {
        role.removeprefix("ood."): {"cpt": d.params["l_cpt"], "pt": d.params["l_pt"]}
        for role, d in fit.domains.items()
        if role.startswith("ood.")
    }
    assert found == printed


@needs_shared
def test_shifts_are_the_printed_ones(shared: dict[str, Any]) -> None:
    wanted: set[tuple[Any, ...]] = set()
    for s in shared["shift_in_steps"]:
        wanted.add((s["figure"], s["domain"], s["B"], s["E"], s["beta"], s.get("R2"), "steps"))
        if "exp" in s:
            e = s["exp"]
            wanted.add((s["figure"], s["domain"], e["B"], e["rate"], None, e["R2"], "steps"))
    for domain in ("pt", "cpt"):
        for s in shared["figure17_batch_size"][domain]:
            wanted.add(("17", domain, s["B"], s["E"], s["beta"], None, "S1"))
    found = {(s.figure, s.domain, s.B, s.E, s.beta, s.r2, s.area) for s in published.shifts()}
    assert found == wanted
