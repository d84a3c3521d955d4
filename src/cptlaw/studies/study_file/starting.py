"""The step of its base that a run starts from: as the log of the base counts."""

from __future__ import annotations

from dataclasses import replace

from cptlaw.errors import DataError
from cptlaw.studies.runs import Run
from cptlaw.studies.study_file.numbering import Placed, logged_steps, meets, spacing


def starting_step(said: int | None, run: Run, base: Placed) -> tuple[int, Run]:
    """The step of the base, counted from its start, and the run with that and what was done.

    Args:
        said: what the study says, in the numbers of the base's log; None for the base's end.
        run: its steps as logged.
        base: the run that it goes on from.

    Raises:
        DataError: the base has no such step.
    """
    if said is None:
        return base.run.steps, _told(run, _at_the_end(base.run))
    own, note = _own(said, run, base)
    return own, replace(_told(run, note), after_step=own)


def _told(run: Run, note: str) -> Run:
    return replace(run, notes=(*run.notes, note)) if note else run


def _at_the_end(base: Run) -> str:
    """A note where the base's schedule ends after its log."""
    ends = [int(curve.steps[-1]) for curve in base.curves.values()]
    if not ends or max(ends) == base.steps:
        return ""
    return (
        f"after_step is left out, so it starts at the end of run '{base.name}', step "
        f"{base.steps} of its schedule; that run's log ends at step {max(ends)}."
    )


def _own(said: int, run: Run, base: Placed) -> tuple[int, str]:
    """The step since the base's start, and a note where its log does not count from there."""
    first, last, name = base.number, base.run.steps, base.run.name
    readings = {
        own: told
        for own, told in (
            (said - first, f"as its log counts, step {said - first} since its start"),
            (said, f"counted from its start, where its log has step {first}"),
        )
        if 1 <= own <= last
    }
    if not readings:
        raise DataError(
            f"after_step = {said}, but run '{name}' has steps {first + 1} to {first + last}"
            + (f" (1 to {last} since its start)." if first else ".")
        )
    if not first:
        return said, ""
    meeting = [own for own in readings if _meets(run, base, own)]
    own = meeting[0] if len(meeting) == 1 else next(iter(readings))
    note = f"after_step = {said} of run '{name}' is taken {readings[own]}."
    other = next((each for each in readings if each != own), None)
    if other is not None and len(meeting) != 1:
        note += f" If it is meant {readings[other]}, write {first + other}."
    return own, note


def _meets(run: Run, base: Placed, own: int) -> bool:
    """Whether a run's log begins at a step of its base: by its loss there, or its numbers."""
    steps = logged_steps(run)
    if not steps.size:
        return False
    numbers = {base.number + own, base.total + own}
    follows = any(0 <= steps[0] - number <= spacing(steps) for number in numbers)
    return follows or any(meets(run, base.run, number, own) for number in {0, *numbers})
