"""Transformers' Trainer under our schedule: when it evaluates, saves and stops, and its log."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, TrainerCallback

from cptlaw.errors import DataError, first_line
from cptlaw.lab.pace import Pace
from cptlaw.lab.records import CHECKPOINT, DONE_MARK, LOG, checkpoints, mark_complete, step_of
from cptlaw.schedules.export import lambda_lr

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Node

Watch = Callable[[Any, Mapping[str, float]], None]


class Diverged(DataError):
    """A run whose loss is no longer a finite number."""


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


class LabTrainer(Trainer):
    """The Trainer with our schedule, the base's optimizer state, and losses of mixtures."""

    node: Node
    mixtures: Mapping[str, Mapping[str, float]]
    losses: Losses
    pace: Pace
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
            try:
                optimizer.load_state_dict(torch.load(saved, map_location="cpu", weights_only=True))
            except Exception as error:  # of many types, where the file is damaged
                raise DataError(
                    f"run '{self.node.name}': {saved} cannot be read: {first_line(error)}. Train "
                    'its base again, or set optimizer_state = "new".'
                ) from None
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
        self.pace.evaluated()
        self.losses.show(self.state)
        return metrics


class Rhythm(TrainerCallback):
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
        mark_complete(folder / f"{CHECKPOINT}{state.global_step}")
        for path in checkpoints(folder):
            if step_of(path) < state.global_step and step_of(path) not in self.keep:
                (path / DONE_MARK).unlink(missing_ok=True)  # first, lest half of it seem whole
                shutil.rmtree(path)


class Losses(TrainerCallback):
    """Writes the log while the run goes on, and looks at the losses."""

    def __init__(self, folder: Path, watch: Watch, writes: bool) -> None:
        self.folder, self.watch, self.writes = folder, watch, writes
        self.newest: dict[str, float] = {}

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Take the losses; stop at one that is not a number."""
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
