"""Tokens per second of a run against a bare PyTorch loop over the same model and batches."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from cptlaw.lab import experiment as experiments
from cptlaw.lab import mixing, training
from cptlaw.lab import model as models
from cptlaw.lab.tables import Model
from cptlaw.lab.tokens import Corpus, Tokens
from cptlaw.page import table
from cptlaw.schedules.schedule import Schedule

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Node

# The preset's model, and one with four times its non-embedding parameters.
SIZES = {"tiny": 64, "four times": 128}
_LAYERS, _HEADS = 2, 2
_VOCABULARY = 1024
_TOKENS = 200_000
_LOG_EVERY = 10
_Clock = tuple[float, float]


@dataclass(frozen=True)
class Timed:
    """One training of a few steps.

    Args:
        seconds: from the end of the first step to the end of the last.
        cpu_seconds: that this process computed meanwhile, all its threads together.
        train: mean training losses, by the step they were logged at.
        validation: losses after the last step, by text.
    """

    seconds: float
    cpu_seconds: float
    train: Mapping[int, float]
    validation: Mapping[str, float]


@dataclass(frozen=True)
class Trial:
    """What both loops train.

    Args:
        experiment: with the run's settings; it evaluates and saves at the end alone.
        node: the run.
        corpus: its tokens.
    """

    experiment: Experiment
    node: Node
    corpus: Corpus


def lab_speed(
    rounds: int = 5, steps: int = 30, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Train the same model as the lab does and in a bare loop, by turns; compare speed and losses.

    The clock runs from the end of the first step to the end of the last: evaluations and
    checkpoints stand outside. The bare loop has its batches in memory beforehand, the lab fetches
    and logs.

    Args:
        rounds: how often each is timed; medians are taken.
        steps: of each training, at least 2.
        progress: is told what is running.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="cptlaw-bench-") as folder:
        for name, width in SIZES.items():
            trial = make_trial(Path(folder), width, steps)
            rows.append({"model": name} | _compared(trial, Path(folder), rounds, progress, name))
    return {"threads": torch.get_num_threads(), "rounds": rounds, "steps": steps, "models": rows}


def make_trial(folder: Path, width: int, steps: int) -> Trial:
    """A short run of the preset `tiny`, of another width, on made-up tokens.

    Args:
        folder: gets the tokens.
        width: of the model.
        steps: of the run.
    """
    preset = experiments.load("tiny")
    model = Model.model_validate({"width": width, "layers": _LAYERS, "heads": _HEADS})
    node = replace(
        preset.node("base"),
        schedule=Schedule.constant(2e-3, steps, warmup=min(10, steps - 1)),
        model=model,
        keep=(),
    )
    apart = preset.training.model_copy(
        update={"evaluate_every": steps, "log_every": _LOG_EVERY, "checkpoint_every": None}
    )
    corpus = _corpus(folder, preset.texts)
    return Trial(replace(preset, training=apart, nodes=(node,)), node, corpus)


def _corpus(folder: Path, names: Iterable[str]) -> Corpus:
    """Tokens of uneven frequency, so that there is something to learn."""
    found: dict[str, Tokens] = {}
    for number, name in enumerate(names):
        made = np.random.default_rng(number).beta(0.5, 3.0, _TOKENS) * _VOCABULARY
        paths = {kind: folder / f"{name}-{kind}.npy" for kind in ("train", "validation")}
        np.save(paths["train"], made.astype(np.uint16))
        np.save(paths["validation"], made[:2048].astype(np.uint16))
        sizes = {paths["train"].name: _TOKENS, paths["validation"].name: 2048}
        found[name] = Tokens(
            name,
            (paths["train"],),
            paths["validation"],
            sizes,
            checksums={},
            near_duplicates=(),
            dropped=False,
            notes=(),
        )
    return Corpus(folder, _VOCABULARY, found)


def by_lab(trial: Trial, folder: Path) -> Timed:
    """Train the run as `cptlaw lab sweep` does.

    Args:
        trial: what to train.
        folder: gets the log and the checkpoint.
    """
    ends: list[_Clock] = []
    logged: list[dict[str, Any]] = []

    def after_a_step() -> bool:
        ends.append(_now())
        return False

    def watch(state: Any, _: Mapping[str, float]) -> None:
        logged[:] = state.log_history

    training.train(
        trial.experiment,
        trial.node,
        trial.corpus,
        folder,
        None,
        mixing.read(trial.corpus.tokens, trial.node.stretch),
        asked_to_stop=after_a_step,
        watch=watch,
    )
    last = {key: value for row in logged for key, value in row.items()}
    return Timed(
        *_between(ends[0], ends[-1]),
        {row["step"]: row["loss"] for row in logged if "loss" in row},
        {name: last[f"eval_{name}_loss"] for name in trial.corpus.tokens},
    )


def by_hand(trial: Trial) -> Timed:
    """Train the run in a bare PyTorch loop.

    Args:
        trial: what to train.
    """
    node = trial.node
    network = models.build(node.model, trial.corpus.vocabulary, node.sequence_length, node.seed)
    network.to(_device()).train()
    optimizer = _optimizer(network, trial)
    batches, rates = _batches(trial), node.schedule.lr()
    losses: list[torch.Tensor] = []
    train: dict[int, float] = {}
    began = _now()
    for step, ids in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = float(rates[step - 1])
        loss = network(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), trial.experiment.training.clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
        if step == 1:
            began = _now()
        if step % _LOG_EVERY == 0 or step == node.steps:
            train[step] = float(torch.stack(losses).mean())
            losses.clear()
    taken = _between(began, _now())
    return Timed(*taken, train, _validation(network, trial))


def _now() -> _Clock:
    return time.perf_counter(), time.process_time()


def _between(began: _Clock, ended: _Clock) -> _Clock:
    return ended[0] - began[0], ended[1] - began[1]


def _device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _optimizer(network: Any, trial: Trial) -> torch.optim.Optimizer:
    """AdamW; vectors (the gains of the norms) do not decay."""
    settings = trial.experiment.training
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim == 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=settings.betas, eps=1e-8, fused=True)


def _batches(trial: Trial) -> list[torch.Tensor]:
    node, size = trial.node, trial.node.batch_sequences
    chosen = mixing.read(trial.corpus.tokens, node.stretch)
    data = mixing.sequences(trial.corpus.tokens, chosen, node.sequence_length)
    ids = torch.stack(list(data[:]["input_ids"]))
    return list(ids.to(_device()).split(size))


@torch.no_grad()
def _validation(network: Any, trial: Trial) -> dict[str, float]:
    network.eval()
    found: dict[str, float] = {}
    for name, tokens in trial.corpus.tokens.items():
        data = mixing.validation(tokens, trial.node.sequence_length)
        ids = torch.stack(list(data[:]["input_ids"])).to(_device())
        found[name] = float(network(input_ids=ids, labels=ids).loss)
    return found


def _compared(
    trial: Trial, folder: Path, rounds: int, progress: Callable[[str], None], name: str
) -> dict[str, Any]:
    """Both loops by turns, the first changing, once unmeasured beforehand."""
    tokens = (trial.node.steps - 1) * trial.node.batch_tokens
    lab: list[Timed] = []
    bare: list[Timed] = []
    for number in range(rounds + 1):
        progress(f"{name}: " + (f"round {number} of {rounds} ..." if number else "warming up ..."))
        if number % 2:
            bare.append(by_hand(trial))
        with tempfile.TemporaryDirectory(dir=folder) as run:
            lab.append(by_lab(trial, Path(run)))
        if not number % 2:
            bare.append(by_hand(trial))
    ratios = [b.seconds / a.seconds for a, b in zip(lab, bare, strict=True)][1:]
    of_cpu = [b.cpu_seconds / a.cpu_seconds for a, b in zip(lab, bare, strict=True)][1:]
    network = models.build(trial.node.model, trial.corpus.vocabulary, trial.node.sequence_length, 0)
    return {
        "parameters": models.non_embedding(network),
        "batch_tokens": trial.node.batch_tokens,
        "lab_tokens_per_second": tokens / float(np.median([t.seconds for t in lab[1:]])),
        "bare_tokens_per_second": tokens / float(np.median([t.seconds for t in bare[1:]])),
        "ratio": float(np.median(ratios)),
        "ratios": ratios,
        "cpu_ratio": float(np.median(of_cpu)),
        "largest_difference": largest_difference(lab[-1], bare[-1]),
    }


def largest_difference(one: Timed, other: Timed) -> float:
    """The largest difference of any logged training or final validation loss.

    Args:
        one: a training.
        other: the same run, trained otherwise; logged at the same steps.
    """
    pairs = [(one.train[step], other.train[step]) for step in one.train]
    pairs += [(one.validation[name], other.validation[name]) for name in one.validation]
    return max(abs(a - b) for a, b in pairs)


def lab_speed_text(result: Mapping[str, Any]) -> str:
    """The measurement as a table.

    Args:
        result: of `lab_speed`.
    """
    rows = [
        (
            row["model"],
            f"{row['parameters']:,}",
            f"{row['lab_tokens_per_second']:,.0f}",
            f"{row['bare_tokens_per_second']:,.0f}",
            f"{row['ratio']:.2f}",
            f"{min(row['ratios']):.2f} to {max(row['ratios']):.2f}",
            f"{row['cpu_ratio']:.2f}",
            f"{row['largest_difference']:.1e}",
        )
        for row in result["models"]
    ]
    headers = ("model", "parameters", "lab", "bare loop", "ratio", "of rounds", "CPU", "losses")
    threads = result["threads"]
    title = (
        f"The lab: tokens per second, medians of {result['rounds']} rounds of "
        f"{result['steps']} steps, {threads} thread{'s' if threads != 1 else ''}"
    )
    return "\n".join(
        [
            table(headers, rows, title),
            "  ratio: lab over a bare PyTorch loop with the same weights, batches and schedule;",
            "  the median of the rounds. CPU: the same of CPU time, disturbed less by other work.",
            "  losses: the largest difference of any logged or final validation loss.",
        ]
    )
