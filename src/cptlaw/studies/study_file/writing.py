"""The tables of a study file as text."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cptlaw import toml_text
from cptlaw.errors import at
from cptlaw.schedules.text import short
from cptlaw.studies.runs import Run

NO_REMARKS: Mapping[str, str] = MappingProxyType({})


def domains_table(domains: Mapping[str, str], remarks: Mapping[str, str] = NO_REMARKS) -> list[str]:
    """The lines of [domains].

    Args:
        domains: role -> column of the logs.
        remarks: role -> what is said of it in a comment.
    """
    lines = [toml_text.header("domains")]
    for role, column in domains.items():
        (line,) = toml_text.pairs({tuple(role.split(".", 1)): column})
        lines.append(f"{line}  {toml_text.remark(remarks[role])}" if role in remarks else line)
    return lines


def run_table(run: Run, log: str) -> list[str]:
    """The lines of a [[run]].

    Args:
        run: with a schedule.
        log: the path of its log, from the study file's folder.

    Raises:
        DataError: the schedule holds learning rates that have no text.
    """
    values = {
        "name": run.name,
        "log": log,
        "schedule": schedule_text(run),
        "after": run.after,
        "after_step": run.after_step,
        "data": run.data,
        "replay": run.replay or None,
        "model_size": run.model_size,
        "batch_tokens": run.batch_tokens,
        "sequence_length": run.sequence_length,
        "domain_tokens": run.domain_tokens,
        "optimizer": run.optimizer,
        "weight_decay": run.weight_decay,
        "init_std": run.init_std,
        "optimizer_reset": run.optimizer_reset,
        "keep": run.keep or None,
    }
    return [toml_text.header("run", many=True), *toml_text.pairs(values)]


def schedule_text(run: Run) -> str:
    """The schedule of a run as a file names it.

    Raises:
        DataError: it holds learning rates that have no text.
    """
    assert run.schedule is not None
    with at(f"run '{run.name}'"):
        return short(run.schedule.text)
