"""From [[run]] tables with lists to single runs, everything resolved."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cptlaw.errors import DataError, at, suggestion
from cptlaw.lab.tables import Model, RunTable, Training, check_names
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.bases import bases_first
from cptlaw.studies.history import MOST_STEPS
from cptlaw.studies.keys import list_of_tables, read_table, run_place

_SHORT = {
    "replay": "replay",
    "seed": "seed",
    "after_step": "at",
    "batch_sequences": "batch",
    "sequence_length": "length",
}
_OWN = ("after", "after_step")


@dataclass(frozen=True)
class Node:
    """One run, everything resolved.

    Args:
        name: unique within the experiment.
        data: the name of [data] it trains on.
        shares: text -> share of the training sequences, replay applied, summing to 1.
        replay: share of pt in them, 0 to 1.
        schedule: LR of its own steps.
        after: the run it goes on from.
        after_step: the step of `after` it goes on from, counted from that run's start.
        model_name: the NAME of its [model.NAME].
        model: its shape, or the model it starts from.
        batch_sequences: sequences per step.
        sequence_length: tokens per sequence.
        micro_batch: sequences that a process computes at once; None is all.
        rope_theta: None is the model's own.
        seed: of weights and data.
        optimizer_state: whether the optimiser's moments come along from the base.
        skip: sequences of this stream (shares, sequence length, seed) that its bases trained on.
        keep: own steps that others start from, increasing, without the last.
    """

    name: str
    data: str
    shares: Mapping[str, float]
    replay: float
    schedule: Schedule
    after: str | None
    after_step: int | None
    model_name: str
    model: Model
    batch_sequences: int
    sequence_length: int
    micro_batch: int | None
    rope_theta: float | None
    seed: int
    optimizer_state: Literal["keep", "new"] = "keep"
    skip: int = 0
    keep: tuple[int, ...] = ()

    @property
    def steps(self) -> int:
        """Own optimiser steps."""
        return self.schedule.steps

    @property
    def batch_tokens(self) -> int:
        """Tokens per optimiser step."""
        return self.batch_sequences * self.sequence_length


@dataclass(frozen=True)
class Setting:
    """What the rest of the file says to its runs."""

    seed: int
    data: Mapping[str, Mapping[str, float]]
    models: Mapping[str, Model]
    training: Training


@dataclass(frozen=True)
class _Variant:
    """One choice of every list of a [[run]]: its values, and its labels in the lists' keys."""

    name: str
    run: str
    values: Mapping[str, Any]
    labels: Mapping[str, str]
    base: str | None = field(default=None)

    @property
    def place(self) -> str:
        return f"run '{self.name}'"


def expand(tables: object, setting: Setting) -> tuple[Node, ...]:
    """Every run of an experiment, bases before what goes on from them.

    Args:
        tables: what the file holds under `run`.
        setting: what the rest of the file says.

    Raises:
        DataError: naming the run, what was expected and the mend.
    """
    written = _read(tables)
    _check_unique([run.name for run, _ in written])
    variants = [variant for run, order in written for variant in _variants(run, order)]
    _check_unique([variant.name for variant in variants])
    variants = [replace(v, base=_base(v, variants)) for v in variants]
    nodes: dict[str, Node] = {}
    by_name = {variant.name: variant for variant in variants}
    for name in bases_first({variant.name: variant.base for variant in variants}):
        with at(by_name[name].place):
            nodes[name] = _node(by_name[name], nodes, setting)
    return tuple(replace(node, keep=_keep(node, nodes)) for node in nodes.values())


def _check_unique(names: list[str]) -> None:
    """Refuse equal names; those that differ in case alone are one folder on some machines."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other == name and names.count(name) > 1:
            raise DataError(f"two runs are named '{name}'; every run needs its own name.")
        if other != name:
            raise DataError(
                f"runs '{other}' and '{name}' differ in capital letters alone, which is one folder "
                "on some machines. Rename one of them."
            )
        if name.lower() == "data" or name.lower().endswith(".toml"):
            raise DataError(
                f"run '{name}': a file or folder beside the runs has that name. Take another."
            )


# --- lists to variants ------------------------------------------------------------------------


def _read(tables: object) -> list[tuple[RunTable, list[str]]]:
    """Every [[run]], and its keys in the order of the file."""
    return [
        (read_table(RunTable, table, run_place(number, table)), list(table))
        for number, table in enumerate(list_of_tables(tables), start=1)
    ]


def _variants(table: RunTable, order: list[str]) -> list[_Variant]:
    """One for each choice of all lists, the last list changing fastest."""
    with at(f"run '{table.name}'"):
        check_names([table.name], "name")
        given = {key: getattr(table, key) for key in order if key != "name"}
        axes = [
            [(key, label, value) for label, value in _choices(key, values)]
            for key, values in given.items()
            if isinstance(values, tuple | dict)
        ]
        found: list[_Variant] = []
        for chosen in itertools.product(*axes):
            name = "-".join([table.name, *(_SHORT.get(k, "") + label for k, label, _ in chosen)])
            values = given | {key: value for key, _, value in chosen}
            labels = {key: label for key, label, _ in chosen}
            found.append(_Variant(name, table.name, values, labels))
        check_names([variant.name for variant in found], "the expanded name")
    return found


def _choices(key: str, values: Any) -> list[tuple[str, Any]]:
    """A label and a value for each of a list."""
    if isinstance(values, dict):
        return list(values.items())
    return [(_label(value), value) for value in values]


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- after ------------------------------------------------------------------------------------


def _base(variant: _Variant, variants: list[_Variant]) -> str | None:
    """The name of the variant that a variant goes on from."""
    after = variant.values.get("after")
    names = [other.name for other in variants]
    if after is None or after in names:
        return after
    candidates = [other for other in variants if other.run == after]
    place = f'{variant.place}: after = "{after}"'
    if not candidates:
        known = dict.fromkeys([*(other.run for other in variants), *names])
        raise DataError(f"{place}: there is no such run. {suggestion(after, known)}")
    fitting = [other.name for other in candidates if _fits(other, variant)]
    if len(fitting) == 1:
        return fitting[0]
    keys = ", ".join(key for key in candidates[0].labels if key not in _OWN)
    which = (
        f"none of its variants has this run's {keys}"
        if not fitting
        else (f"{len(fitting)} of its variants fit")
    )
    raise DataError(
        f"{place}: {which}. Name one, or a list of them: "
        f"{', '.join(fitting or [other.name for other in candidates])}."
    )


def _fits(base: _Variant, variant: _Variant) -> bool:
    """Whether a base has the values of all lists that this run names a value for."""
    for key, label in base.labels.items():
        if key in _OWN or key not in variant.values:
            continue
        if key == "schedule" and key not in variant.labels:
            continue
        if variant.labels.get(key, _label(variant.values[key])) != label:
            return False
    return True


# --- variants to nodes ------------------------------------------------------------------------


def _node(variant: _Variant, nodes: Mapping[str, Node], setting: Setting) -> Node:
    values, training = variant.values, setting.training
    base = nodes[variant.base] if variant.base is not None else None
    at_step, start_lr = _start(values, base)
    model_name = _model_name(values, base, setting)
    data = values.get("data", "pt" if base is None else "cpt")
    replay = float(values.get("replay", 0.0))
    node = Node(
        name=variant.name,
        data=data,
        shares=_shares(data, replay, setting),
        replay=replay,
        schedule=_schedule(values["schedule"], start_lr),
        after=variant.base,
        after_step=at_step,
        model_name=model_name,
        model=setting.models[model_name],
        batch_sequences=values.get("batch_sequences", training.batch_sequences),
        sequence_length=values.get("sequence_length", training.sequence_length),
        micro_batch=values.get("micro_batch", training.micro_batch),
        rope_theta=values.get("rope_theta", base.rope_theta if base else None),
        seed=values.get("seed", base.seed if base else setting.seed),
        optimizer_state=values.get("optimizer_state", "keep"),
    )
    _check_batch(node)
    _check_law(node, base)
    return replace(node, skip=_skip(node, nodes))


def _start(values: Mapping[str, Any], base: Node | None) -> tuple[int | None, float | None]:
    """The step of the base that the run goes on from, and the LR there."""
    if base is None:
        return None, None
    step = values.get("after_step", base.steps)
    if step > base.steps:
        raise DataError(
            f"after_step = {step}, but run '{base.name}' has steps 1 to {base.steps}. Take one of "
            "these, or leave it out for its end."
        )
    return step, float(base.schedule.lr([step])[0])


def _model_name(values: Mapping[str, Any], base: Node | None, setting: Setting) -> str:
    name = values.get("model", base.model_name if base else next(iter(setting.models)))
    if name not in setting.models:
        raise DataError(f'model = "{name}": no such [model]. {suggestion(name, setting.models)}')
    if base is not None and name != base.model_name:
        raise DataError(
            f"model = \"{name}\", but it goes on from run '{base.name}' with the model "
            f"'{base.model_name}'. Leave model out, or take another base."
        )
    return name


def _shares(data: str, replay: float, setting: Setting) -> dict[str, float]:
    """Text -> share with the replay mixed in, the texts in the order of their names."""
    if data not in setting.data:
        known = suggestion(data, setting.data)
        raise DataError(f'data = "{data}": [data] has no such name. {known}')
    if not replay:
        return dict(setting.data[data])
    if data == "pt":
        raise DataError(
            f'replay = {replay:g} on data = "pt"; replay mixes pt into other data. Leave it out.'
        )
    if "pt" not in setting.data:
        raise DataError(f"replay = {replay:g} needs pt in [data], the mixture replayed. Add it.")
    parts = ((setting.data["pt"], replay), (setting.data[data], 1 - replay))
    mixed: dict[str, float] = {}
    for shares, weight in parts:
        for text, share in shares.items():
            mixed[text] = mixed.get(text, 0.0) + weight * share
    return {text: mixed[text] for text in sorted(mixed) if mixed[text]}


def _schedule(text: str, start_lr: float | None) -> Schedule:
    with at("schedule"):
        schedule = Schedule.parse(text, start_lr)
        if schedule.steps > MOST_STEPS:
            raise DataError(f"it has {schedule.steps} steps; expected at most {MOST_STEPS}.")
        if not schedule.peak:
            raise DataError(
                f"'{text}' has a learning rate of 0 in every step, so nothing is learnt. Say where "
                "it goes, such as 'warmup 50 to 1e-3', or from=1e-3 in its first segment."
            )
    return schedule


def _check_batch(node: Node) -> None:
    if node.micro_batch is not None and node.batch_sequences % node.micro_batch:
        raise DataError(
            f"batch_sequences = {node.batch_sequences} is no multiple of micro_batch = "
            f"{node.micro_batch}. Take a micro_batch that divides it."
        )


def _check_law(node: Node, base: Node | None) -> None:
    """Refuse runs that no study could describe, before they are trained."""
    if base is None:
        if node.data == "pt" and node.model.from_ is not None:
            raise DataError(
                f"data = \"pt\" with the open model '{node.model_name}'; no law covers PT that "
                'goes on from an unknown one. Give data = "cpt".'
            )
        return
    if base.data == "pt":
        return
    for key, mend in (
        ("data", "Take a base on pt, or the same data."),
        ("replay", "Give both runs the same."),
        ("batch_sequences", "Give both runs the same."),
        ("sequence_length", "Give both runs the same."),
    ):
        mine, its = getattr(node, key), getattr(base, key)
        if mine != its:
            raise DataError(
                f"it has {key} = {mine} and goes on from run '{base.name}' with {its}; no law "
                f"covers that along a CPT. {mend}"
            )


def _skip(node: Node, nodes: Mapping[str, Node]) -> int:
    """Sequences of the node's own stream that the runs before it have trained on."""
    total, at_node = 0, node
    while at_node.after is not None and at_node.after_step is not None:
        base = nodes[at_node.after]
        same = (base.shares, base.sequence_length, base.seed)
        if same == (node.shares, node.sequence_length, node.seed):
            total += at_node.after_step * base.batch_sequences
        at_node = base
    return total


def _keep(node: Node, nodes: Mapping[str, Node]) -> tuple[int, ...]:
    starts = {n.after_step for n in nodes.values() if n.after == node.name and n.after_step}
    return tuple(sorted(starts - {node.steps}))
