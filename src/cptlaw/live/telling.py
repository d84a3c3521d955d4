"""What callbacks of training frameworks have in common: names, scalars, words, said once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cptlaw.fitting.result import Fit
from cptlaw.live.outlook import Alarm, Outlook
from cptlaw.studies.study import Study

if TYPE_CHECKING:
    from cptlaw.live.monitor import Monitor

LOGGER = logging.getLogger("cptlaw.live")
PREFIX = "cptlaw/"
"""What the names of logged forecasts begin with; readers of logs know that they are no losses."""


def scalars(outlook: Outlook) -> dict[str, float]:
    """Forecasts for a logger: `cptlaw/final/pt`, with `final_low` and `final_high`."""
    found: dict[str, float] = {}
    for role, domain in outlook.domains.items():
        if domain.ahead is None:
            continue
        found[f"{PREFIX}final/{role}"] = domain.ahead.final
        found[f"{PREFIX}final_low/{role}"] = float(domain.ahead.low[-1])
        found[f"{PREFIX}final_high/{role}"] = float(domain.ahead.high[-1])
    return found


def new_alarms(outlook: Outlook, known: set[tuple[str, str]]) -> list[Alarm]:
    """The alarms that were not there at the last evaluation; `known` is brought up to date."""
    there = {(alarm.kind, alarm.role): alarm for alarm in outlook.alarms}
    fresh = [alarm for key, alarm in there.items() if key not in known]
    known.clear()
    known.update(there)
    return fresh


def tell(outlook: Outlook, known: set[tuple[str, str]]) -> None:
    """Warn of every alarm that is new."""
    for alarm in new_alarms(outlook, known):
        end = " The run is stopped." if alarm.stop else ""
        LOGGER.warning("%s at step %d: %s%s", outlook.run, outlook.step, alarm.words, end)


def losses_of(
    monitor: Monitor | None,
    metrics: Mapping[str, Any],
    known: object,
    named: Mapping[str, str] | None,
) -> dict[str, float]:
    """Role -> loss, of the metrics of an evaluation.

    Args:
        monitor: whose study's columns are looked for.
        metrics: name -> value.
        known: of earlier runs; None where nothing tells what columns there are.
        named: role -> metric, where it is given.
    """
    columns = _columns(monitor, metrics, known, named)
    return {role: float(metrics[name]) for role, name in columns.items() if name in metrics}


def _columns(
    monitor: Monitor | None, names: Iterable[str], known: object, named: Mapping[str, str] | None
) -> Mapping[str, str]:
    """Role -> the metric that is looked for."""
    columns = named or ({} if monitor is None or known is None else monitor.columns)
    return columns or {role: name for name in names if (role := role_of(name)) is not None}


def unmeasured(
    monitor: Monitor, names: Iterable[str], known: object, named: Mapping[str, str] | None
) -> str:
    """What is wrong with the metrics of a whole evaluation, in words; empty where nothing is.

    Domains of a study that a run does not measure are nothing wrong, as long as it measures one.

    Args:
        monitor: whose study's columns and rules are looked at.
        names: of the metrics, of all parts of the evaluation.
        known: of earlier runs; None where nothing tells what columns there are.
        named: role -> metric, where it is given.
    """
    there = sorted(names)
    columns = _columns(monitor, there, known, named)
    found = {role for role, name in columns.items() if name in there}
    wanted = dict.fromkeys([*(named or ()), *(rule.role for rule in monitor.rules)])
    lacking = [role for role in wanted if role not in found] if found else list(columns)
    if found and not lacking:
        return ""
    missed = [f"{role} ('{columns[role]}')" if role in columns else role for role in lacking]
    return (
        f"{'not measured' if found else 'no forecast can be made, nothing is measured'}"
        f"{': ' if missed else ''}{', '.join(missed)}. The evaluation has: "
        f"{', '.join(name for name in there if 'loss' in name) or 'no loss'}. Name what belongs to "
        'which domain: metrics={"pt": "eval_pt_loss", ...}.'
    )


def is_run_of(known: object, name: str) -> bool:
    """Whether a study, or a fit of it, has a run of that name, which tells its schedule."""
    study = known.study if isinstance(known, Fit) else known
    return isinstance(study, Study) and study.has_run(name)


def role_of(metric: str) -> str | None:
    """The domain of a metric whose study nobody gave: eval_pt_loss -> pt; None for no loss."""
    words = metric.lower().replace("/", "_").split("_")
    if words[-1] != "loss" or words[0] not in ("eval", "val", "valid", "validation", "test"):
        return None
    name = "_".join(words[1:-1])
    return name if name in ("pt", "cpt") else f"ood.{name}" if name else "loss"
