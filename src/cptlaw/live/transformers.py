"""Forecasts inside the training of transformers' Trainer: `follow(trainer, "study.toml")`.

The learning rates ahead are the Trainer's own, its logger gets the forecasts, and a rule can end
the training. Only the first process forecasts; the others are told when to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw.errors import DataError, MissingExtra
from cptlaw.fitting.result import Fit
from cptlaw.live.monitor import Monitor, Watching
from cptlaw.live.outlook import Outlook
from cptlaw.live.planned import Planned
from cptlaw.live.rates import rates_ahead
from cptlaw.live.telling import LOGGER, is_run_of, losses_of, scalars, tell, unmeasured
from cptlaw.studies.study import Study

try:
    from transformers import TrainerCallback
except ImportError:
    raise MissingExtra("transformers", "lab", "The Trainer's callback") from None

if TYPE_CHECKING:
    from transformers import Trainer


class ForecastCallback(TrainerCallback):
    """Follows a run of the Trainer: forecasts after every evaluation, logged; rules.

    Args:
        known: the study of earlier runs, its file, or a fit of it; None for nothing but the run.
        planned: where the run begins; its schedule, left out, is the Trainer's.
        metrics: role -> name of the evaluation's metric, such as {"pt": "eval_pt_loss"}; left
            out, the study's columns, or without a study every `eval_NAME_loss`.
        watching: rules, level, law.
        log: the Trainer's `log`; left out, forecasts are kept in `followed` alone.
        first_step: the Trainer's step at which the run begins, where it goes on counting from its
            base's.
    """

    def __init__(
        self,
        known: Study | Fit | str | Path | None = None,
        planned: Planned = Planned(),
        metrics: Mapping[str, str] | None = None,
        watching: Watching = Watching(),
        log: Callable[[dict[str, float]], None] | None = None,
        first_step: int = 0,
    ) -> None:
        self.known, self.planned, self.metrics = known, planned, metrics
        self.watching, self.log, self.first_step = watching, log, first_step
        self.monitor: Monitor | None = None
        self._alarms: set[tuple[str, str]] = set()
        self._unlogged: Outlook | None = None
        self._running = False
        self._heard: set[str] | None = set()  # metrics of the first evaluation; None once judged

    # --- the Trainer's events ------------------------------------------------------------------

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Look ahead before the first step; take in again what a resumed run had measured."""
        self._running = True
        if not state.is_world_process_zero:
            return
        planned = self.planned
        if planned.schedule is None and not is_run_of(self.known, planned.name):
            rates = rates_ahead(given.get("lr_scheduler"), state.max_steps)
            if rates is None:
                raise DataError(
                    "the Trainer's learning rates ahead are not known (they hang on losses to "
                    "come, cannot be looked up, or max_steps is more than a run can have). Give "
                    "them: Planned(schedule=...)."
                )
            planned = replace(planned, schedule=rates[self.first_step :])
        roles = self.metrics or {}
        self.monitor = Monitor(self.known, planned, roles, self.watching)
        for row in state.log_history:
            losses = self._losses(row)
            if losses and row["step"] <= state.global_step:
                self.monitor.update(row["step"] - self.first_step, losses)
        self._log(args, control, self.monitor.now)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **given: Any
    ) -> None:
        """Take in the losses, and stop the training where a rule says so."""
        if not self._running:
            return
        stop = False
        if self.monitor is not None:
            if self._heard is not None:
                self._heard.update(metrics or ())
            stop = self._updated(args, state, control, metrics or {}, given.get("lr_scheduler"))
        control.should_training_stop |= _first_says(stop, args)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Log what an evaluation of some domains alone has left."""
        self._flush(args, control)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Log what is left."""
        self._flush(args, control)
        self._running = False

    # --- what is done --------------------------------------------------------------------------

    def _updated(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any], scheduler: Any
    ) -> bool:
        """Whether the run is to stop; whatever goes wrong here must not end a training."""
        assert self.monitor is not None
        losses = self._losses(metrics)
        if not losses:
            return False
        lr = None if scheduler is None else float(scheduler.get_last_lr()[0])
        try:
            outlook = self.monitor.update(state.global_step - self.first_step, losses, lr)
            tell(outlook, self._alarms)
        except Exception as error:
            LOGGER.warning("no forecast at step %d: %s", state.global_step, error)
            return False
        self._unlogged = outlook
        measured = {role for role, domain in outlook.domains.items() if domain.loss is not None}
        if measured >= set(self.monitor.columns):
            self._flush(args, control)
        return outlook.stops

    def _losses(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        return losses_of(self.monitor, metrics, self.known, self.metrics)

    def _flush(self, args: Any, control: Any) -> None:
        if self._heard and self.monitor is not None:
            if words := unmeasured(self.monitor, self._heard, self.known, self.metrics):
                LOGGER.warning("%s: %s", self.monitor.name, words)
            self._heard = None
        outlook, self._unlogged = self._unlogged, None
        self._log(args, control, outlook)

    def _log(self, args: Any, control: Any, outlook: Outlook | None) -> None:
        """Hand the forecasts to the Trainer's own log, which must not forget what it was to do."""
        if outlook is None or self.log is None or not (values := scalars(outlook)):
            return
        wanted = control.should_log
        self.log(values)
        control.should_log = wanted


def follow(trainer: Trainer, known: Study | Fit | str | Path | None = None, **options: Any) -> Any:
    """Follow a Trainer's run and log the forecasts where it logs.

    A Trainer is followed once: called again, as a notebook's cell may be, it replaces the callback.

    Args:
        trainer: before `train()`.
        known: the study of earlier runs, its file, or a fit of it; None for nothing but the run.
        options: of `ForecastCallback`.

    Returns:
        The callback, already added; its `monitor` has every outlook.
    """
    callback = ForecastCallback(known, log=trainer.log, **options)
    for earlier in list(trainer.callback_handler.callbacks):
        if isinstance(earlier, ForecastCallback) and earlier.log == trainer.log:
            LOGGER.info("the Trainer was followed already; this following replaces that one")
            trainer.remove_callback(earlier)
    trainer.add_callback(callback)
    return callback


def _first_says(stop: bool, args: Any) -> bool:
    """What the first process says; the others wait for its word."""
    if args.world_size <= 1:
        return stop
    import torch

    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return stop
    word = torch.tensor([int(stop)], device=args.device)
    torch.distributed.broadcast(word, src=0)
    return bool(word.item())
