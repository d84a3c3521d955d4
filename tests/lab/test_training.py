"""What one run does: its learning rate, its losses, its data, and how it goes on from a base."""

import os
from unittest import mock

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasets")

import torch
import transformers

from cptlaw.errors import DataError
from cptlaw.lab import arguments, mixing, model, trainer
from labs import BASE, evaluations, history, rates, record, weights

EACH = {"evaluate_every = 4": "evaluate_every = 4\nlog_every = 1"}


def branch(name, *keys, schedule="constant 4"):
    """A [[run]] after base."""
    lines = ["[[run]]", f'name = "{name}"', 'after = "base"', f'schedule = "{schedule}"', *keys]
    return "\n" + "\n".join(lines) + "\n"


@pytest.fixture
def optimizers(monkeypatch):
    """What every step found in the optimizer when it was taken: learning rates, by run folder."""
    seen = {}

    def look(self, args, state, control, optimizer=None, **_):
        found = {group["lr"] for group in optimizer.param_groups}
        seen.setdefault(args.output_dir.rpartition(os.sep)[2], []).append(found)

    monkeypatch.setattr(trainer.Rhythm, "on_pre_optimizer_step", look)
    return seen


def test_learning_rates_logged_and_used_are_the_schedules(lab, optimizers):
    base = BASE.replace("constant 8", "cosine 5 to 1e-3 | linear 3 to 5e-4")
    drop = branch("drop", schedule="constant 3 | constant 3 to 1e-4")
    lab.sweep(base, drop, changes=EACH)
    warmup = np.arange(1, 5) / 4 * 1e-2
    cosine = 1e-3 + (1e-2 - 1e-3) * (1 + np.cos(np.pi * np.arange(1, 6) / 5)) / 2
    linear = 1e-3 + (5e-4 - 1e-3) * np.arange(1, 4) / 3
    wanted = {"base": [*warmup, *cosine, *linear], "drop": [5e-4] * 3 + [1e-4] * 3}
    for name, numbers in wanted.items():
        rate = lab.load(base, drop).node(name).schedule.lr()
        np.testing.assert_allclose(rate, numbers, rtol=1e-12)
        assert rates(lab.out() / name) == dict(enumerate(rate, start=1))
        assert optimizers[name] == [{lr} for lr in rate]


def test_losses_are_logged_before_the_first_and_after_the_last_step(lab):
    changes = {"evaluate_every = 4": "evaluate_every = 5"}
    lab.sweep(BASE, changes=changes)
    for column, losses in evaluations(lab.out() / "base").items():
        assert list(losses) == [0, 5, 10, 12], column
    assert abs(evaluations(lab.out() / "base")["eval_docs_loss"][0] - np.log(300)) < 0.1
    assert list(rates(lab.out() / "base")) == [5, 10, 12]


def test_loss_of_a_mixture_is_the_sum_by_share(lab):
    found = evaluations(lab.done / "base")
    assert set(found) == {"eval_docs_loss", "eval_code_loss", "eval_pt_loss"}
    for step, loss in found["eval_pt_loss"].items():
        parts = found["eval_docs_loss"][step], found["eval_code_loss"][step]
        assert parts[0] != parts[1]
        assert loss == pytest.approx(0.75 * parts[0] + 0.25 * parts[1], rel=1e-12)


def test_logged_loss_is_that_of_the_weights_on_the_validation_tokens(lab):
    checkpoint = lab.done / "base" / "checkpoint-12"
    network = transformers.AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    tokens = lab.corpus(lab.load()).tokens["code"]
    rows = torch.from_numpy(np.load(tokens.validation).astype(np.int64).reshape(-1, 16))
    with torch.no_grad():
        logits = network(rows).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, 300), rows[:, 1:].reshape(-1))
    logged = evaluations(lab.done / "base")["eval_code_loss"][12]
    assert logged == pytest.approx(loss.item(), rel=1e-5)


def test_training_loss_is_that_of_the_batch(lab):
    """The loss of step 1 is that of the fresh weights on the first sequences of the mixture."""
    lab.sweep(BASE, changes=EACH)
    loaded = lab.load(BASE)
    node, corpus = loaded.node("base"), lab.corpus(loaded)
    data = mixing.sequences(corpus.tokens, mixing.read(corpus.tokens, node.stretch), 16).select(
        range(4)
    )
    rows = torch.stack(data[:]["input_ids"])
    network = model.build(node.model, corpus.vocabulary, 16, 1)
    with torch.no_grad():
        logits = network(rows).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, 300), rows[:, 1:].reshape(-1))
    first = next(row for row in history(lab.out() / "base") if "loss" in row)
    assert first["step"] == 1
    assert first["loss"] == pytest.approx(loss.item(), rel=1e-5)


def test_base_that_goes_on_is_bitwise_the_longer_run(lab):
    """Weights, moments, data and schedule of PT go on where the base stood at step 8 and 12."""
    whole = BASE.replace("constant 8", "constant 16")
    lab.sweep(whole, out="whole")
    middle = branch("on", 'data = "pt"', "after_step = 8", schedule="constant 12")
    later = branch("end", 'data = "pt"', schedule="constant 8")
    lab.sweep(BASE, middle, later)
    for name, steps in (("on", 12), ("end", 8)):
        run, longer = lab.out() / name, lab.folder / "whole" / "base"
        assert weights(run, steps) == weights(longer, 20)
        losses, wanted = evaluations(run), evaluations(longer)
        for column, at in wanted.items():
            tail = {step - 20 + steps: loss for step, loss in at.items() if step >= 20 - steps}
            assert losses[column] == tail


def test_new_optimizer_state_is_another_run(lab):
    new = branch("new", 'data = "pt"', 'optimizer_state = "new"')
    keep = branch("keep", 'data = "pt"')
    lab.sweep(BASE, new, keep)
    one, other = (evaluations(lab.out() / name)["eval_pt_loss"] for name in ("new", "keep"))
    assert one[0] == other[0]
    assert one[4] != other[4]


def test_continuation_starts_at_the_bases_loss(lab):
    lab.sweep(BASE, branch("early", "after_step = 4"), branch("late"))
    base = evaluations(lab.out() / "base")
    for name, step in (("early", 4), ("late", 12)):
        for column, losses in evaluations(lab.out() / name).items():
            assert losses[0] == base[column][step]


def test_lost_optimizer_state_is_told(lab):
    (lab.finished() / "base" / "checkpoint-12" / "optimizer.pt").unlink()
    swept = lab.sweep(BASE, branch("more"))
    assert 'cannot be kept. Set optimizer_state = "new"' in swept.failed["more"]
    assert lab.sweep(BASE, branch("fresh", 'optimizer_state = "new"')).failed == {}


def test_batch_and_length_and_rope_change_at_the_transfer(lab):
    keys = ("batch_sequences = 2", "sequence_length = 32", "rope_theta = 5e4")
    lab.sweep(BASE, branch("long", *keys), branch("plain"))
    made = record(lab.out() / "long")
    assert made["tokens"] == 4 * 2 * 32
    saved = transformers.AutoConfig.from_pretrained(lab.out() / "long" / "checkpoint-4")
    assert saved.rope_parameters["rope_theta"] == 5e4
    assert saved.max_position_embeddings == 32
    plain = evaluations(lab.out() / "plain")["eval_code_loss"]
    assert evaluations(lab.out() / "long")["eval_code_loss"][0] != plain[0]


def test_seed_decides_weights_and_data(lab):
    lab.sweep(BASE.replace("schedule", "seed = [1, 2]\nschedule"))
    one, two = (history(lab.out() / f"base-seed{seed}") for seed in (1, 2))
    assert one == history(lab.done / "base")
    assert one[0] != two[0]


def test_seed_of_a_continuation_decides_its_data_alone(lab):
    lab.sweep(BASE, branch("more", "seed = [1, 7]"))
    one, two = (history(lab.out() / f"more-seed{seed}") for seed in (1, 7))
    assert one[0] == two[0]
    assert one[-1] != two[-1]


def test_models_of_a_list_have_their_own_sizes(lab):
    both = BASE.replace("schedule", 'model = ["small", "big"]\nschedule')
    lab.sweep(both)
    small, big = (record(lab.out() / f"base-{name}")["model_size"] for name in ("small", "big"))
    assert small < big
    assert weights(lab.out() / "base-small", 12) == weights(lab.done / "base", 12)


def test_micro_batches_give_nearly_the_same_losses(lab):
    lab.sweep(BASE, changes={"batch_sequences = 4": "batch_sequences = 4\nmicro_batch = 1"})
    for row, whole in zip(history(lab.out() / "base"), history(lab.done / "base"), strict=True):
        assert row == pytest.approx(whole, rel=1e-4)


def test_bf16_is_near_fp32_and_not_the_same(lab):
    lab.sweep(BASE, changes={"evaluate_every = 4": 'evaluate_every = 4\nprecision = "bf16"'})
    for column, losses in evaluations(lab.out() / "base").items():
        whole = evaluations(lab.done / "base")[column]
        assert losses != whole
        assert losses == pytest.approx(whole, rel=0.02)


@pytest.mark.parametrize("wanted", [True, False])
def test_compile_reaches_the_trainer(lab, wanted):
    changes = {"evaluate_every = 4": f"evaluate_every = 4\ncompile = {str(wanted).lower()}"}
    loaded = lab.load(BASE, changes=changes)
    with mock.patch.dict(os.environ):
        made = arguments.trainer_arguments(loaded, loaded.node("base"), lab.folder, [4])
    assert made.torch_compile is wanted


@pytest.mark.parametrize(
    "processes, micro, wanted",
    [(1, None, (12, 1)), (2, None, (6, 1)), (2, 3, (3, 2)), (1, 4, (4, 3))],
)
def test_batch_is_shared_out(lab, monkeypatch, processes, micro, wanted):
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    given = "batch_sequences = 12" + (f"\nmicro_batch = {micro}" if micro else "")
    node = lab.load(BASE, changes={"batch_sequences = 4": given}).node("base")
    assert arguments.micro_batches(node) == wanted


@pytest.mark.parametrize(
    "processes, batch, micro, told", [(3, 4, 4, "multiple of 3"), (2, 12, 4, "divide the 6")]
)
def test_batch_that_cannot_be_shared_out(lab, monkeypatch, processes, batch, micro, told):
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    given = f"batch_sequences = {batch}\nmicro_batch = {micro}"
    node = lab.load(BASE, changes={"batch_sequences = 4": given}).node("base")
    with pytest.raises(DataError, match=told):
        arguments.micro_batches(node)
