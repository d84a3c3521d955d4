"""One run: transformers' Trainer under our schedule, from its base's checkpoint to its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import torch
import transformers
from transformers import PrinterCallback, TrainerCallback

from cptlaw.errors import DataError
from cptlaw.lab import mixing
from cptlaw.lab import model as models
from cptlaw.lab.arguments import one_device, shard_on_cpus, trainer_arguments
from cptlaw.lab.pace import Pace
from cptlaw.lab.records import LOG, check_whole, checkpoints, complete, step_of
from cptlaw.lab.trainer import LabTrainer, Losses, Rhythm, Watch

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Node
    from cptlaw.lab.reading import Reading
    from cptlaw.lab.tokens import Corpus


class Stopped(Exception):
    """A run that was asked to stop and has saved a checkpoint.

    Args:
        step: the last step done.
    """

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


@dataclass(frozen=True)
class Outcome:
    """What training left behind beside its files.

    Args:
        parameters: non-embedding ones.
        flops: of all training steps.
    """

    parameters: int
    flops: float


def train(
    experiment: Experiment,
    node: Node,
    corpus: Corpus,
    folder: Path,
    base: Path | None,
    chosen: Reading,
    *,
    asked_to_stop: Callable[[], bool] = lambda: False,
    watch: Watch = lambda state, losses: None,
    pace: Pace | None = None,
) -> Outcome:
    """Train one run to its end, from its newest complete checkpoint if it has one.

    Args:
        experiment: with the settings that all runs share.
        node: the run.
        corpus: tokens of every text.
        folder: of the run; its log and checkpoints go there.
        base: the checkpoint it goes on from; None for a root.
        chosen: the sequences that it reads.
        asked_to_stop: looked at after every step.
        watch: called with the Trainer's state and the newest losses by column.
        pace: gets how fast it goes.

    Raises:
        Stopped: as asked, a checkpoint saved.
        Diverged: the loss is no longer a finite number.
        DataError: the batch cannot be shared out among the processes.
    """
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    network = _network(experiment, node, corpus, base)
    keep = {*node.keep, node.steps}
    start, until = _to_do(node, keep, folder)
    if start is not None:
        mend = "Remove that folder: the run goes on from the checkpoint before it."
        check_whole(start, f"run '{node.name}'", mend)
    losses = Losses(folder, watch, writes=until == node.steps)
    pace = Pace() if pace is None else pace
    callbacks = [Rhythm(experiment, keep, until, asked_to_stop), losses, pace]
    trainer = _trainer(experiment, node, corpus, folder, network, callbacks, chosen)
    trainer.losses, trainer.pace = losses, pace
    trainer.base_optimizer = base if node.optimizer_state == "keep" else None
    trainer.args.eval_on_start = start is None
    trainer.train(resume_from_checkpoint=None if start is None else str(start))
    losses.show(trainer.state)
    if trainer.state.global_step < until:
        raise Stopped(trainer.state.global_step)
    flops = models.work(network, node.sequence_length) * node.steps * node.batch_tokens
    return Outcome(models.non_embedding(network), flops)


def _network(experiment: Experiment, node: Node, corpus: Corpus, base: Path | None) -> Any:
    if base is None:
        return models.build(
            node.model,
            corpus.vocabulary,
            node.sequence_length,
            node.seed,
            rope_theta=node.rope_theta,
            folder=experiment.folder,
        )
    return models.continued(base, node.sequence_length, node.rope_theta)


def _trainer(
    experiment: Experiment,
    node: Node,
    corpus: Corpus,
    folder: Path,
    network: Any,
    callbacks: list[TrainerCallback],
    chosen: Reading,
) -> LabTrainer:
    """A Trainer for one run: its settings, sequences and held-out rows."""
    held_out = {
        name: mixing.validation(tokens, node.sequence_length)
        for name, tokens in corpus.tokens.items()
    }
    arguments = trainer_arguments(
        experiment, node, folder, [len(rows) for rows in held_out.values()]
    )
    one_device(arguments)
    shard_on_cpus(arguments)
    trainer = LabTrainer(
        model=network,
        args=arguments,
        train_dataset=mixing.sequences(corpus.tokens, chosen, node.sequence_length),
        eval_dataset=held_out,
        data_collator=_stack,
        callbacks=callbacks,
    )
    if arguments.fsdp and not trainer.is_fsdp_enabled:
        raise DataError('accelerate does not shard on this device. Set sharding = "none".')
    trainer.node, trainer.mixtures = node, experiment.evaluations
    trainer.remove_callback(PrinterCallback)
    return trainer


def _to_do(node: Node, keep: set[int], folder: Path) -> tuple[Path | None, int]:
    """The newest checkpoint before the first that is missing, and the step to train to from there.

    A run that came to its end before is trained to its last missing checkpoint only.
    """
    there = {step_of(path): path for path in checkpoints(folder) if complete(path)}
    missing = keep - there.keys()
    ended = node.steps in there and (folder / LOG).is_file()
    until = max(missing, default=node.steps) if ended else node.steps
    before = [step for step in there if step < min(missing, default=node.steps + 1)]
    return there[max(before)] if before else None, until


def _stack(rows: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    ids = torch.stack([row["input_ids"] for row in rows])
    return {"input_ids": ids, "labels": ids}
