"""One run: transformers' Trainer under our schedule, from its base's checkpoint to its log."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import torch
import transformers
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from cptlaw.errors import DataError
from cptlaw.lab import mixing, processes
from cptlaw.lab import model as models
from cptlaw.lab.records import CHECKPOINT, DONE_MARK, LOG, checkpoints, complete
from cptlaw.schedules.export import lambda_lr

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Node
    from cptlaw.lab.tokens import Corpus


class Diverged(DataError):
    """A run whose loss is no longer a finite number."""


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


Watch = Callable[[Any, Mapping[str, float]], None]


def train(
    experiment: Experiment,
    node: Node,
    corpus: Corpus,
    folder: Path,
    base: Path | None,
    *,
    asked_to_stop: Callable[[], bool] = lambda: False,
    watch: Watch = lambda state, losses: None,
) -> Outcome:
    """Train one run to its end, from its newest complete checkpoint if it has one.

    Args:
        experiment: with the settings that all runs share.
        node: the run.
        corpus: tokens of every text.
        folder: of the run; its log and checkpoints go there.
        base: the checkpoint it goes on from; None for a root.
        asked_to_stop: looked at after every step.
        watch: called with the Trainer's state and the newest losses by column.

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
    losses = _Losses(folder, watch, writes=until == node.steps)
    callbacks = [_Rhythm(experiment, keep, until, asked_to_stop), losses]
    trainer = _trainer(experiment, node, corpus, folder, network, callbacks)
    trainer.losses = losses
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
) -> _Run:
    """A Trainer for one run: its settings, sequences and held-out rows."""
    held_out = {
        name: mixing.validation(tokens, node.sequence_length)
        for name, tokens in corpus.tokens.items()
    }
    arguments = _arguments(experiment, node, folder, [len(rows) for rows in held_out.values()])
    _one_device(arguments)
    _shard_on_cpus(arguments)
    trainer = _Run(
        model=network,
        args=arguments,
        train_dataset=mixing.sequences(
            corpus.tokens,
            node.shares,
            count=node.steps * node.batch_sequences,
            length=node.sequence_length,
            seed=node.seed,
            skip=node.skip,
        ),
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
    there = {_step(path): path for path in checkpoints(folder) if complete(path)}
    missing = keep - there.keys()
    ended = node.steps in there and (folder / LOG).is_file()
    until = max(missing, default=node.steps) if ended else node.steps
    before = [step for step in there if step < min(missing, default=node.steps + 1)]
    return there[max(before)] if before else None, until


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix(CHECKPOINT))


def _stack(rows: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    ids = torch.stack([row["input_ids"] for row in rows])
    return {"input_ids": ids, "labels": ids}


def _arguments(
    experiment: Experiment, node: Node, folder: Path, held_out: list[int]
) -> TrainingArguments:
    """The Trainer's settings; what the lab decides itself is switched off."""
    settings = experiment.training
    micro, accumulate = _micro_batches(node)
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


def _one_device(arguments: TrainingArguments) -> None:
    """One GPU a process: else the Trainer takes all it sees, and multiplies the batch by them."""
    if arguments.device.type == "cuda" and arguments.n_gpu > 1:
        arguments._n_gpu = 1


def _shard_on_cpus(arguments: TrainingArguments) -> None:
    """Have accelerate shard on CPUs too; left alone, it does so for accelerators only, silently."""
    from accelerate import DistributedType, PartialState

    if arguments.fsdp and arguments.device.type == "cpu":  # asking for the device makes the state
        PartialState().distributed_type = DistributedType.MULTI_GPU


def _micro_batches(node: Node) -> tuple[int, int]:
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
            f"step that each of {count} processes computes."
        )
    return micro, each // micro


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


class _Run(Trainer):
    """The Trainer with our schedule, the base's optimizer state, and losses of mixtures."""

    node: Node
    mixtures: Mapping[str, Mapping[str, float]]
    losses: _Losses
    base_optimizer: Path | None = None

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW; its moments are those of the base's checkpoint where they are kept."""
        fresh = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if fresh and self.base_optimizer is not None:
            saved = self.base_optimizer / "optimizer.pt"
            if self.is_fsdp_enabled or not saved.is_file():
                raise DataError(
                    f"run '{self.node.name}': the optimizer state of {self.base_optimizer} cannot "
                    'be kept. Set optimizer_state = "new".'
                )
            groups = [dict(group) for group in optimizer.param_groups]
            optimizer.load_state_dict(torch.load(saved, map_location="cpu", weights_only=True))
            for group, own in zip(optimizer.param_groups, groups, strict=True):
                group.update({k: v for k, v in own.items() if k != "params"})
                group.pop("initial_lr", None)
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The run's own schedule: at step n of the log, the learning rate of step n."""
        if self.lr_scheduler is None:
            steps: Any = optimizer or self.optimizer
            self.lr_scheduler = lambda_lr(steps, self.node.schedule)
        return self.lr_scheduler

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """The loss on every text, then on every mixture as the sum by share."""
        metrics = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        if metric_key_prefix != "eval":
            return metrics
        for name, shares in self.mixtures.items():
            if len(shares) > 1:
                loss = sum(share * metrics[f"eval_{t}_loss"] for t, share in shares.items())
                self.log({f"eval_{name}_loss": loss})
        self.losses.show(self.state)
        return metrics


class _Rhythm(TrainerCallback):
    """When to log, evaluate and save, and when to stop."""

    def __init__(
        self, experiment: Experiment, keep: set[int], until: int, asked: Callable[[], bool]
    ) -> None:
        self.settings, self.keep, self.until, self.asked = experiment.training, keep, until, asked

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Set the flags that the Trainer acts on."""
        step, settings = state.global_step, self.settings
        every = settings.checkpoint_every
        last = step >= self.until
        save = last or step in self.keep or (every is not None and step % every == 0)
        stop = self._all_agree(self.asked(), args)
        control.should_evaluate = last or step % settings.evaluate_every == 0
        control.should_log = control.should_evaluate or save or stop
        control.should_log |= step % settings.log_every == 0
        control.should_save = save or stop
        control.should_training_stop = last or stop
        if control.should_save and state.is_world_process_zero:
            mark = Path(args.output_dir) / f"{CHECKPOINT}{step}" / DONE_MARK
            mark.unlink(missing_ok=True)  # of a checkpoint that is written over now

    @staticmethod
    def _all_agree(stop: bool, args: Any) -> bool:
        """Whether any process was asked to stop."""
        if args.world_size == 1 or not _distributed():
            return stop
        flag = torch.tensor([int(stop)], device=args.device)
        torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
        return bool(flag.item())

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint complete and remove those that nothing needs any more."""
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir)
        (folder / f"{CHECKPOINT}{state.global_step}" / DONE_MARK).write_text("")
        for path in checkpoints(folder):
            if _step(path) < state.global_step and _step(path) not in self.keep:
                (path / DONE_MARK).unlink(missing_ok=True)  # first, lest half of it seem whole
                shutil.rmtree(path)


class _Losses(TrainerCallback):
    """Writes the log while the run goes on, and looks at the losses."""

    def __init__(self, folder: Path, watch: Watch, writes: bool) -> None:
        self.folder, self.watch, self.writes = folder, watch, writes
        self.newest: dict[str, float] = {}

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Take the losses; stop at one that is no number."""
        losses = {key: float(v) for key, v in logs.items() if key == "loss" or key[-5:] == "_loss"}
        for column, value in losses.items():
            if not math.isfinite(value):
                raise Diverged(
                    f"{column} is {value} at step {state.global_step}: the run diverged. "
                    "Lower the learning rate or lengthen the warm-up."
                )
        self.newest.update(losses)
        if "loss" in losses and not control.should_evaluate:
            self.show(state)

    def show(self, state: Any) -> None:
        """Write the log as it is, and tell who watches."""
        if state.is_world_process_zero:
            if self.writes:
                waiting = self.folder / f".{LOG}"
                state.save_to_json(str(waiting))
                waiting.replace(self.folder / LOG)
            self.watch(state, self.newest)
