"""What transformers' Trainer is told of a run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainingArguments

from cptlaw.errors import DataError
from cptlaw.lab import processes

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Node


def trainer_arguments(
    experiment: Experiment, node: Node, folder: Path, held_out: list[int]
) -> TrainingArguments:
    """The Trainer's settings; what the lab decides itself is switched off."""
    settings = experiment.training
    micro, accumulate = micro_batches(node)
    # A batch that is not full would be filled up with sequences that count twice.
    evaluated = micro if processes.world() == 1 else math.gcd(micro, *held_out)
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=node.steps,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=evaluated,
        gradient_accumulation_steps=accumulate,
        learning_rate=1.0,  # the scheduler gives the learning rate itself
        weight_decay=settings.weight_decay,
        adam_beta1=settings.betas[0],
        adam_beta2=settings.betas[1],
        adam_epsilon=1e-8,
        max_grad_norm=settings.clip,
        bf16=settings.precision == "bf16",
        torch_compile=settings.compile,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        prediction_loss_only=True,
        logging_strategy="no",
        eval_strategy="no",
        save_strategy="no",
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        seed=node.seed,
        ddp_find_unused_parameters=False,
        ddp_backend="gloo" if processes.world() > 1 and not torch.cuda.is_available() else None,
        use_cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        **_sharding(settings.sharding),
    )


def _sharding(kind: str) -> dict[str, Any]:
    """FSDP2, the whole weights in model.safetensors; one process has nothing to share out."""
    if kind == "none" or processes.world() == 1:
        return {}
    return {"fsdp": True, "fsdp_config": {"version": 2, "state_dict_type": "FULL_STATE_DICT"}}


def one_device(arguments: TrainingArguments) -> None:
    """One GPU a process: else the Trainer takes all it sees, and multiplies the batch by them."""
    if arguments.device.type == "cuda" and arguments.n_gpu > 1:
        arguments._n_gpu = 1


def shard_on_cpus(arguments: TrainingArguments) -> None:
    """Have accelerate shard on CPUs too; left alone, it does so for accelerators only, silently."""
    from accelerate import DistributedType, PartialState

    if arguments.fsdp and arguments.device.type == "cpu":  # asking for the device makes the state
        PartialState().distributed_type = DistributedType.MULTI_GPU


def micro_batches(node: Node) -> tuple[int, int]:
    """Sequences a process computes at once, and how often a step."""
    count = processes.world()
    if node.batch_sequences % count:
        raise DataError(
            f"run '{node.name}': batch_sequences = {node.batch_sequences} cannot be shared out "
            f"among {count} processes. Take a multiple of {count}."
        )
    each = node.batch_sequences // count
    micro = min(node.micro_batch or each, each)
    if each % micro:
        raise DataError(
            f"run '{node.name}': micro_batch = {micro} does not divide the {each} sequences of a "
            f"step that each of {count} processes computes. Take a number that does."
        )
    return micro, each // micro
