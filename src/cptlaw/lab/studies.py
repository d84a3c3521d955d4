"""The studies that a sweep leaves: which logs belong together, for `cptlaw fit`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cptlaw import toml_text
from cptlaw.files import write_atomic
from cptlaw.lab.model import INIT_STD
from cptlaw.lab.records import LOG
from cptlaw.studies.runs import UNKNOWN, Run
from cptlaw.studies.study_file.writing import domains_table, run_table

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Node

OPTIMIZER = "adamw"  # transformers' default, which the lab keeps


def write(experiment: Experiment, out: Path, sizes: Mapping[str, int]) -> tuple[Path, ...]:
    """Write a study for every D_cpt: study.toml for the first, study-NAME.toml for the others.

    Args:
        experiment: what was run.
        out: folder of the runs; the studies name the logs relative to it.
        sizes: non-embedding parameters of the runs that are done, by name; others are left out.
    """
    done = [node for node in experiment.nodes if node.name in sizes]
    kinds = list(dict.fromkeys(node.data for node in experiment.nodes if node.data != "pt"))
    written: list[Path] = []
    for kind in kinds or ["pt"]:
        own = [node for node in done if _belongs(experiment, node, kind)]
        if not own:
            continue
        name = "study.toml" if kind == (kinds or ["pt"])[0] else f"study-{kind}.toml"
        lines = [
            toml_text.remark(
                f"Runs of the experiment {experiment.name}, left by: cptlaw lab sweep"
            ),
            "",
            *_domains(experiment, kind),
            *(line for node in own for line in ["", *_run(experiment, node, sizes[node.name])]),
        ]
        written.append(write_atomic(out / name, "\n".join(lines) + "\n"))
    return tuple(written)


def _belongs(experiment: Experiment, node: Node, kind: str) -> bool:
    """Whether a run and all it goes on from are on D_pt or on this D_cpt."""
    if node.data not in ("pt", kind):
        return False
    return node.after is None or _belongs(experiment, experiment.node(node.after), kind)


def _domains(experiment: Experiment, kind: str) -> list[str]:
    columns = {kind: experiment.column(kind)}
    if kind == "pt":
        roles = {"loss": columns["pt"]}
    else:
        roles = {"pt": experiment.column("pt")} if "pt" in experiment.data else {}
        roles["cpt"] = columns[kind]
    for name in experiment.evaluations:
        column = f"eval_{name}_loss"
        if column not in roles.values() and kind != "pt":
            roles[f"ood.{name}"] = column
    return domains_table(roles)


def _run(experiment: Experiment, node: Node, size: int) -> list[str]:
    open_model = node.after is None and node.model.from_ is not None
    run = Run(
        node.name,
        schedule=node.schedule,
        data="pt" if node.data == "pt" else "cpt",
        after=f"{UNKNOWN}{node.model_name}" if open_model else node.after,
        after_step=node.after_step,
        replay=node.replay,
        model_size=size,
        batch_tokens=node.batch_tokens,
        sequence_length=node.sequence_length,
        optimizer=OPTIMIZER if node.after is None else None,
        weight_decay=experiment.training.weight_decay if node.after is None else None,
        init_std=INIT_STD if node.after is None and not open_model else None,
        optimizer_reset=None if node.after is None else node.optimizer_state == "new",
    )
    return run_table(run, f"{node.name}/{LOG}")
