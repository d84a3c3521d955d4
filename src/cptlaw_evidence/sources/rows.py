"""The losses of a split one by one: what is handed out, and what is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cptlaw.fitting.observations import observe
from cptlaw.laws.areas import Convention
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.source import Split

Use: TypeAlias = Literal["fitted", "scored", "start", "end"]
"""Handed out; scored; asked for the loss at a transfer, or at the end of a run to choose."""


@dataclass(frozen=True)
class Row:
    """One loss of a split.

    Args:
        role: of the domain in the study.
        run: its name.
        step: since its start.
        loss: nats per token; None where none was measured, or none is needed.
        use: what it is for.
    """

    role: str
    run: str
    step: int
    loss: float | None
    use: Use

    @property
    def place(self) -> tuple[str, str, int]:
        """What tells it from the others of its split."""
        return self.role, self.run, self.step


def fitted(split: Split) -> list[Row]:
    """Every loss that a law is fitted to: after the warm-up, each checkpoint once."""
    found: list[Row] = []
    for role in split.fitted.domains:
        seen = observe(split.fitted, role, Convention())
        values = zip(seen.run.tolist(), seen.step.tolist(), seen.loss.tolist(), strict=True)
        found += [Row(role, seen.runs[r], step, loss, "fitted") for r, step, loss in values]
    return found


def asked(split: Split) -> list[Row]:
    """Every loss that a law has to tell; what is not scored decides sides and choices."""
    found: dict[tuple[str, str, int], Row] = {}
    for role in split.study.domains:
        for row in (*_scored(split, role), *_ends(split, role)):
            found.setdefault(row.place, row)
    return list(found.values())


def _scored(split: Split, role: str) -> Iterator[Row]:
    observed = observe(split.study, role, Convention())
    for index, name in enumerate(observed.runs):
        if name not in split.scored:
            continue
        mine = (observed.run == index) & (observed.step > split.scored[name])
        if mine.any() and has_a_side(split.study, role, split.study.run(name)):
            yield Row(role, name, 0, None, "start")
        rows = zip(observed.step[mine].tolist(), observed.loss[mine].tolist(), strict=True)
        yield from (Row(role, name, step, loss, "scored") for step, loss in rows)


def _ends(split: Split, role: str) -> Iterator[Row]:
    for candidate in split.candidates:
        yield Row(role, candidate.run, split.study.run(candidate.run).steps, None, "end")


def has_a_side(study: Study, role: str, run: Run) -> bool:
    """Whether D_pt may rise or fall from what was measured at the start of a CPT run."""
    curve = run.curves.get(study.domains[role])
    return role == "pt" and run.data == "cpt" and curve is not None and curve.steps[0] == 0
