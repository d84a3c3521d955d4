"""Forecasts inside the training of Lightning's Trainer, `lightning` or `pytorch_lightning` 2.

As with transformers (`live.transformers`): the learning rates ahead are looked up in the run's own
scheduler, its loggers get the forecasts, and a rule can end the training.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError, MissingExtra
from cptlaw.fitting.result import Fit
from cptlaw.live.monitor import Monitor, Watching
from cptlaw.live.outlook import Outlook
from cptlaw.live.planned import Planned
from cptlaw.live.rates import rates_ahead
from cptlaw.live.telling import LOGGER, is_run_of, losses_of, scalars, tell, unmeasured
from cptlaw.studies.history import MOST_STEPS
from cptlaw.studies.study import Study

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _callback_class() -> Any:
    """Callback of the package that is in use, else of the one that is installed."""
    loaded = [name for name in _PACKAGES if name in sys.modules]
    there = [name for name in _PACKAGES if find_spec(name.partition(".")[0]) is not None]
    for name in (*loaded, *there):
        return import_module(name).Callback
    raise MissingExtra("lightning", "lightning", "Lightning's callback")


class ForecastCallback(_callback_class()):
    """Follows a run of Lightning's Trainer: forecasts after every validation, logged; rules.

    Args:
        known: the study of earlier runs, its file, or a fit of it; None for nothing but the run.
        planned: where the run begins; its schedule, left out, is the Trainer's.
        metrics: role -> name of the logged validation loss, such as {"pt": "val_pt_loss"}; left
            out, the study's columns, or without a study every `val_NAME_loss`.
        watching: rules, level, law.
        first_step: the Trainer's step at which the run begins.
    """

    def __init__(
        self,
        known: Study | Fit | str | Path | None = None,
        planned: Planned = Planned(),
        metrics: Mapping[str, str] | None = None,
        watching: Watching = Watching(),
        first_step: int = 0,
    ) -> None:
        super().__init__()
        self.known, self.planned, self.metrics = known, planned, metrics
        self.watching, self.first_step = watching, first_step
        self.monitor: Monitor | None = None
        self._alarms: set[tuple[str, str]] = set()
        self._restored: dict[str, Any] | None = None
        self._judged = False

    # --- Lightning's hooks ---------------------------------------------------------------------

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Look ahead before the first step; take in again what a resumed run had measured."""
        if not trainer.is_global_zero:
            return
        planned = self.planned
        if planned.schedule is None and not is_run_of(self.known, planned.name):
            planned = replace(planned, schedule=_rates(trainer)[self.first_step :])
        self.monitor = Monitor(self.known, planned, self.metrics or {}, self.watching)
        if self._restored is not None:
            self.monitor.restore(self._restored)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Take in the losses, and stop the training where a rule says so."""
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        stop = self.monitor is not None and self._updated(trainer)
        if trainer.world_size > 1:
            stop = trainer.strategy.broadcast(stop, src=0)
        trainer.should_stop = trainer.should_stop or stop

    def state_dict(self) -> dict[str, Any]:
        """What was measured so far, for a checkpoint."""
        return {} if self.monitor is None else self.monitor.state()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What a resumed run had measured."""
        self._restored = state_dict or None

    # --- what is done --------------------------------------------------------------------------

    def _updated(self, trainer: Any) -> bool:
        """Whether the run is to stop; whatever goes wrong here must not end a training."""
        assert self.monitor is not None
        rates = [group["lr"] for group in trainer.optimizers[0].param_groups[:1]]
        try:
            self._judge(trainer.callback_metrics)
            losses = losses_of(self.monitor, trainer.callback_metrics, self.known, self.metrics)
            if not losses:
                return False
            step = trainer.global_step - self.first_step
            outlook = self.monitor.update(step, losses, float(rates[0]) if rates else None)
            tell(outlook, self._alarms)
            self._log(trainer, outlook)
        except Exception as error:
            LOGGER.warning("no forecast at step %d: %s", trainer.global_step, error)
            return False
        return outlook.stops

    def _judge(self, metrics: Any) -> None:
        """Say once what is not measured that should be."""
        if not self._judged and self.monitor is not None:
            self._judged = True
            if words := unmeasured(self.monitor, metrics, self.known, self.metrics):
                LOGGER.warning("%s: %s", self.monitor.name, words)

    @staticmethod
    def _log(trainer: Any, outlook: Outlook) -> None:
        """Beside the evaluation, whose row Lightning numbers by the steps before its last."""
        if not (values := scalars(outlook)):
            return
        for logger in trainer.loggers:
            logger.log_metrics(values, step=max(trainer.global_step - 1, 0))


def _rates(trainer: Any) -> FloatArray:
    """Learning rates of every optimizer step, as the Trainer's scheduler will give them."""
    steps = trainer.estimated_stepping_batches
    configs = trainer.lr_scheduler_configs
    if not 0 < steps <= MOST_STEPS or len(trainer.optimizers) != 1 or len(configs) > 1:
        raise _unknown()
    steps = int(steps)
    if not configs:  # no scheduler: the learning rate stays
        return np.full(steps, float(trainer.optimizers[0].param_groups[0]["lr"]))
    config = configs[0]
    every = int(config.frequency)
    if config.interval == "epoch":
        every *= max(-(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches), 1)
    every = min(every, steps)
    moves = -(-steps // every)
    found = rates_ahead(config.scheduler, moves)
    if found is None:
        raise _unknown()
    rates: FloatArray = np.repeat(found, every)[:steps]
    return rates


def _unknown() -> DataError:
    return DataError(
        "the Trainer's learning rates ahead are not known (max_steps is open or more than a run "
        "can have, there are several optimizers, or they hang on losses to come). Give them: "
        "Planned(schedule=...)."
    )
