"""What training frameworks are known to log, told by the names that they use.

The same names reach TensorBoard, W&B, MLflow and Trackio; the readers of those ask here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cptlaw.studies.logs.cells import Cells
from cptlaw.studies.logs.names import quoted


@dataclass(frozen=True)
class Habit:
    """What one framework logs.

    Args:
        framework: its name, "" if it is not known.
        marks: names that all have to be there.
        averaged: losses that are means over the steps since the value before.
        smoothed: losses that are moving averages over steps -> their factor.
        summaries: names that sum up a whole training, no points of a curve.
        lr_offset: 1 where the LR logged at a step is that of the next, 0 where it is its own; None
            where that depends on the version.
        note: what else there is to say of its logs.
    """

    framework: str = ""
    marks: frozenset[str] = frozenset()
    averaged: frozenset[str] = frozenset()
    smoothed: Mapping[str, float] = field(default_factory=dict[str, float])
    summaries: frozenset[str] = frozenset()
    lr_offset: int | None = 0
    note: str = ""

    def without_summaries(self, columns: Mapping[str, Cells]) -> tuple[dict[str, Cells], list[str]]:
        """The columns that are series, and a sentence on those that are not."""
        whole = [name for name in columns if name in self.summaries]
        told = [f"Left out, since they sum up the whole training: {quoted(whole)}."]
        left = {name: cells for name, cells in columns.items() if name not in whole}
        return left, told if whole else []


_OF_HF = {"grad_norm", "eval_runtime", "train_runtime", "total_flos", "eval_samples_per_second"}
UNKNOWN = Habit()
TRAINER = Habit("transformers", averaged=frozenset({"loss"}), lr_offset=None)
"""Up to 4.50 its Trainer logs the LR after the scheduler's step, since 4.52 before it."""
MEGATRON = Habit("Megatron-LM", lr_offset=1)
"""Its scheduler steps before the LR is logged; to TensorBoard and W&B go losses of single steps."""
NANOCHAT = Habit("nanochat", smoothed={"train/loss": 0.9})
LITGPT = Habit("LitGPT", frozenset({"iter", "iter_time", "loss", "learning_rate"}), lr_offset=1)
"""Where it fine-tunes, its scheduler steps before the LR is logged."""
HABITS = (
    replace(LITGPT, marks=LITGPT.marks | {"remaining_time"}, lr_offset=0),
    LITGPT,
    *(
        replace(
            TRAINER,
            marks=frozenset({f"{prefix}loss", f"{prefix}learning_rate", f"{prefix}{third}"}),
            averaged=frozenset({f"{prefix}loss"}),
            summaries=frozenset({f"{prefix}train_loss"}),
        )
        for prefix in ("train/", "")
        for third in ("epoch", "grad_norm")
    ),
    replace(MEGATRON, marks=frozenset({"lm loss", "learning-rate"})),
    Habit(
        "GPT-NeoX",
        frozenset({"train/lm_loss", "train/learning_rate", "runtime/samples_per_sec"}),
        lr_offset=1,
    ),
    replace(
        TRAINER,
        marks=frozenset({"current_steps", "total_steps", "loss"}),
        note="LLaMA-Factory's log drops evaluation losses of named sets: prefer trainer_state.json "
        "beside it.",
    ),
    Habit("torchtitan", frozenset({"loss_metrics/global_avg_loss"})),
    replace(NANOCHAT, marks=frozenset({"train/loss", "train/lrm"})),
    Habit("Composer", frozenset({"loss/train/total"}), lr_offset=1),
    Habit("torchtune", frozenset({"loss", "lr", "tokens_per_second_per_gpu"}), lr_offset=1),
    Habit(
        "mlx-lm",
        frozenset({"train_loss", "iterations_per_second", "trained_tokens"}),
        frozenset({"train_loss"}),
    ),
)


def habit(names: Iterable[str]) -> Habit:
    """The habits of the framework that uses these names; empty ones if none is known to."""
    known = set(names)
    found = next((each for each in HABITS if each.marks <= known), UNKNOWN)
    # Lightning's own mean over an epoch, logged at its end beside NAME_step.
    epochs = {name for name in known if name.endswith("_epoch") and "loss" in name}
    return replace(found, averaged=found.averaged | epochs)


def habit_of_table(names: Iterable[str]) -> Habit:
    """The habits behind the columns of a table, which anyone may have written.

    `loss`, `learning_rate` and `epoch` are anyone's names; the Trainer writes others beside them.
    """
    known = set(names)
    found = habit(known)
    hf = found.framework == TRAINER.framework and "current_steps" not in found.marks
    if hf and "loss" in found.marks and not known & _OF_HF:
        return Habit(averaged=found.averaged - {"loss"})
    return found
