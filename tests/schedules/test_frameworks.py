"""Schedules of frameworks against their formulas, value for value at every step."""

import numpy as np
import pytest

import framework_formulas as formulas
from cptlaw.errors import DataError
from cptlaw.schedules.frameworks import FRAMEWORKS
from cptlaw.schedules.schedule import Schedule

LR = 3e-4


def check(text, formula, steps):
    """The text's schedule has the formula's value at every step, and so has its plain text."""
    schedule = Schedule.parse(text)
    expected = np.array([formula(step) for step in range(1, steps + 1)])
    assert schedule.steps == steps
    assert schedule.text
    for found in (schedule, Schedule.parse(schedule.text)):
        np.testing.assert_allclose(found.lr(), expected, rtol=1e-12, atol=1e-15 * expected.max())


@pytest.mark.parametrize("warmup", [0, 1, 77])
@pytest.mark.parametrize("style", ["constant", "linear", "cosine", "inverse-square-root"])
def test_megatron(style, warmup):
    low = "" if style == "constant" else "min_lr=1e-4 lr_decay_iters=700"
    text = f"megatron:{style} lr=3e-4 train_iters=800 lr_warmup_iters={warmup} {low}"
    check(text, lambda t: formulas.megatron(t - 1, style, LR, 1e-4, warmup, 700), 800)


@pytest.mark.parametrize("style", ["linear", "cosine", "exponential", "minus_sqrt"])
def test_megatron_wsd(style):
    text = (
        "megatron:WSD lr=3e-4 train_iters=800 lr_warmup_iters=50 lr_wsd_decay_iters=123 "
        f"lr_wsd_decay_style={style} min_lr=1e-5 lr_warmup_init=1e-6"
    )
    check(
        text,
        lambda t: formulas.megatron(t - 1, "WSD", LR, 1e-5, 50, 800, 1e-6, 123, style),
        800,
    )


@pytest.mark.parametrize("kind", ["linear", "sqrt", "cosine"])
@pytest.mark.parametrize(("warmup", "ratio", "total"), [(0, 0.2, 0), (40, 0.33, 0), (9, 0.2, 500)])
def test_torchtitan(kind, warmup, ratio, total):
    text = (
        f"torchtitan:warmup_stable_decay lr=3e-4 steps=400 warmup_steps={warmup} "
        f"decay_ratio={ratio} decay_type={kind} min_lr_factor=0.1"
    )
    text, whole = (f"{text} total_steps={total}", total) if total else (text, 400)
    decay = round(whole * ratio)
    check(text, lambda t: formulas.torchtitan(t - 1, LR, whole, warmup, decay, kind, 0.1), 400)


def test_torchtitan_without_a_stable_part():
    text = "torchtitan:warmup_stable_decay lr=3e-4 steps=400 warmup_steps=100"
    check(text, lambda t: formulas.torchtitan(t - 1, LR, 400, 100, 300, "linear", 0.0), 400)


@pytest.mark.parametrize("warmup", [0, 1, 40])
def test_nanochat(warmup):
    text = f"nanochat:base_train num_iterations=500 warmup_steps={warmup}"
    check(text, lambda t: formulas.nanochat(t - 1, 500, warmup, 325, 0.05), 500)


@pytest.mark.parametrize(
    "kind",
    [
        "ConstantWithWarmup",
        "LinearWithWarmup",
        "CosWithWarmup",
        "HalfCosWithWarmup",
        "InvSqrtWithWarmup",
    ],
)
@pytest.mark.parametrize("start", [0.0, 1e-5])
def test_olmo_core(kind, start):
    text = f"olmo_core:{kind} lr=3e-4 t_max=600 warmup=60 warmup_min_lr={start}"
    check(text, lambda t: formulas.olmo_core(t, kind, LR, 600, 60, start=start), 600)


@pytest.mark.parametrize("kind", ["WSD", "PowerLR", "CosWithWarmupAndLinearDecay"])
def test_olmo_core_with_a_line_at_the_end(kind):
    text = f"olmo_core:{kind} lr=3e-4 t_max=600 warmup=60 decay=111 decay_min_lr=1e-6"
    check(text, lambda t: formulas.olmo_core(t, kind, LR, 600, 60, decay=111, low=1e-6), 600)


def test_olmo_core_by_periods():
    text = "olmo_core:WSDS lr=3e-4 period_lengths=200,300 warmup=50 decay=40"
    check(text, lambda t: formulas.olmo_wsds(t, LR, (200, 300), 50, 40), 500)


def test_olmo_core_exponential_and_constant():
    text = "olmo_core:ExponentialScheduler lr=3e-4 t_max=90 lr_min=1e-9"
    check(text, lambda t: 1e-9 * (LR / 1e-9) ** (t / 90), 90)
    check("olmo_core:ConstantScheduler lr=3e-4 t_max=90", lambda t: LR, 90)


@pytest.mark.parametrize("warmup", [0, 33])
@pytest.mark.parametrize(
    ("kind", "more", "given"),
    [
        ("WarmupPolicy", "", {}),
        ("CosineAnnealing", "min_lr=1e-5", {"low": 1e-5}),
        ("SquareAnnealing", "min_lr=1e-5", {"low": 1e-5}),
        ("SquareRootAnnealing", "min_lr=1e-5", {"low": 1e-5}),
        ("WarmupAnnealing", "min_lr=1e-5", {"low": 1e-5}),
        ("PolynomialDecayAnnealing", "power=1.5", {"power": 1.5}),
        ("InverseSquareRootAnnealing", "", {}),
    ],
)
def test_nemo(kind, more, given, warmup):
    text = f"nemo:{kind} lr=3e-4 max_steps=500 warmup_steps={warmup} {more}"
    check(text, lambda t: formulas.nemo(t - 1, kind, LR, 500, warmup, **given), 500)


@pytest.mark.parametrize(
    ("kind", "more", "given"),
    [
        ("CosineAnnealing", "constant_steps=100 min_lr=1e-5", {"const": 100, "low": 1e-5}),
        ("NoamHoldAnnealing", "hold_steps=90", {"hold": 90}),
        ("NoamHoldAnnealing", "min_lr=1e-4 decay_rate=1", {"low": 1e-4, "rate": 1.0}),
        ("PolynomialHoldDecayAnnealing", "hold_steps=90 power=2", {"hold": 90, "power": 2.0}),
    ],
)
def test_nemo_with_a_hold(kind, more, given):
    text = f"nemo:{kind} lr=3e-4 max_steps=500 warmup_steps=33 {more}"
    check(text, lambda t: formulas.nemo(t - 1, kind, LR, 500, 33, **given), 500)


def test_nemo_noam():
    text = "nemo:NoamAnnealing lr=2 max_steps=500 d_model=512 warmup_steps=50 min_lr=5e-3"
    check(text, lambda t: formulas.nemo_noam(t - 1, 2.0, 512, 50, 5e-3), 500)


@pytest.mark.parametrize("kind", ["log", "linear"])
@pytest.mark.parametrize("name", ["WarmupLR", "WarmupDecayLR", "WarmupCosineLR"])
def test_deepspeed(name, kind):
    length = "steps=400" if name == "WarmupLR" else "total_num_steps=400"
    ratio = name == "WarmupCosineLR"
    lrs = "lr=3e-4 warmup_min_ratio=0.01" if ratio else "warmup_max_lr=3e-4 warmup_min_lr=1e-5"
    text = f"deepspeed:{name} {lrs} {length} warmup_num_steps=60 warmup_type={kind}"
    low = 0.01 if ratio else 1e-5
    check(text, lambda t: formulas.deepspeed(t, name, LR, low, 60, kind, 400), 400)


@pytest.mark.parametrize(("rate", "size"), [(0.0, 0), (0.5, 20)])
def test_deepspeed_one_cycle(rate, size):
    text = (
        "deepspeed:OneCycle steps=400 cycle_min_lr=1e-5 cycle_max_lr=3e-4 decay_lr_rate="
        f"{rate} decay_step_size={size} cycle_first_step_size=100 cycle_second_step_size=150"
    )
    check(text, lambda t: formulas.deepspeed_one_cycle(t, 1e-5, LR, 100, 150, rate, size), 400)


@pytest.mark.parametrize("kind", ["constant", "cosine", "linear", "inv_sqrt", "inv"])
@pytest.mark.parametrize("more", ["", "decay=200", "timescale=150", "timescale=10"])
def test_levanter(kind, more):
    key, _, value = more.partition("=")
    given = {key: float(value)} if key else {}
    text = (
        f"levanter:lr_schedule lr_schedule={kind} learning_rate=3e-4 num_train_steps=400 "
        f"warmup=0.1 {more}"
    )
    check(text, lambda t: formulas.levanter(t - 1, kind, LR, 0.1, 40, 400, **given), 400)


def test_levanter_cycles():
    """The second cycle warms up again from the LR at which the first one ended."""
    text = (
        "levanter:lr_schedule learning_rate=3e-4 num_train_steps=400 cycles=2 rewarmup=20 warmup=40"
    )

    def rate(t):
        own = (t - 1) % 200
        if t > 200 and own < 20:
            return 3e-5 + 2.7e-4 * own / 20
        return formulas.levanter(own, "cosine", LR, 0.1, 20 if t > 200 else 40, 200)

    check(text, rate, 400)


@pytest.mark.parametrize("warmup", [0, 30])
@pytest.mark.parametrize("low", [0.0, 0.1])
def test_axolotl_rex(warmup, low):
    text = f"axolotl:rex learning_rate=3e-4 max_steps=300 warmup_steps={warmup}"
    text += f" cosine_min_lr_ratio={low}"
    check(text, lambda t: formulas.rex(t, LR, low * LR, 300, warmup), 300)


@pytest.mark.parametrize("share", [1.0, 0.8])
def test_axolotl_cosine(share):
    text = (
        "axolotl:cosine learning_rate=3e-4 max_steps=300 warmup_steps=30 cosine_min_lr_ratio=0.1 "
        f"cosine_constant_lr_ratio={share}"
    )
    end = int(300 * share)

    def rate(t):
        s = min(t - 1, end)
        if s < 30:
            return LR * s / 30
        return LR * (0.9 * formulas.half_cosine((s - 30) / (end - 30)) + 0.1)

    check(text, rate, 300)


def test_axolotl_square_warmup_and_sweep():
    text = (
        "axolotl:cosine learning_rate=3e-4 max_steps=300 warmup_steps=30 lr_quadratic_warmup=true"
    )

    def rate(t):
        s = t - 1
        return LR * (s / 30) ** 2 if s < 30 else LR * formulas.half_cosine((s - 30) / 270)

    check(text, rate, 300)
    text = "axolotl:log_sweep num_steps=50 min_lr=1e-6 max_lr=1e-3"
    check(text, lambda t: 1e-6 * 1000 ** (max(t - 2, 0) / 49), 50)


def test_axolotl_one_cycle_rises_over_the_warm_up():
    text = "axolotl:one_cycle learning_rate=3e-4 max_steps=200 warmup_steps=50"

    def rate(t):
        if t <= 50:
            return LR + (LR / 25 - LR) * formulas.half_cosine((t - 1) / 49)
        return LR / 25e4 + (LR - LR / 25e4) * formulas.half_cosine((t - 50) / 150)

    check(text, rate, 200)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("megatron:cosin lr=1", "megatron has no schedule 'cosin'. Did you mean 'cosine'"),
        ("megatrn:cosine lr=1", "no framework 'megatrn' is known. Did you mean 'megatron'"),
        ("megatron:cosine lr=1 warmup=2", "'warmup=2' is not understood. It takes lr, train_it"),
        ("megatron:cosine lr=1", "missing a required argument: 'train_iters'. It takes lr, "),
        ("megatron:cosine lr=x train_iters=9", "lr=x cannot be read; expected float"),
        ("megatron:cosine lr=1 train_iters=9.5", "train_iters=9.5 cannot be read; expected int"),
        ("megatron:cosine lr=-1 train_iters=9", "megatron:cosine: .* at least 0"),
        ("megatron:cosine lr=1 train_iters=0", "a run has 1 step or more"),
        ("transformers:greedy lr=1", "follows the losses of the run"),
        ("transformers:cosine_with_min_lr lr=1 num_warmup_steps=0 num_training_steps=9", "one of"),
        ("olmo_core:WSDS lr=1 period_lengths=a warmup=0", "period_lengths=a cannot be read"),
        ("axolotl:cosine learning_rate=1 max_steps=9 lr_quadratic_warmup=maybe", "expected bool"),
        ("deepspeed:WarmupLR warmup_max_lr=1 steps=9 warmup_type=x", "expected log or linear"),
        (
            "levanter:lr_schedule learning_rate=1 num_train_steps=9 lr_schedule=x",
            "constant, cosine",
        ),
        (
            "levanter:lr_schedule learning_rate=1 num_train_steps=9 lr_schedule=inv min_lr_ratio=0",
            "'inv' needs min_lr_ratio above 0",
        ),
        (
            "megatron:WSD lr=1 train_iters=9 lr_wsd_decay_iters=3 lr_wsd_decay_style=x",
            "lr_wsd_decay_style = 'x': expected ",
        ),
        ("olmo_core:WSDS lr=1 period_lengths=9 warmup=0", "one of decay and decay_fraction"),
        ("torch:OneCycleLR max_lr=1 total_steps=9 anneal_strategy=x", "expected cos or linear"),
        ("torch:CyclicLR base_lr=0 max_lr=1 steps=9 mode=x", "expected triangular or triangular2"),
        ("torchtitan:warmup_stable_decay lr=1 steps=9 warmup_steps=0 decay_type=x", "expected "),
        (
            "transformers:warmup_stable_decay lr=1 num_warmup_steps=1 num_decay_steps=2",
            "needs num_training_steps or num_stable_steps",
        ),
        (
            "transformers:warmup_stable_decay lr=1 num_warmup_steps=1 num_decay_steps=2 "
            "num_training_steps=9 decay_type=x",
            "decay_type = 'x': expected ",
        ),
    ],
)
def test_what_cannot_be(text, words):
    with pytest.raises(DataError, match=words):
        Schedule.parse(text)


def test_every_name_is_documented():
    for names in FRAMEWORKS.values():
        assert all(maker.__doc__ for maker in names.values())
