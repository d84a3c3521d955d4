"""What a column of a log holds, judged by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

STEP_NAMES = (
    "step",
    "steps",
    "global_step",
    "trainer/global_step",
    "train/global_step",
    "current_steps",
    "iteration",
    "iter",
)
_LR_NAMES = ("lr", "learning_rate", "learning-rate", "train/learning_rate", "train/lr")
_LR = re.compile(r"lrs?\d*|lrm|learningrate")
_LR_SETTINGS = re.compile(
    r"peak|max|min|base|init|initial|target|scale|mult|multiplier|lrm|ratio|factor|decay|warmup"
)
_NOT_LOSS = re.compile(
    r"epochs?|progress|percent|percentage|steps?|iters?|iterations?|warmup|decay|skipped"
    r"|grad|gradient|norm|momentum|scale|beta[12]?|seed|rank"
    r"|time|timestamp|runtime|walltime|wall|elapsed|remaining|eta|duration|ms|seconds?|throughput"
    r"|tokens?|samples?|batch|batches|flos|flops|tflops|mfu|hfu|utilization"
    r"|mem|memory|vram|gpu|cpu|reserved|allocated"
    r"|acc|accuracy|ppl|perplexity|bleu|f1"
)
_RATE = re.compile(r"(^|[^a-z])per[^a-z]*(s|sec|secs|second|gpu|device|node|hour|day)([^a-z]|$)")
_INDEX = re.compile(r"^(unnamed: \d+|__index_level_\d+__|index|_step)$")

_SERIES = re.compile(
    r"run|run_name|run_id|name|experiment|exp|model|split|phase|mode|stage"
    r"|dataset|subset|domain|task|metric|tag|key|kind|type"
)


def step_column(names: Iterable[str]) -> str | None:
    """The column that counts steps, the most usual name first; None if there is none."""
    return _first_of(STEP_NAMES, list(names))


def lr_columns(names: Iterable[str]) -> list[str]:
    """The columns that hold learning rates, the one to use first."""
    found = [name for name in names if _is_lr(name)]
    best = _first_of(_LR_NAMES, found)
    return found if best is None else [best, *(name for name in found if name != best)]


def is_never_loss(name: str) -> bool:
    """Whether the name says that the column is not a loss, as `grad_norm` or `eval_runtime` do."""
    low, words = name.strip().lower(), _words(name)
    if _INDEX.match(low) or is_series_label(name) or low == "entropy":
        return True
    if "loss" in low:
        return "scale" in words
    return bool(_any(_NOT_LOSS, words) or _RATE.search(low) or _speaks_of_lr(words))


def is_series_label(name: str) -> bool:
    """Whether a column may tell several series of one file apart, as `run` or `split` do."""
    return _SERIES.fullmatch(name.strip().lower()) is not None


def is_training(name: str) -> bool:
    """Whether a loss column is of the batches trained on."""
    low = name.strip().lower()
    return low in ("loss", "lm loss") or low.startswith("train")


def quoted(names: Iterable[str]) -> str:
    """Names for a sentence: 'a', 'b', 'c'; a long list is cut short."""
    each = [f"'{name}'" for name in names]
    if len(each) <= 14:
        return ", ".join(each)
    return f"{', '.join(each[:12])} and {len(each) - 12} more"


def _first_of(wanted: Iterable[str], names: list[str]) -> str | None:
    for want in wanted:
        same = [name for name in names if name.strip().lower() == want]
        if same:
            return want if want in same else same[0]
    return None


def _words(name: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", name.strip().lower())


def _is_lr(name: str) -> bool:
    words = _words(name)
    return "loss" not in words and _speaks_of_lr(words) and not _any(_LR_SETTINGS, words)


def _speaks_of_lr(words: list[str]) -> bool:
    return _any(_LR, words) or ("learning", "rate") in pairwise(words)


def _any(pattern: re.Pattern[str], words: Iterable[str]) -> bool:
    return any(pattern.fullmatch(word) for word in words)
