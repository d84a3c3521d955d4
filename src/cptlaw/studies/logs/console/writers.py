"""What programs print while they train, each read off its own print statement."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from cptlaw.studies.logs.console.engine import NUMBER, Line, Rows, Writer
from cptlaw.studies.logs.habits import MEGATRON as MEGATRON_LOGS
from cptlaw.studies.logs.habits import NANOCHAT as NANOCHAT_LOGS
from cptlaw.studies.logs.habits import Habit

_N = rf"(?P<value>{NUMBER})"
# None of these goes back over what it has read: a damaged line may hold thousands of anything.
_BARRED = (
    r"\| *+(?P<name>[A-Za-z][^\s|:=]{0,200}+(?:\s++[^\s|:=]{1,200}+)*?)"
    rf"(?: *+: *+| ++){_N} *+(?=\||$)"
)
_COLONS = rf"(?P<name>[A-Za-z_][^\s:|]{{0,200}}+):\s*+{_N}(?=[\s|,]|$)"
_COMPOSER = rf"(?:Train|Eval) (?P<name>[^\s:]+): {_N}(?=\s|$)"
# Some launchers put the rank before each line: "0:     train/CE loss=2.5".
_INDENTED = rf"^(?:\d+:)?\s{{2,}}(?P<name>[A-Za-z][^=]*)={_N}\s*$"


def _g(group: str) -> str:
    """A number as a group."""
    return rf"(?P<{group}>{NUMBER})"


def _litgpt_steps(rows: Rows) -> list[str]:
    """Steps of the evaluation rows, which name the micro-batch alone."""
    train = [(row["iter"], row["step"]) for row in rows.rows if row.get("iter") is not None]
    known = [float(i) / float(s) for i, s in train if s and i and float(s)]
    known = [ratio for ratio in known if math.isfinite(ratio)]
    each = max(1, int(min(known, default=1.0)))  # least where a step ends
    for row in rows.rows:
        if row.get("val loss") is not None and row.get("iter") is None:
            row["step"] = float(row["step"] or 0) // each
    return [f"Evaluations name the micro-batch; {each} of them are one optimiser step."]


def _evaluated_before(rows: Rows) -> list[str]:
    """Evaluations are done before the iteration that they name is trained."""
    for row in rows.rows:
        if "val loss" in row:
            row["step"] = float(row["step"] or 0) - 1
    return ["Evaluations name the iteration that comes next; they count for the one before it."]


def _whole_intervals(rows: Rows) -> list[str]:
    """Validation losses that were printed as they are, at the step before they were first seen.

    NeMo prints each value as its mean over the steps since the last print, those of evaluations
    too: in the interval of an evaluation it is a mixture with the one before, or with 0.
    """
    at = [i for i, row in enumerate(rows.rows) if "val_loss" in row]
    said = [rows.rows[i].pop("val_loss") for i in at]
    first = [k for k, value in enumerate(said) if k == 0 or said[k - 1] != value]
    twice = [k for k in first if k + 1 < len(said) and said[k + 1] == said[k]]
    for k in twice or first:
        if at[k]:
            rows.rows[at[k] - 1]["val_loss"] = said[k]
    if not said:
        return []
    if not twice:
        return [
            "'val_loss' is printed as its mean over the steps since the last print, and is another "
            "in each: it may be a mixture of two evaluations. Prefer a log of TensorBoard or W&B."
        ]
    mixed = len(first) - len(twice)
    return [
        "'val_loss' is repeated until the next evaluation; each value counts once, at the print "
        f"before it. Values printed only once, left out: {mixed}; each is a mean over the interval "
        "in which it was evaluated, a mixture with the value before."
    ]


def _batches_of_composer(rows: Rows) -> list[str]:
    """Steps where each epoch counts its batches anew, or where progress is told in tokens."""
    notes: list[str] = []
    if "epoch" in rows.names and "batches" in rows.names:
        for row in rows.rows:
            epoch, batches = row.pop("epoch", None), row.pop("batches", None)
            if isinstance(epoch, float) and isinstance(batches, float):
                row["step"] = float(row["step"] or 0) + (epoch - 1) * batches
        del rows.names["epoch"], rows.names["batches"]
        notes = ["Its batches count anew in each epoch; steps are counted through."]
    if "progress of" in rows.names:
        notes += _batches_done(rows)
    if any(name.startswith("metrics/eval/") for name in rows.names):
        notes.append(
            "Evaluations name no step of their own; they count for the step told before them."
        )
    return notes


def _batches_done(rows: Rows) -> list[str]:
    """Steps from `time/batch`, where lines tell the tokens or samples that are done.

    It is logged before a batch, but once more after the last: then it goes with the progress.
    """
    del rows.names["progress of"]
    lost: list[int] = []
    for i, row in enumerate(rows.rows):
        unit, batches = row.pop("progress of", None), row.get("time/batch")
        if isinstance(batches, float) and unit:
            row["step"] = batches + (row.get(f"time/{unit}") != row["step"])
        elif unit:
            lost.append(i)
    for i in reversed(lost):
        del rows.rows[i], rows.lines[i]
    told = "Its lines tell tokens or samples; steps are read from 'time/batch'"
    return [f"{told}, rows without it left out: {len(lost)}." if lost else f"{told}."]


_ETA = {"eta": "eta"}
_OF_TRAINING = ("train/", "optim/", "throughput/", "checkpoint/", "System/", "gpu_memory/", "eta")


def _told_before(rows: Rows) -> list[str]:
    """Evaluations of OLMo-core, printed before the metrics of their step, moved to it.

    Lines with an `eta` hold a step's metrics, which are printed when all that it does is done.
    """
    core = "eta" in rows.names
    moved = 0
    for row, after in reversed(list(pairwise(rows.rows))):  # none is moved twice
        early = [name for name in row if name != "step" and not name.startswith(_OF_TRAINING)]
        near = "eta" in row or float(after["step"] or 0) == float(row["step"] or 0) + 1
        if core and early and near and after.get("rank") == row.get("rank"):
            after.update({name: row.pop(name) for name in early if name not in after})
            moved += 1
    rows.names.pop("eta", None)
    for row in rows.rows:
        row.pop("eta", None)
    if not core:
        return ["Evaluations name no step of their own; they count for the step told before them."]
    return [
        "OLMo-core prints evaluations before the metrics of their step: they count for the step "
        "told next."
    ] * bool(moved)


MEGATRON = Writer(
    "Megatron-LM",
    (
        Line(r"\biteration\s+(?P<step>\d+)/\s*\d+ *(?=\|.*\bloss)", pairs=_BARRED),
        Line(
            r"(?P<set>(?:validation|test)\S*) (?:loss|results) at iteration (?P<step>\d+)"
            r"(?: on (?P<on>[\w ]+) set)? *(?=\|)",
            pairs=rf"\| *+(?P<name>[^|:]*?) value: {_N} *+(?=\||$)",
            called="{name} {set}",
        ),
    ),
    habit=replace(MEGATRON_LOGS, averaged=frozenset({"lm loss", "loss", "lm_loss"})),
)
DEEPSPEED = Writer(
    "DeepSpeed",
    (
        Line(rf"\bsteps: (?P<step>\d+) loss: {_g('loss')} iter time", {"loss": "loss"}),
        Line(
            r"\bstep=(?P<step>\d+), skipped=\d+, lr=(?P<lr>\[[^\]]*\]|[^\s,]+)",
            {"lr": "lr"},
            proof=False,
        ),
    ),
    habit=Habit(lr_offset=1),
)
TORCHTITAN = Writer(
    "torchtitan",
    (
        Line(
            rf"\bvalidate step:\s*(?P<step>[\d,]+)\s+loss:\s*{_g('loss')}",
            {"loss": "validation loss"},
        ),
        Line(
            rf"(?<!validate )\bstep:\s*(?P<step>[\d,]+)\s+loss:\s*{_g('loss')}\s+"
            r"(?=.*(?:memory|tps|grad_norm):)",
            {"loss": "loss"},
        ),
    ),
)
NANOGPT = Writer(
    "nanoGPT",
    (
        Line(
            rf"\bstep (?P<step>\d+): train loss {_g('train')}, val loss {_g('val')}",
            {"train": "train loss", "val": "val loss"},
        ),
        Line(rf"\biter (?P<step>\d+): loss {_g('loss')}, time", {"loss": "loss"}),
    ),
    notes=(
        "'loss' is that of one micro-batch; 'train loss' is measured on training data at each "
        "evaluation.",
    ),
)
BUILD_NANOGPT = Writer(
    "build-nanogpt",
    (
        Line(rf"^(?P<step>\d+) val {_g('loss')}$", {"loss": "val loss"}),
        Line(rf"^(?P<step>\d+) train {_g('loss')}$", {"loss": "train loss"}),
        Line(rf"^(?P<step>\d+) hella {_g('score')}$", {"score": "hellaswag accuracy"}),
        Line(rf"^validation loss: {_g('loss')}$", {"loss": "val loss"}, ahead=True),
        Line(
            rf"^step\s+(?P<step>\d+) \| loss: {_g('loss')} \| lr {_g('lr')} \| norm",
            {"loss": "train loss", "lr": "lr"},
        ),
    ),
)
NANOCHAT = Writer(
    "nanochat",
    (
        Line(
            rf"\bstep (?P<step>\d+)(?:/\d+)? \([\d.]+%\) \| loss: {_g('loss')} \| lrm: {_g('lrm')}",
            {"loss": "train/loss", "lrm": "lrm"},
        ),
        Line(rf"\bStep (?P<step>\d+) \| Validation bpb: {_g('bpb')}", {"bpb": "val/bpb"}),
        Line(rf"\bStep (?P<step>\d+) \| CORE metric: {_g('core')}", {"core": "core_metric"}),
    ),
    habit=NANOCHAT_LOGS,
    notes=(
        "'lrm' is the share of the peak learning rate, which its text does not hold: a study "
        "needs schedule or lrs.",
    ),
)
MODDED_NANOGPT = Writer(
    "modded-nanogpt",
    (
        Line(rf"\bstep:(?P<step>\d+)/\d+ val_loss:{_g('loss')} train_time", {"loss": "val_loss"}),
        Line(
            rf"\bstep:(?P<step>\d+)/\d+ train_loss:{_g('loss')} train_time", {"loss": "train_loss"}
        ),
    ),
)
LLM_C = Writer(
    "llm.c",
    (
        Line(rf"^\s*s:(?P<step>\d+) tel:{_g('loss')}", {"loss": "val loss"}),
        Line(
            rf"^\s*s:(?P<step>\d+) trl:{_g('loss')}(?: lr:{_g('lr')})?",
            {"loss": "train loss", "lr": "lr"},
        ),
    ),
)
OLMO = Writer(
    "OLMo",
    (
        Line(r"(?<!eval_)\[step=(?P<step>[\d,]+)(?:/|\]|,)(?:[^\]]*,eta=(?P<eta>[^\]]+)\])?", _ETA),
        Line(_INDENTED),
    ),
    mend=_told_before,
)
COMPOSER = Writer(
    "Composer",
    (
        Line(
            r"^(?:\d+: *)?\[epoch=(?P<epoch>\d+)\]\[batch=(?P<step>\d+)/(?P<batches>\d+)\]",
            {"epoch": "epoch", "batches": "batches"},
            _COMPOSER,
        ),
        Line(r"^(?:\d+: *)?\[batch=(?P<step>\d+)(?:/\d+)?\]", pairs=_COMPOSER),
        Line(
            r"^(?:\d+: *)?\[(?P<of>token|sample)=(?P<step>\d+)/\d+\]",
            {"of": "progress of"},
            _COMPOSER,
        ),
        Line(rf"^(?:\d+:)?\s+(?:Train|Eval) (?P<name>[^\s:][^:]*): {_N}\s*$"),
    ),
    habit=Habit(lr_offset=1),
    mend=_batches_of_composer,
)
TORCHTUNE = Writer(
    "torchtune",
    (
        Line(r"^Step (?P<step>\d+) \| (?=\S+:)", pairs=_COLONS),
        Line(rf"\b\d+\|(?P<step>\d+)\|Loss: {_g('loss')}", {"loss": "loss"}),
    ),
    habit=Habit(lr_offset=1),
)
MLX = Writer(
    "mlx-lm",
    (
        Line(rf"Iter (?P<step>\d+): Val loss {_g('loss')}, Val took", {"loss": "val loss"}),
        Line(
            rf"Iter (?P<step>\d+): Train loss {_g('loss')}, Learning Rate {_g('lr')}",
            {"loss": "train loss", "lr": "lr"},
        ),
        Line(  # since 0.32
            rf"^ +(?P<step>\d+) +{_g('loss')} [▼▲] +[\d,]+ +[\d.]+k *$", {"loss": "train loss"}
        ),
        Line(rf"^ +(?P<step>\d+) +val +{_g('loss')} +[\d.]+s *$", {"loss": "val loss"}),
    ),
    habit=Habit(averaged=frozenset({"train loss"})),
    notes=("Its iterations are micro-batches where grad_accumulation_steps is above 1.",),
    mend=_evaluated_before,
)
LITGPT = Writer(
    "LitGPT",
    (
        Line(
            rf"\| iter {_g('iter')} step (?P<step>\d+) \| loss train: {_g('loss')},",
            {"iter": "iter", "loss": "train loss"},
        ),
        Line(
            rf"\biter (?P<step>\d+): val loss {_g('loss')}, val time",
            {"loss": "val loss"},
        ),
    ),
    mend=_litgpt_steps,
)
NEMO = Writer(
    "NeMo",
    (
        Line(
            r"Training epoch \d+, iteration \d+/\d+ *(?=\|.*\bglobal_step: (?P<step>\d+))",
            pairs=rf"\| *+(?P<name>[A-Za-z]\w*(?: in s)?): {_N} *+(?=\||$)",
        ),
    ),
    habit=Habit(averaged=frozenset({"reduced_train_loss"})),
    mend=_whole_intervals,
)


def _anew_in_epochs(rows: Rows) -> list[str]:
    """Steps where each epoch counts its batches anew, as its lines show."""
    said = [(row.get("epoch"), row.get("step"), row.pop("batches", None)) for row in rows.rows]
    rows.names.pop("batches", None)
    known = [(float(e), float(s), n) for e, s, n in said if e is not None and s is not None]
    anew = [after[1] <= before[1] for before, after in pairwise(known) if after[0] > before[0]]
    lengths = {n for _, _, n in known}
    if not anew or not all(anew) or len(known) < len(said) or len(lengths) > 1 or None in lengths:
        return []
    first, length = min(epoch for epoch, _, _ in known), float(lengths.pop() or 0)
    for row, (epoch, step, _) in zip(rows.rows, known, strict=True):
        row["step"] = step + (epoch - first) * length
    return [f"Its batches count anew in each epoch; steps are counted through, {length:g} to each."]


# Lines of a program nobody knows: a step and a loss on one line, told by their names.
ANY = Writer(
    "an unknown program",
    (
        Line(
            r"(?i)^(?=.*?\b(?:global_?step|step|iter(?:ation)?)s?\b[\s:=#\[]{0,4}(?P<step>\d[\d,]*)"
            r"(?:\s*/\s*(?P<batches>\d+))?)"
            r"(?:(?=.*?\bepoch[\s:=#\[(]{0,4}(?P<epoch>\d+)(?![.\d])))?"
            rf"(?=.*?loss\W{{0,4}}(?:{NUMBER})(?![\w]))",
            {"epoch": "epoch", "batches": "batches"},
            pairs=r"(?P<name>[A-Za-z_][\w/.-]{0,100}(?: [A-Za-z_][\w/.-]{0,100})?) ?[:= ] ?"
            rf"(?P<value>{NUMBER})(?![\w:])",
        ),
    ),
    notes=("Lines that name a step and a loss were read. Check that steps are optimiser steps.",),
    mend=_anew_in_epochs,
    known=False,
)

WRITERS: tuple[Writer, ...] = (
    MEGATRON,
    DEEPSPEED,
    TORCHTITAN,
    NANOCHAT,
    NANOGPT,
    BUILD_NANOGPT,
    MODDED_NANOGPT,
    LLM_C,
    OLMO,
    COMPOSER,
    TORCHTUNE,
    MLX,
    LITGPT,
    NEMO,
)
