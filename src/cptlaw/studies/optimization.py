"""How a run moves its weights: optimizer, weight decay, initialisation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from cptlaw.errors import DataError

Growth: TypeAlias = Literal["grows", "held"]
"""Whether steps move weights by a fixed amount, so that they grow, or by a share of their size."""
OPPOSITE: Mapping[Growth, Growth] = MappingProxyType({"grows": "held", "held": "grows"})


class Kind(NamedTuple):
    """What is known of an optimizer.

    Args:
        growth: what its steps do to the size of the weights.
        unit: whose learning rates its own are comparable with.
    """

    growth: Growth
    unit: str


def _kinds(growth: Growth, unit: str, *names: str) -> dict[str, Kind]:
    return {name: Kind(growth, unit or name) for name in names}


ADAM = "adam"
KINDS: Mapping[str, Kind] = MappingProxyType(
    _kinds("grows", ADAM, "adamw", "adam", "nadam", "nadamw", "radam", "amsgrad", "ademamix")
    | _kinds("grows", ADAM, "soap")
    | _kinds("grows", "", "adafactor", "dynmuon", "lion", "muon", "normuon", "shampoo", "sophia")
    | _kinds("held", "hyperball", "adamh", "muonh", "normuonh")
    | _kinds("held", "", "sgd")
)
"""The optimizers whose growth is known; others are read and told."""

_WORDS = re.compile(
    "anyprecision|apex|bitsandbytes|bnb|cpu|distributed|foreach|fused|hf|npu|offload|optimi?|paged"
    r"|pytorch|torch|torchao|xla|\d+(?:bit)?"
)
_GLUED = re.compile(r"^(?:fused|decoupled|deepspeed|cpu|paged|torch)+|(?:\d+bit|optimizer)$")
_SAME = {
    "fusedadam": "adamw",
    "deepspeedcpuadam": "adamw",
    "cpuadam": "adamw",
    "lionw": "lion",
} | dict.fromkeys(("momentum", "nesterov", "sgdm", "sgdw"), "sgd")


def optimizer_name(written: str) -> str:
    """The name of an optimizer without how it is computed: adamw_torch_fused is adamw.

    Args:
        written: as a configuration or a study has it.

    Raises:
        DataError: nothing is left of it.
    """
    words = [w for w in re.split(r"[^a-z0-9]+", written.lower()) if w]
    told = [w for w in words if not _WORDS.fullmatch(w)] or words
    joined = "".join(told)
    plain = _SAME.get(joined) or _GLUED.sub("", joined)
    plain = _SAME.get(plain, plain)
    if not words:
        raise DataError(f'optimizer = "{written}" has no name in it; write one, such as "adamw".')
    return plain if plain in KINDS else "_".join(told)


def unit_of(name: str) -> tuple[str, Growth | None]:
    """What the learning rates of two optimizers have to share to be compared."""
    kind = KINDS.get(name)
    return (name, None) if kind is None else (kind.unit, kind.growth)


@dataclass(frozen=True)
class Optimization:
    """How weights are moved in a phase; None for what nobody said.

    Args:
        optimizer: name as `optimizer_name` writes it.
        weight_decay: share of the weights that a step takes off, divided by the learning rate.
        init_std: standard deviation of the weights before the first step of all.
        optimizer_reset: whether the optimizer's state was new at the start of the last run.
    """

    optimizer: str | None = None
    weight_decay: float | None = None
    init_std: float | None = None
    optimizer_reset: bool | None = None

    def completed(self, other: Optimization) -> Optimization:
        """This, with what is said of the other where nothing is said of this."""
        said = {k: v for k, v in vars(self).items() if v is not None}
        return replace(other, **said)

    def then(self, following: Optimization) -> Optimization:
        """What holds in a run that goes on from this, for what is said of that run itself.

        The optimizer goes on, and its weight decay as long as the optimizer is the same.
        """
        same = following.optimizer in (None, self.optimizer)
        return replace(
            following,
            optimizer=following.optimizer or self.optimizer,
            weight_decay=self.weight_decay
            if following.weight_decay is None and same
            else following.weight_decay,
            init_std=self.init_std,
        )

    @property
    def kind(self) -> Kind | None:
        """What is known of its optimizer; None for an unknown one."""
        return KINDS.get(self.optimizer or "")

    @property
    def words(self) -> str:
        """What is known of it, for people; nothing where nothing is."""
        said = [self.optimizer or ""]
        said += [] if self.weight_decay is None else [f"weight decay {self.weight_decay:g}"]
        said += [] if self.init_std is None else [f"initial weights {self.init_std:g}"]
        return ", ".join(filter(None, said))


NOT_SAID = Optimization()


def in_common(each: Iterable[Optimization]) -> Optimization:
    """What is said alike of all; nothing where they differ, or where there are none."""
    found = list(dict.fromkeys(each))
    return found[0] if len(found) == 1 else NOT_SAID
