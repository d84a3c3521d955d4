"""What training frameworks are known to log, told by the names that they use.

The same names reach TensorBoard, W&B, MLflow and Trackio; the readers of those ask here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cptlaw.studies.logs.cells import Cells
from cptlaw.studies.logs.names import quoted

HF_LR_NOTE = (
    "transformers up to about 4.50 logs the LR of the next step. One step has no visible effect; "
    "the study key lr_offset = 1 shifts it."
)


@dataclass(frozen=True)
class Habit:
    """What one framework logs.

    Args:
        framework: its name, "" if it is not known.
        marks: names that all have to be there.
        averaged: losses that are means over the steps since the value before.
        summaries: names that sum up a whole training, no points of a curve.
        lr_note: what to say of its logged LR.
    """

    framework: str = ""
    marks: frozenset[str] = frozenset()
    averaged: frozenset[str] = frozenset()
    summaries: frozenset[str] = frozenset()
    lr_note: str = ""

    def without_summaries(self, columns: Mapping[str, Cells]) -> tuple[dict[str, Cells], list[str]]:
        """The columns that are series, and a sentence on those that are not."""
        whole = [name for name in columns if name in self.summaries]
        told = [f"Left out, since they sum up the whole training: {quoted(whole)}."]
        left = {name: cells for name, cells in columns.items() if name not in whole}
        return left, told if whole else []


_HF = "Hugging Face Trainer"
_OF_HF = {"grad_norm", "eval_runtime", "train_runtime", "total_flos", "eval_samples_per_second"}
HABITS = (
    Habit("LitGPT", frozenset({"iter", "iter_time", "loss", "learning_rate"})),
    *(
        Habit(
            _HF,
            frozenset({f"{prefix}loss", f"{prefix}learning_rate", f"{prefix}{third}"}),
            frozenset({f"{prefix}loss"}),
            frozenset({f"{prefix}train_loss"}),
            HF_LR_NOTE,
        )
        for prefix in ("train/", "")
        for third in ("epoch", "grad_norm")
    ),
    Habit(
        "Megatron-LM",
        frozenset({"lm loss", "learning-rate"}),
        lr_note="Megatron-LM logs the LR of the next step; the study key lr_offset = 1 shifts it.",
    ),
    Habit(
        "LLaMA-Factory",
        frozenset({"current_steps", "total_steps", "loss"}),
        frozenset({"loss"}),
        lr_note=HF_LR_NOTE
        + " This log drops evaluation losses of named sets: prefer trainer_state.json beside it.",
    ),
    Habit("torchtitan", frozenset({"loss_metrics/global_avg_loss"})),
)


def habit(names: Iterable[str]) -> Habit:
    """The habits of the framework that uses these names; empty ones if none is known to."""
    known = set(names)
    found = next((each for each in HABITS if each.marks <= known), Habit())
    # Lightning's own mean over an epoch, logged at its end beside NAME_step.
    epochs = {name for name in known if name.endswith("_epoch") and "loss" in name}
    return replace(found, averaged=found.averaged | epochs)


def habit_of_table(names: Iterable[str]) -> Habit:
    """The habits behind the columns of a table, which anyone may have written.

    `loss`, `learning_rate` and `epoch` are anyone's names; the Trainer writes others beside them.
    """
    known = set(names)
    found = habit(known)
    if found.framework == _HF and "loss" in found.marks and not known & _OF_HF:
        return Habit(averaged=found.averaged - {"loss"})
    return found
