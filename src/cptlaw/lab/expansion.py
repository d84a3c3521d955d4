"""From [[run]] tables to single runs, everything resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from cptlaw.errors import DataError, at, suggestion
from cptlaw.lab.reading import Stretch
from cptlaw.lab.tables import Model, Training
from cptlaw.lab.variants import Variant, variants_of
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import MOST_STEPS


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
        before: what its bases read, the first of them first, as far as it goes on from there.
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
    before: tuple[Stretch, ...] = ()

    @property
    def steps(self) -> int:
        """Own optimiser steps."""
        return self.schedule.steps

    @property
    def batch_tokens(self) -> int:
        """Tokens per optimiser step."""
        return self.batch_sequences * self.sequence_length

    @property
    def stretch(self) -> Stretch:
        """What it reads itself."""
        count = self.steps * self.batch_sequences
        return Stretch(self.shares, self.sequence_length, self.seed, self.skip, count)

    def read_before(self) -> dict[str, int]:
        """Sequences of its texts that its bases read in other mixtures, by text."""
        own = self.stretch
        others = [stretch for stretch in self.before if stretch.stream != own.stream]
        taken = {name: sum(one.taken.get(name, 0) for one in others) for name in own.texts}
        return {name: count for name, count in taken.items() if count}


@dataclass(frozen=True)
class Setting:
    """What the rest of the file says to its runs."""

    seed: int
    data: Mapping[str, Mapping[str, float]]
    models: Mapping[str, Model]
    training: Training


def expand(tables: object, setting: Setting) -> tuple[Node, ...]:
    """Every run of an experiment, bases before what goes on from them.

    Args:
        tables: what the file holds under `run`.
        setting: what the rest of the file says.

    Raises:
        DataError: naming the run, what was expected and the mend.
    """
    nodes: dict[str, Node] = {}
    for variant in variants_of(tables):
        with at(variant.place):
            nodes[variant.name] = _node(variant, nodes, setting)
    return tuple(replace(node, keep=_keep(node, nodes)) for node in nodes.values())


def _node(variant: Variant, nodes: Mapping[str, Node], setting: Setting) -> Node:
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
    before = _before(node, nodes)
    skip = sum(stretch.count for stretch in before if stretch.stream == node.stretch.stream)
    if training.seen_text == "repeat":
        own = replace(node.stretch, count=skip)
        before = (own,) if skip else ()
    return replace(node, skip=skip, before=before)


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
            f"batch_sequences = {node.batch_sequences} is not a multiple of micro_batch = "
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


def _before(node: Node, nodes: Mapping[str, Node]) -> tuple[Stretch, ...]:
    """What the runs before a node have read until it branches off, the first of them first."""
    found: list[Stretch] = []
    while node.after is not None and node.after_step is not None:
        base = nodes[node.after]
        found.append(replace(base.stretch, count=node.after_step * base.batch_sequences))
        node = base
    return tuple(reversed(found))


def _keep(node: Node, nodes: Mapping[str, Node]) -> tuple[int, ...]:
    starts = {n.after_step for n in nodes.values() if n.after == node.name and n.after_step}
    return tuple(sorted(starts - {node.steps}))
