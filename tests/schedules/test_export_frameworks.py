"""Schedules as configurations of frameworks: read back with the real thing and compared."""

import importlib.util
import json
import re
import shlex

import numpy as np
import pytest

import framework_formulas as formulas
from cptlaw.errors import DataError
from cptlaw.schedules import export
from cptlaw.schedules.schedule import Schedule
from schedule_samples import PLANS, imported, needs_optax, needs_transformers, rates_of

USUAL = {
    "constant": "constant 1000 to 2e-4",
    "warmed": "warmup 100 to 2e-4 | constant 900",
    "linear": "warmup 100 to 2e-4 | linear 900 to 0",
    "linear to": "warmup 100 to 2e-4 | linear 900 to 1e-5",
    "cosine": "warmup 100 to 2e-4 | cosine 900 to 0",
    "cosine to": "warmup 100 to 2e-4 | cosine 900 to 2e-5",
    "from the base": "cosine 1000 to 2e-5 from=2e-4",
    "power": "warmup 100 to 2e-4 | power 900 to 1e-6 power=2",
    "inverse": "warmup 100 to 2e-4 | inverse_sqrt 900 timescale=300",
    "wsd": "warmup 100 to 2e-4 | constant 600 | linear 300 to 0",
    "wsd sqrt": "warmup 100 to 2e-4 | constant 600 | sqrt 300 to 0",
    "wsd cosine": "warmup 100 to 2e-4 | constant 600 | cosine 300 to 0",
    "its own": "transformers:cosine lr=2e-4 num_warmup_steps=100 num_training_steps=1000",
    "its own wsd": "transformers:warmup_stable_decay lr=2e-4 num_warmup_steps=100 "
    "num_training_steps=1000 num_decay_steps=200 decay_type=1-sqrt",
}
MEGATRON = {
    "constant": "warmup 100 to 2e-4 | constant 900",
    "linear": "warmup 100 to 2e-4 | linear 900 to 1e-5",
    "cosine": "warmup 100 to 2e-4 | cosine 900 to 2e-5",
    "inverse": "warmup 100 to 2e-4 | inverse_sqrt 900 timescale=100",
    "wsd": "warmup 100 to 2e-4 | constant 600 | linear 300 to 1e-5",
    "wsd cosine": "warmup 100 to 2e-4 | constant 600 | cosine 300 to 0",
    "wsd half": "warmup 100 to 2e-4 | constant 600 | exponential 300 to 1e-5 ratio=0.5",
    "wsd sqrt": "warmup 100 to 2e-4 | constant 600 | sqrt 300 to 1e-5",
    "its own": "megatron:WSD lr=2e-4 train_iters=1000 lr_wsd_decay_iters=200 lr_warmup_iters=50",
}


def pairs_of(text):
    """The pairs of a configuration: every line's value is JSON or a number."""
    rows = [line.partition(": ") for line in text.splitlines() if not line.startswith("#")]
    return {key: json.loads(value) for key, _, value in rows}


def same(text, schedule, found):
    """The LRs are those planned, or those of the step before, where the file says so."""
    planned, off = schedule.lr(), 1e-9 * schedule.peak
    if "planned for the step before" in " ".join(text.replace("#", " ").split()):
        assert np.abs(found[1:] - planned[:-1]).max() <= off
        assert found[0] <= planned.max() * 1.001
    else:
        assert np.abs(found - planned).max() <= off


@needs_transformers
@pytest.mark.parametrize("plan", USUAL.values(), ids=USUAL)
def test_training_arguments_give_the_schedule(plan, tmp_path):
    from transformers import HfArgumentParser, TrainingArguments, get_scheduler

    schedule = Schedule.parse(plan)
    path = export.write(schedule, tmp_path / "hf.yaml")
    (args,) = HfArgumentParser(TrainingArguments).parse_yaml_file(str(path), allow_extra_keys=False)
    assert args.max_steps == 1000
    kwargs = args.lr_scheduler_kwargs
    kwargs = json.loads(kwargs) if isinstance(kwargs, str) else dict(kwargs or {})
    warmup = args.get_warmup_steps(1000)
    found = rates_of(
        lambda o: get_scheduler(args.lr_scheduler_type, o, warmup, 1000, kwargs),
        args.learning_rate,
        1000,
    )
    same(path.read_text(), schedule, found)


@pytest.mark.parametrize("plan", ["its own", "its own wsd"])
def test_its_own_schedules_are_not_late(plan, tmp_path):
    text = export.write(Schedule.parse(USUAL[plan]), tmp_path / "lr.hf.yaml").read_text()
    assert "step before" not in text


def test_a_schedule_that_transformers_does_not_have():
    for text in ("constant 5 to 1e-3 | constant 5 to 1e-4", "rex 100 to 0 from=1e-3"):
        with pytest.raises(DataError, match=r"hf.yaml: transformers has no .* as a .py file"):
            export.export_text(Schedule.parse(text), "hf.yaml")


def test_llamafactory_says_how_data_are_mixed():
    schedule = Schedule.parse(USUAL["wsd"])
    found = pairs_of(export.export_text(schedule, "llamafactory.yaml", 0.25))
    assert found["mix_strategy"] == "interleave_over"
    assert found["interleave_probs"] == "0.75,0.25" and found["dataset"] == "D_CPT,D_PT"
    assert found["lr_scheduler_type"] == "warmup_stable_decay"
    # LLaMA-Factory fills in what is missing of these with thirds of its own
    assert {"num_stable_steps", "num_decay_steps"} <= set(found["lr_scheduler_kwargs"])
    assert "mix_strategy" not in export.export_text(schedule, "llamafactory.yaml", 0.0)


def test_axolotl_says_how_data_are_mixed_and_knows_rex():
    schedule = Schedule.parse("axolotl:rex learning_rate=1e-4 max_steps=300 warmup_steps=30")
    text = export.export_text(schedule, "axolotl.yaml", 0.1)
    found = pairs_of(text)
    assert "10 % of the tokens" in " ".join(text.replace("#", " ").split())
    assert (found["lr_scheduler"], found["warmup_steps"], found["max_steps"]) == ("rex", 30, 300)
    rates = [
        formulas.rex(t, found["learning_rate"], 0.0, found["max_steps"], found["warmup_steps"])
        for t in range(1, 301)
    ]
    same(text, schedule, np.array(rates))
    found = pairs_of(export.export_text(Schedule.parse(USUAL["cosine to"]), "axolotl.yaml"))
    assert found["lr_scheduler"] == "cosine_with_min_lr"
    assert found["lr_scheduler_kwargs"] == {"min_lr": 2e-5}


@pytest.mark.parametrize("plan", MEGATRON.values(), ids=MEGATRON)
def test_arguments_of_megatron_give_the_schedule(plan):
    schedule = Schedule.parse(plan)
    text = export.export_text(schedule, "megatron.args")
    words = shlex.split("\n".join(re.findall(r"^--.*$", text, flags=re.MULTILINE)))
    given = dict(zip(words[::2], words[1::2], strict=True))
    end, warmup = int(given["--lr-decay-iters"]), int(given["--lr-warmup-iters"])
    low, decay = float(given.get("--min-lr", 0)), int(given.get("--lr-wsd-decay-iters", 0))
    found = [
        formulas.megatron(
            n,
            given["--lr-decay-style"],
            float(given["--lr"]),
            low,
            warmup,
            end,
            0.0,
            decay,
            given.get("--lr-wsd-decay-style"),
        )
        for n in range(int(given["--train-iters"]))
    ]
    same(text, schedule, np.array(found))


def test_a_schedule_that_megatron_does_not_have():
    with pytest.raises(DataError, match="Megatron-LM has no schedule with the learning rates"):
        export.export_text(Schedule.parse("power 9 to 0 from=1e-3 power=2"), "megatron.args")


@needs_optax
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_module_for_optax_has_the_planned_learning_rates(plan, tmp_path):
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        module = imported(export.write(plan, tmp_path / "lr_optax.py"))
        counts = jnp.arange(plan.steps + 3)
        found = np.array(jax.jit(jax.vmap(module.schedule))(counts))
    np.testing.assert_allclose(found[:-3], plan.lr(), rtol=1e-12, atol=1e-15 * plan.peak)
    assert (found[-3:] == found[-4]).all()


def test_the_module_for_optax_is_a_module(tmp_path):
    with pytest.raises(DataError, match="cannot be imported"):
        export.write(PLANS["warmup"], tmp_path / "lr.optax.py")
    text = export.write(PLANS["warmup"], tmp_path / "optax.py").read_text()
    compile(text, "optax.py", "exec")
    assert "cptlaw." not in text.replace("planned with cptlaw.", "")


def test_kinds_of_files_by_the_end_of_the_name():
    assert export.kind_of("a/lr_optax.py") == "optax.py"
    assert export.kind_of("lr.py") == ".py"
    assert export.kind_of("x.HF.yaml") == "hf.yaml"
    assert export.kind_of("x.yaml") is None
    with pytest.raises(DataError, match=r"as .csv, .py, optax.py, hf.yaml"):
        export.export_text(PLANS["warmup"], "x.yaml")


def test_yaml_is_read_by_yaml():
    if importlib.util.find_spec("yaml") is None:
        pytest.skip("pyyaml is not installed")
    import yaml

    text = export.export_text(Schedule.parse(USUAL["cosine to"]), "axolotl.yaml", 0.5)
    assert yaml.safe_load(text) == pairs_of(text)
