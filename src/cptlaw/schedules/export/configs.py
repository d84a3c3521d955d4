"""A schedule as the configuration of a training framework, where the framework has such a one."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from cptlaw.schedules.export.said import Said, by_axolotl, by_megatron, by_transformers
from cptlaw.schedules.schedule import Schedule

_OURS = ("lr", "num_warmup_steps", "num_training_steps")


def transformers_text(schedule: Schedule, name: str) -> str:
    """Arguments of transformers' TrainingArguments as YAML, for HfArgumentParser.

    Raises:
        DataError: transformers has no scheduler with these learning rates.
    """
    said = by_transformers(schedule)
    use = "HfArgumentParser(TrainingArguments).parse_yaml_file(FILE), or as arguments of it."
    return _yaml([f"For transformers: {use}", said.late], _arguments(said, "lr_scheduler_type"))


def axolotl_text(schedule: Schedule, name: str, replay: float | None = None) -> str:
    """The part of an Axolotl configuration that says the schedule, and how data are mixed.

    Raises:
        DataError: Axolotl has no scheduler with these learning rates.
    """
    said = by_axolotl(schedule)
    own = _arguments(said, "lr_scheduler")
    told = ["For Axolotl, to be put into its configuration.", said.late]
    if own.get("warmup_steps") == 1:
        told.append("Axolotl makes a warm-up of 1 step one of 2.")
    if replay is not None:
        told.append(
            f"Replay {replay:g}: Axolotl joins its datasets as they are. Let "
            f"{100 * replay:g} % of the tokens of all datasets be of D_pt, and keep "
            "shuffle_merged_datasets on."
        )
    return _yaml(told, own)


def llamafactory_text(schedule: Schedule, name: str, replay: float | None = None) -> str:
    """The part of a LLaMA-Factory configuration that says the schedule, and how data are mixed.

    Raises:
        DataError: transformers, which it uses, has no scheduler with these learning rates.
    """
    said = by_transformers(schedule)
    own = _arguments(said, "lr_scheduler_type")
    if said.name == "warmup_stable_decay":  # it would hold for a third of the steps by itself
        kwargs = own["lr_scheduler_kwargs"]
        stable = own["max_steps"] - own["warmup_steps"] - kwargs["num_decay_steps"]
        own["lr_scheduler_kwargs"] = {"num_stable_steps": stable, **kwargs}
    told = ["For LLaMA-Factory, to be put into its configuration.", said.late]
    if replay:
        own |= {
            "dataset": "D_CPT,D_PT",
            "mix_strategy": "interleave_over",
            "interleave_probs": f"{1 - replay:.10g},{replay:.10g}",
        }
        told.append(
            "Put the names of your datasets for D_CPT and D_PT. The shares are of examples: cut "
            "them to one length (packing), so that they are those of tokens too."
        )
    return _yaml(told, own)


def megatron_text(schedule: Schedule, name: str) -> str:
    """Arguments of Megatron-LM's command line.

    Raises:
        DataError: Megatron-LM has no decay style with these learning rates.
    """
    said = by_megatron(schedule)
    pairs = {"lr_decay_style": said.name, **said.arguments}
    lines = [f"--{key.replace('_', '-')} {_plain(value)}" for key, value in pairs.items()]
    if "lr_decay_iters" not in pairs:
        lines.append(f"--lr-decay-iters {said.arguments['train_iters']}")
    told = [f"# {line}" for line in _wrapped(["For Megatron-LM: $(grep -v '#' FILE)", said.late])]
    return "\n".join([*told, *lines]) + "\n"


def _arguments(said: Said, kind: str) -> dict[str, Any]:
    """Learning rate, scheduler and lengths in the words of TrainingArguments."""
    given = dict(said.arguments)
    if kind == "lr_scheduler" and said.name == "rex":
        return {kind: "rex", **given}
    own = {
        "learning_rate": given.pop("lr"),
        kind: said.name,
        "warmup_steps": given.pop("num_warmup_steps", 0),
        "max_steps": given.pop("num_training_steps"),
    }
    return {**own, "lr_scheduler_kwargs": given} if given else own


def _yaml(told: list[str], pairs: dict[str, Any]) -> str:
    """Pairs as YAML that JSON's values are a part of, sentences above them."""
    head = [f"# {line}" for line in _wrapped(told)]
    return "\n".join([*head, *(f"{key}: {_value(value)}" for key, value in pairs.items())]) + "\n"


def _wrapped(told: list[str]) -> list[str]:
    return [line for sentence in told if sentence for line in textwrap.wrap(sentence, 96)]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{k}": {_value(v)}' for k, v in value.items()) + "}"  # pyright: ignore
    return _plain(value) if isinstance(value, float) else json.dumps(value)


def _plain(value: Any) -> str:
    """A number as YAML 1.1 reads it too: 2e-05 would be a text there, 2.0e-05 is not."""
    mantissa, e, power = repr(value).partition("e") if isinstance(value, float) else (value, "", "")
    return f"{mantissa}.0e{power}" if e and "." not in mantissa else f"{mantissa}{e}{power}"
