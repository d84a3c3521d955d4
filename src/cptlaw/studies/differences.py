"""What differs between runs of a study that laws take for the same, told in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cptlaw.page import number
from cptlaw.studies.history import History
from cptlaw.studies.optimization import KINDS
from cptlaw.studies.runs import Run


def told_differences(runs: Sequence[Run], before: Callable[[Run], History]) -> tuple[str, ...]:
    """Sentences on batches of the pre-training, and on optimizers that change or are not known.

    Args:
        runs: of a study.
        before: the learning rates before a run.
    """
    return (*_batches(runs), *_unknown_optimizers(runs), *_changes(runs, before))


def _batches(runs: Sequence[Run]) -> Iterator[str]:
    """PT runs whose steps are not of the same number of tokens."""
    pt = [run for run in runs if run.data == "pt" and run.batch_tokens is not None]
    sizes = sorted({run.batch_tokens for run in pt if run.batch_tokens is not None})
    if len(sizes) < 2:
        return
    examples = [next(run.name for run in pt if run.batch_tokens == size) for size in sizes]
    told = ", ".join(f"{number(s, 3)} ('{name}')" for s, name in zip(sizes, examples, strict=True))
    yield (
        f"The pre-training runs differ in batch_tokens: {told}. Laws count steps, so a step of "
        "each counts alike, whatever its tokens. A difference in loss that comes from the batch "
        "is put down to what else differs between these runs, such as the model size. Study "
        "runs of one batch alone to keep it out."
    )


def _unknown_optimizers(runs: Sequence[Run]) -> Iterator[str]:
    names = sorted({run.optimizer for run in runs if run.optimizer} - set(KINDS))
    for name in names:
        yield (
            f"optimizer '{name}' is none of those whose weights are known to grow or not: "
            f"{', '.join(KINDS)}. It is treated as one that nobody told."
        )


def _changes(runs: Sequence[Run], before: Callable[[Run], History]) -> Iterator[str]:
    for run in runs:
        if run.after is None or run.unknown_base is not None:
            continue
        history, said = before(run), run.optimization
        if run.data == "pt" or history.is_cpt:
            yield from _within_a_phase(run, history)
        elif said.optimizer and history.pt_by.optimizer is None:
            yield (
                f"run '{run.name}' has the optimizer {said.optimizer}, and its base does not say "
                "which: it is taken for the same."
            )
        elif said.optimizer and history.pt_by.optimizer != said.optimizer:
            yield (
                f"run '{run.name}' goes on with {said.optimizer} after {history.pt_by.optimizer}: "
                "a learning rate of one says little about the other's. The effective-LR law "
                "fits what a step of the CPT is worth in steps of the pre-training; other laws "
                "take both learning rates as they stand."
            )


def _within_a_phase(run: Run, history: History) -> Iterator[str]:
    """A key that a run gives another value than its base, in the same phase."""
    by, phase = (history.cpt_by, "CPT") if history.is_cpt else (history.pt_by, "pre-training")
    for key in ("optimizer", "weight_decay"):
        first, own = getattr(by, key), getattr(run.optimization, key)
        if first is not None and own is not None and own != first:
            yield (
                f"run '{run.name}' has {key} = {own}, and its base {first}: laws know one value "
                f"for a {phase}, and take the base's."
            )
