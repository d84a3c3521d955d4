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
    "train/step",
    "train_step",
    "training_step",
    "optimizer_step",
    "num_updates",
    "iteration",
    "iter",
    "batch_idx",
    "_step",
)
_LR_NAMES = ("lr", "learning_rate", "learning-rate", "train/learning_rate", "train/lr")
_LR = re.compile(r"lrs?\d*|lrm|learningrate")
_LR_SETTINGS = re.compile(
    r"peak|max|min|base|init|initial|target|scale|mult|multiplier|lrm|ratio|factor|decay|warmup"
)
_NOT_LOSS = re.compile(
    r"epochs?|progress|percent|percentage|steps?|iters?|iterations?|warmup|decay|skipped"
    r"|grads?|gradients?|\w*norms?|momentum|scale|scaler|beta[12]?|seed|rank|world|size|num|count"
    r"|time|timestamp|runtime|walltime|wall|elapsed|remaining|eta|duration|timing|dt|ms|seconds?"
    r"|throughput|tps|rate|clip|clipping|zeros|load|balancing|imbalance|ratio|fraction"
    r"|tokens?|samples?|batch|batches|flos|flops|tflops|mfu|hfu|utilization|params?|parameters?"
    r"|mem|memory|vram|gpu|cpu|reserved|allocated|lengths?|len|temperature"
    r"|acc|\w*accuracy|ppl|\w*perplexity|em|f1|precision|recall|bleu\w*|rouge\w*|meteor|chrf\w*"
    r"|rewards?|margins?|kl|logps?|logits?|scores?|mcc|auc|wer|cer|elo|pass"
    r"|downstream|mmlu\w*|hellaswag\w*|hella|piqa|arc|winogrande|boolq|copa|sciq|openbookqa|obqa"
    r"|csqa|commonsenseqa|siqa|socialiqa|gsm8k|humaneval|mbpp|truthfulqa|triviaqa|squad\w*|lambada"
    r"|bbh|agieval|naturalqs|coqa|ifeval|zloss"
)
# Folders of metrics that hold no losses: "optim/exp_avg.max", "timers/forward", ...
_NO_LOSS_FOLDER = re.compile(
    r"optim\w*|grads?|gradients?|params?|parameters|weights?|activations?|system|throughput|perf\w*"
    r"|times?|timers?|timing|memory|gpu|cpu|runtime|debug|config|hparams|model|env|rollout|actor"
    r"|critic|rewards?|completions?|response\w*|prompt\w*|centered_results|checkpoint|trainer"
)
# Losses that are no mean loss of tokens: parts added to it, and its extremes.
_OTHER_LOSS = re.compile(
    r"scale|scaler|scaling|z|zloss|balancing|balance|load|aux|auxiliary|auxloss|router|moe|mtp|kl"
    r"|policy|critic|actor|pg|vf|reward\w*|distill\w*|commit\w*|spikes?|downstream|weights?|ratio|norm"
    r"|ppl|\w*perplexity|accuracy"
)
_EXTREME = re.compile(
    r"(^|[^a-z])(max|min|best|std|var|lowest)[^a-z]*loss|loss[^a-z]*(max|min|std|var|best)([^a-z]|$)"
)
_VALIDATION = re.compile(r"eval\w*|val|va|valid|validation\d*|dev|test|tst|heldout|holdout|held")
_TRAINING = re.compile(r"train|training|trn|tr")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # in trainLoss
_BARE_LOSS = re.compile(
    r"loss|losses|lm|language|model(ing)?|avg|average|averaged|mean|running|smooth(ed)?|ema|ce|nll"
    r"|total|global|reduced|cross|entropy|metrics|step|epoch|batch|log"
)
_CROSS_ENTROPY = re.compile(r"ce|nll|xent|crossentropy|logloss")
_SUMMARY = re.compile(r"summary|final|best|last|end")
_BITS = re.compile(r"bpb|bpc|bits")
_RATE = re.compile(r"(^|[^a-z])per[^a-z]*(s|sec|secs|second|gpu|device|node|hour|day)([^a-z]|$)")
_FORECAST = "cptlaw"  # of the names under which forecasts are logged (`live.telling`)
_INDEX = re.compile(r"^(unnamed: \d+|__index_level_\d+__|index|_\w+)$")

_SERIES = re.compile(
    r"run|run_name|run_id|run_uuid|seed|trial|name|experiment|exp|model|split|phase|mode|stage"
    r"|dataset|subset|domain|task|metric|tag|key|kind|type"
)
_RUN = re.compile(r"runs?|run_?name|run_?id|run_?uuid|exp|experiment|trial|trial_?id|seed")


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
    if _INDEX.match(low) or is_series_label(name) or low.endswith(" vs samples"):
        return True
    if _FORECAST in words:
        return True
    folder, parted, _ = low.partition("/")
    if "loss" in low:
        return bool(_any(_OTHER_LOSS, words) or _EXTREME.search(low))
    return bool(
        _any(_NOT_LOSS, words)
        or _RATE.search(low)
        or _speaks_of_lr(words)
        or low.endswith("core_metric")
        or (parted and _NO_LOSS_FOLDER.fullmatch(folder))
        or _is_entropy(words)
    )


def says_loss(name: str) -> bool:
    """Whether the name itself says that the column is a loss."""
    words = _words(name)
    return "loss" in name.lower() or _any(_CROSS_ENTROPY, words) or _crosses(words)


def says_where(name: str) -> bool:
    """Whether the name is that of a loss on training or validation data, and not of a summary."""
    words = _words(name)
    known = _any(_VALIDATION, words) or is_training(name)
    return says_loss(name) and known and not _any(_SUMMARY, words)


def is_bits(name: str) -> bool:
    """Whether a column is in bits per byte or character, not in nats per token."""
    return _any(_BITS, _words(name))


def is_perplexity(name: str) -> bool:
    """Whether a column holds exp(loss)."""
    return any(word == "ppl" or word.endswith("perplexity") for word in _words(name))


def is_series_label(name: str) -> bool:
    """Whether a column may tell several series of one file apart, as `run` or `split` do."""
    return _SERIES.fullmatch(name.strip().lower()) is not None


def is_split(name: str) -> bool:
    """Whether a word is that of training or validation data."""
    words = _words(name)
    return _any(_VALIDATION, words) or _any(_TRAINING, words)


def is_run_label(name: str) -> bool:
    """Whether a column may tell several runs of one file apart."""
    return _RUN.fullmatch(name.strip().lower()) is not None


def is_training(name: str) -> bool:
    """Whether a loss column is of the batches trained on."""
    words = [word for word in _words(name.rsplit(" - ", 1)[-1]) if word]
    if _any(_VALIDATION, words):
        return False
    bare = "loss" in words and all(map(_BARE_LOSS.fullmatch, words))
    return bare or _any(_TRAINING, words)


def quoted(names: Iterable[str]) -> str:
    """Names for a sentence: 'a', 'b', 'c'; a long list is cut short."""
    each = [f"'{name}'" if len(name) <= 200 else f"'{name[:190]}...'" for name in names]
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
    return re.split(r"[^a-z0-9]+", _HUMP.sub(" ", name.strip()).lower())


def _is_lr(name: str) -> bool:
    words = _words(name)
    return "loss" not in words and _speaks_of_lr(words) and not _any(_LR_SETTINGS, words)


def _speaks_of_lr(words: list[str]) -> bool:
    return _any(_LR, words) or ("learning", "rate") in pairwise(words)


def _any(pattern: re.Pattern[str], words: Iterable[str]) -> bool:
    return any(pattern.fullmatch(word) for word in words)


def _is_entropy(words: list[str]) -> bool:
    return any(word in ("entropy", "entropies") for word in words) and not _crosses(words)


def _crosses(words: list[str]) -> bool:
    return ("cross", "entropy") in pairwise(words)
