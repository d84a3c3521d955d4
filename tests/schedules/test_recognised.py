"""Logged learning rates named again: whose they are, and that nothing else is claimed."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cptlaw.errors import DataError
from cptlaw.schedules.recognised import recognise
from cptlaw.schedules.schedule import Schedule

TRANSFORMERS = [
    "constant_with_warmup",
    "linear",
    "cosine",
    "cosine num_cycles=0.25",
    "cosine num_cycles=1.5",
    "cosine_with_restarts num_cycles=3",
    "cosine_with_restarts",
    "polynomial power=2",
    "polynomial",
    "inverse_sqrt",
    "inverse_sqrt timescale=2000",
    "cosine_with_min_lr min_lr=2e-5",
    "cosine_warmup_with_min_lr min_lr_rate=0.1",
    "warmup_stable_decay num_decay_steps=1000",
    "warmup_stable_decay num_decay_steps=1000 decay_type=linear min_lr_ratio=0.1",
    "warmup_stable_decay num_decay_steps=1000 decay_type=1-sqrt warmup_type=cosine",
    "warmup_stable_decay num_decay_steps=1000 warmup_type=1-sqrt",
]
OTHERS = [
    "megatron:WSD lr=1e-3 train_iters=5000 lr_wsd_decay_iters=1000 lr_warmup_iters=100",
    "megatron:inverse-square-root lr=1e-3 train_iters=5000 lr_warmup_iters=300 min_lr=3e-4",
    "torchtitan:warmup_stable_decay lr=3e-4 steps=5000 decay_ratio=0.2 min_lr_factor=0.1",
    "olmo_core:CosWithWarmupAndLinearDecay lr=3e-4 t_max=5000 warmup=500",
    "olmo_core:InvSqrtWithWarmup lr=3e-4 t_max=5000 warmup=500",
    "olmo_core:PowerLR lr=3e-4 t_max=5000 warmup=500",
    "olmo_core:WSDS lr=3e-4 period_lengths=2000,2000 warmup=200 decay=300",
    "nemo:CosineAnnealing lr=1e-3 max_steps=5000 warmup_steps=200 constant_steps=500 min_lr=1e-5",
    "nemo:NoamHoldAnnealing lr=1e-3 max_steps=5000 warmup_steps=200 hold_steps=1000",
    "deepspeed:WarmupLR steps=5000 warmup_max_lr=3e-4",
    "deepspeed:WarmupDecayLR total_num_steps=5000 warmup_max_lr=3e-4",
    "levanter:lr_schedule learning_rate=1e-3 num_train_steps=5000 cycles=2 rewarmup=0.1 decay=0.2",
    "nanochat:base_train num_iterations=5000",
    "axolotl:rex learning_rate=1e-4 max_steps=5000 warmup_steps=300",
    "axolotl:cosine learning_rate=1e-4 max_steps=5000 warmup_steps=300 lr_quadratic_warmup=true",
    "torch:OneCycleLR max_lr=1e-3 total_steps=5000",
    "torch:StepLR lr=1e-3 steps=5000 step_size=1300 gamma=0.5",
    "torch:ExponentialLR lr=1e-3 steps=5000 gamma=0.999",
    "torch:LinearLR lr=1e-3 steps=5000 total_iters=900",
    "torch:CosineAnnealingWarmRestarts lr=1e-3 steps=5000 T_0=700 T_mult=2 eta_min=1e-5",
]


def of_transformers(words, lr=2e-4):
    name, *more = words.split()
    given = f"lr={lr} num_warmup_steps=300 num_training_steps=5000"
    return Schedule.parse(f"transformers:{name} {given} {' '.join(more)}")


def logged(schedule, every, digits=None):
    steps = np.arange(every, schedule.steps + 1, every)
    lrs = schedule.lr(steps)
    return steps, lrs if digits is None else np.array([float(f"{lr:.{digits - 1}e}") for lr in lrs])


def found(schedule, every, digits=None):
    """What is recognised, and by how much it misses at most, of the peak, where it was logged."""
    steps, lrs = logged(schedule, every, digits)
    seen = recognise(steps, lrs)
    assert seen is not None, schedule.text
    off = np.abs(seen.schedule.lr(steps) - schedule.lr(steps)).max() / schedule.peak
    return seen, off


@pytest.mark.parametrize("every", [1, 10, 25])
@pytest.mark.parametrize("words", TRANSFORMERS)
def test_every_scheduler_of_transformers(words, every):
    seen, off = found(of_transformers(words), every)
    assert seen.misfit < 1e-6 and off < 1e-8
    assert seen.rounding == ""
    assert len(seen.schedule.segments) <= 8


@pytest.mark.parametrize("every", [1, 10])
@pytest.mark.parametrize("text", OTHERS)
def test_schedules_of_other_frameworks(text, every):
    seen, off = found(Schedule.parse(text), every)
    assert seen.misfit < 1e-6 and off < 1e-8


@pytest.mark.parametrize("every", [1, 10])
@pytest.mark.parametrize(
    "text",
    [
        "warmup 500 to 0.0002 | cosine 9500 to 2e-05",
        "warmup 500 to 0.0002 | constant 7500 | linear 2000 to 0.0",
        "warmup 500 to 0.0002 | constant 7500 | sqrt 2000 to 0.0",
        "warmup 200 to 0.001 | power 3000 to 1e-05 power=2.0",
        "warmup 200 to 0.001 | inverse_sqrt 3000 timescale=700.0",
        "warmup 200 to 0.001 | exponential 3000 to 1e-05",
        "warmup 200 to 0.001 | constant 3000 | exponential 800 to 1e-05 ratio=0.5",
        "constant 600 to 0.001 | constant 500 to 0.0003 | constant 400 to 0.0001",
        "warmup 100 to 0.001 | cosine 900 to 0.0 | cosine 1000 to 0.0 from=0.001",
        "constant 700 to 0.0003",
    ],
)
def test_the_text_comes_back_letter_by_letter(text, every):
    seen, _ = found(Schedule.parse(text), every)
    assert seen.schedule.text == text


@pytest.mark.parametrize("digits", [3, 4, 6])
@pytest.mark.parametrize(
    "words",
    [
        "constant_with_warmup",
        "linear",
        "cosine",
        "polynomial power=2",
        "inverse_sqrt",
        "cosine_with_min_lr min_lr=2e-5",
        "warmup_stable_decay num_decay_steps=1000",
        "warmup_stable_decay num_decay_steps=1000 decay_type=linear",
        "warmup_stable_decay num_decay_steps=1000 decay_type=1-sqrt",
    ],
)
def test_rounded_logs(words, digits):
    schedule = of_transformers(words)
    seen, off = found(schedule, 10, digits)
    assert seen.rounding in ("", f"{digits} digits") or "decimals" in seen.rounding
    assert off < 6 * 10.0**-digits
    assert seen.schedule.peak == pytest.approx(2e-4, rel=10.0 ** (1 - digits))


def test_a_warm_up_that_ends_at_a_logged_step():
    """Where two curves meet at a step that was looked at, they meet there and not beside it."""
    text = "warmup 100 to 0.001 | constant 2900"
    seen, _ = found(Schedule.parse(text), 50)
    assert seen.schedule.text == text


@pytest.mark.parametrize("words", ["inverse_sqrt", "cosine", "linear"])
def test_rounded_logs_of_a_thousand_points(words):
    schedule = of_transformers(words)
    seen, off = found(schedule, 5, 3)
    assert off < 3e-3 and seen.schedule.text == schedule.text


def test_values_of_32_bits():
    schedule = of_transformers("cosine")
    steps, lrs = logged(schedule, 10)
    seen = recognise(steps, lrs.astype(np.float32))
    assert seen is not None and seen.rounding == "32-bit values"
    assert seen.schedule.text == schedule.text
    assert seen.misfit < 1e-5


def test_a_log_that_begins_late_and_ends_early():
    schedule = Schedule.parse("warmup 500 to 2e-4 | cosine 9500 to 2e-5")
    steps = np.arange(1000, 7000, 20)
    seen = recognise(steps, schedule.lr(steps))
    assert seen is not None and seen.first == 1000
    assert seen.schedule.text == "warmup 500 to 0.0002 | cosine 9500 to 2e-05 until=6480"


@pytest.mark.parametrize("at", [30, 100, 160])
def test_one_point_that_misses_is_not_claimed(at):
    steps, lrs = logged(Schedule.parse("warmup 300 to 2e-4 | cosine 1700 to 2e-5"), 10)
    lrs[at] *= 1 + 1e-4
    assert recognise(steps, lrs) is None


def test_what_follows_no_curve_is_not_claimed():
    rng = np.random.default_rng(1)
    steps = np.arange(10, 5010, 10)
    assert recognise(steps, np.exp(rng.normal(0, 1, steps.size)) * 1e-4) is None
    noisy = Schedule.parse("warmup 500 to 2e-4 | cosine 4500 to 0").lr(steps)
    assert recognise(steps, noisy * (1 + 1e-3 * rng.normal(0, 1, steps.size))) is None


def test_too_few_points_or_no_lr():
    assert recognise([1, 2, 3], [1e-4, 2e-4, 3e-4]) is None
    assert recognise([1, 2, 3, 4], [0, 0, 0, 0]) is None
    with pytest.raises(DataError, match="increase"):
        recognise([1, 1, 3, 4], [1, 1, 1, 1])
    with pytest.raises(DataError, match="4 steps for 3"):
        recognise([1, 2, 3, 4], [1, 1, 1])


# --- any schedule of the grammar --------------------------------------------------------------

lengths = st.integers(40, 600).map(lambda n: n * 5)
shares = st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.2])


@st.composite
def usual(draw):
    """Schedules such as people train with: a warm-up, perhaps a stable part, a decay."""
    peak = float(f"{10 ** draw(st.floats(-4.5, -2.5)):.2g}")
    end = float(f"{peak * draw(shares):.3g}")
    head = [f"warmup {draw(st.integers(20, 500))} to {peak}"]
    if draw(st.booleans()):
        head.append(f"constant {draw(lengths)}")
    n = draw(lengths)
    tail = draw(
        st.sampled_from(
            [
                f"linear {n} to {end}",
                f"cosine {n} to {end}",
                f"sqrt {n} to {end}",
                f"exponential {n} to {end or peak / 10}",
                f"exponential {n} to {end} ratio=0.5",
                f"power {n} to {end} power=2",
                f"inverse_sqrt {n} timescale={draw(st.integers(50, 2000))}",
                f"rex {n} to {end}",
                f"constant {n} to {peak / 4} | constant {n} to {peak / 8}",
                f"cosine {n} to {end} | warmup {n // 5} to {peak} | cosine {n} to {end}",
            ]
        )
    )
    return Schedule.parse(" | ".join([*head, tail]))


@given(usual(), st.sampled_from([1, 5, 10]))
@settings(max_examples=60, deadline=None)
def test_any_schedule_is_recognised(schedule, every):
    seen, off = found(schedule, every)
    assert off < 1e-6 and seen.misfit < 1e-6
    if every == 1:
        np.testing.assert_allclose(
            seen.schedule.lr(), schedule.lr(), rtol=1e-7, atol=1e-9 * schedule.peak
        )


def test_a_thousand_points_take_little_time():
    spent = []
    for words in TRANSFORMERS:
        steps, lrs = logged(of_transformers(words), 5)
        begin = time.process_time()
        recognise(steps, lrs)
        spent.append(time.process_time() - begin)
    assert np.median(spent) < 0.1  # 0.02 on an idle machine


def test_what_is_no_schedule_takes_little_time_either():
    steps = np.arange(10, 10_010, 10)
    begin = time.process_time()
    assert recognise(steps, 1e-4 * (2 + np.sin(steps / 300))) is None
    assert time.process_time() - begin < 2.0  # 0.2 on an idle machine; 2.4 without a limit


def test_a_warm_up_of_which_one_point_is_logged():
    """Where the curve that follows begins right after it."""
    truth = Schedule.parse("warmup 50 to 0.001 | constant 1 | cosine 1450 to 0.0001")
    seen, off = found(truth, 50)
    assert off < 1e-8
    steps = np.arange(1, 1501)
    assert np.abs(seen.schedule.lr(steps) / truth.lr(steps) - 1).max() < 0.03


@pytest.mark.parametrize(
    "text",
    [
        "warmup 200 to 1e-3 | cosine 4800 to 1e-4",
        "warmup 200 to 1e-3 | constant 4800",
    ],
)
def test_a_shape_that_a_log_does_not_reach_the_end_of_goes_on_to_it(text):
    whole = Schedule.parse(text)
    steps = np.arange(10, 3001, 10)
    found = recognise(steps, whole.lr(steps))
    for last in (2000, 3000, 4000, 5000):
        lr = found.through(last).lr()
        np.testing.assert_allclose(lr, whole.lr()[:last], rtol=1e-6, atol=1e-9)
    beyond = found.through(5500).lr()
    assert beyond.size == 5500
    np.testing.assert_allclose(beyond[5000:], whole.lr()[-1], rtol=1e-6, atol=1e-9)


def test_a_whole_shape_is_followed_by_its_last_learning_rate():
    whole = Schedule.parse("warmup 100 to 1e-3 | cosine 900 to 2e-4")
    steps = np.arange(10, 1001, 10)
    longer = recognise(steps, whole.lr(steps)).through(1300)
    np.testing.assert_allclose(longer.lr()[:1000], whole.lr(), rtol=1e-6)
    np.testing.assert_allclose(longer.lr()[1000:], 2e-4, rtol=1e-6)
