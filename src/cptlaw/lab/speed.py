"""Sizes of models that are not built in memory, and how fast this machine trains such models."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw.lab import model as models
from cptlaw.lab.tables import located

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Model, Training

# A model is probed as it is up to this many parameters; a larger one is cut.
_WHOLE = 20_000_000
_TOKENS = 1024
_VOCABULARY = 8192
_EMBEDDING = 1 << 23
_LAYER = 20_000_000
# Probes grow until one micro-batch takes this long; an update is timed on so many parameters.
_LONG_ENOUGH = 0.7
_REPEATS = 10
_UPDATED = 8_000_000


@dataclass(frozen=True)
class Architecture:
    """The sizes of a causal language model that decide its work.

    Args:
        width: of the hidden states.
        layers: number.
        heads: of attention.
        kv_heads: of keys and values.
        feed_forward: width of the MLP.
        vocabulary: tokens.
        parameters: all of them.
        non_embedding: without input embedding and output layer.
        per_token: FLOPs to train on a token beside those of the attention's products.
        tied: whether the output layer is the input embedding.
    """

    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int
    parameters: int
    non_embedding: int
    per_token: float
    tied: bool

    def work(self, length: int) -> float:
        """FLOPs to train on one token of a sequence of so many."""
        return self.per_token + 12 * self.layers * self.width * length


@dataclass(frozen=True)
class Speed:
    """How fast a machine trains a model.

    Args:
        flops: floating-point operations a second, forward and backward.
        update: seconds that clipping and the optimiser take for a parameter and step.
    """

    flops: float
    update: float


def vocabulary(experiment: Experiment, notes: list[str]) -> int | None:
    """Tokens of the tokenizer; None where it is not on this machine.

    Args:
        experiment: names the tokenizer.
        notes: get a sentence where it is None.
    """
    table = experiment.tokenizer
    if table.name is None:
        return table.vocabulary
    from transformers import AutoTokenizer

    try:
        with _quiet():
            name = located(table.name, experiment.folder)
            return len(AutoTokenizer.from_pretrained(name, **_OFFLINE))
    except (OSError, ValueError, ImportError) as error:
        notes.append(
            f"[tokenizer]: '{table.name}' cannot be had without a download "
            f"({_why(table.name, error)}), so the sizes of new models are not known."
        )
        return None


def architecture(
    name: str, table: Model, tokens: int | None, notes: list[str], folder: Path = Path()
) -> Architecture | None:
    """The sizes of a model, counted without its weights; None where they cannot be had here.

    Args:
        name: of the model's table.
        table: the model.
        tokens: of the tokenizer, None if not known.
        notes: get a sentence where it is None.
        folder: of the experiment file, where relative paths start.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, LlamaForCausalLM

    if table.from_ is None:
        if tokens is None:
            return None
        with torch.device("meta"):
            return _counted(LlamaForCausalLM(models.config(table, tokens, 2)))
    try:
        with _quiet(), torch.device("meta"):
            config = AutoConfig.from_pretrained(located(table.from_, folder), **_OFFLINE)
            return _counted(AutoModelForCausalLM.from_config(config))
    except (OSError, ValueError, ImportError, AttributeError, KeyError, RuntimeError) as error:
        notes.append(
            f"[model.{name}]: the sizes of '{table.from_}' cannot be had without a download "
            f"({_why(table.from_, error)}), so its FLOPs and times are not known."
        )
        return None


_OFFLINE: Any = {"local_files_only": True, "trust_remote_code": False}


def _why(name: str, error: Exception) -> str:
    if isinstance(error, OSError) and not Path(name).is_dir():
        return "it is neither a folder here nor among what was downloaded before"
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".:") if lines else type(error).__name__


@contextmanager
def _quiet() -> Any:
    """Without transformers' warnings about what we tell ourselves."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _counted(network: Any) -> Architecture:
    own = network.config
    heads = own.num_attention_heads
    return Architecture(
        width=own.hidden_size,
        layers=own.num_hidden_layers,
        heads=heads,
        kv_heads=getattr(own, "num_key_value_heads", None) or heads,
        feed_forward=getattr(own, "intermediate_size", None) or 4 * own.hidden_size,
        vocabulary=own.vocab_size,
        parameters=sum(p.numel() for p in network.parameters()),
        non_embedding=models.non_embedding(network),
        per_token=models.work(network, 0),
        tied=bool(getattr(own, "tie_word_embeddings", False)),
    )


# --- the probe --------------------------------------------------------------------------------


def where() -> str:
    """The device that `measure` uses, in words."""
    import torch

    device = _device()
    if device == "cuda":
        return torch.cuda.get_device_name()
    if device == "mps":
        return "this machine's GPU"
    threads = torch.get_num_threads()
    return f"this machine's CPU ({threads} thread{'s' if threads != 1 else ''})"


def thread_counts(given: int | None) -> tuple[int | None, ...]:
    """How many threads are tried: those given, or else one and what PyTorch takes; None on a GPU.

    Args:
        given: by the user; None if not.
    """
    import torch

    if _device() != "cpu":
        return (None,)
    if given is not None:
        return (given,)
    return tuple(sorted({1, torch.get_num_threads()}))


@contextmanager
def with_threads(count: int | None) -> Generator[None]:
    """Within it, PyTorch computes with so many threads; None leaves them."""
    import torch

    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def measure(architecture: Architecture, length: int, sequences: int, training: Training) -> Speed:
    """Train a Llama of a model's width for some micro-batches on this machine's device.

    A large model is cut to two layers or one, 8,192 tokens of vocabulary and 1,024 tokens a
    micro-batch, and the micro-batch grows from 64 tokens only while it stays quick.

    Args:
        architecture: of the model.
        length: tokens a sequence.
        sequences: that are computed at once.
        training: precision and settings of the optimiser.
    """
    import torch
    from transformers import LlamaForCausalLM

    cut = architecture.parameters > _WHOLE
    device = _device()
    with torch.device(device), torch.random.fork_rng():
        network = LlamaForCausalLM(_config(architecture, length, cut)).train()
    work = _counted(network)
    dtype, enabled = torch.bfloat16, training.precision == "bf16"
    sizes = _growing(length, sequences, _TOKENS if cut else length * sequences)

    def micro_batch(rows: int, columns: int) -> None:
        ids = torch.randint(work.vocabulary, (rows, columns), device=device)
        with torch.autocast(device, dtype, enabled=enabled):
            loss = network(input_ids=ids, labels=ids).loss
        loss.backward()
        loss.item()

    micro_batch(1, 2)
    rate = 0.0
    for rows, columns in sizes:
        seconds = _seconds(lambda rows=rows, columns=columns: micro_batch(rows, columns))
        rate = work.work(columns) * rows * columns / seconds
        if 2 * seconds > _LONG_ENOUGH:
            break
    return Speed(rate, _update(network, training))


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _config(architecture: Architecture, length: int, cut: bool) -> Any:
    from transformers import LlamaConfig

    layers, tokens = architecture.layers, architecture.vocabulary
    if cut:
        layer = (architecture.non_embedding - architecture.width) // architecture.layers
        layers = min(layers, 1 if layer > _LAYER else 2)
        tokens = min(tokens, _VOCABULARY, max(_EMBEDDING // architecture.width, 256))
    return LlamaConfig(
        vocab_size=tokens,
        hidden_size=architecture.width,
        intermediate_size=architecture.feed_forward,
        num_hidden_layers=layers,
        num_attention_heads=architecture.heads,
        num_key_value_heads=architecture.kv_heads,
        max_position_embeddings=length,
        tie_word_embeddings=architecture.tied,
        bos_token_id=None,
        eos_token_id=0,
        use_cache=False,
    )


def _growing(length: int, sequences: int, most: int) -> list[tuple[int, int]]:
    """Sequences and their length: 64 tokens, then four times as many, up to the most."""
    found: list[tuple[int, int]] = []
    tokens = 64
    while True:
        columns = min(length, tokens, most)
        rows = min(sequences, max(1, min(tokens, most) // columns))
        if (rows, columns) not in found:
            found.append((rows, columns))
        if tokens >= min(most, length * sequences):
            return found
        tokens *= 4


def _seconds(work: Callable[[], None]) -> float:
    """The mean time of a few goes, the first left out: what else runs here slows training too."""
    times: list[float] = []
    while len(times) < _REPEATS and sum(times) < _LONG_ENOUGH:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    counted = times[1:] or times
    return sum(counted) / len(counted)


def _update(network: Any, training: Training) -> float:
    """Seconds of clipping and AdamW for each parameter, on some of them."""
    import torch

    some: list[Any] = []
    for parameter in network.parameters():
        if not some or sum(p.numel() for p in (*some, parameter)) <= _UPDATED:
            some.append(parameter)
    optimizer = torch.optim.AdamW(some, lr=0.0, betas=training.betas, fused=True)

    def step() -> None:
        torch.nn.utils.clip_grad_norm_(some, training.clip).item()
        optimizer.step()

    step()
    return _seconds(step) / sum(p.numel() for p in some)
