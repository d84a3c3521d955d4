"""Models: a Llama of a given shape, or a checkpoint; sizes and work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw.errors import DataError, at, first_line
from cptlaw.lab.tables import located

if TYPE_CHECKING:
    from cptlaw.lab.tables import Model

INIT_STD = 0.02  # of the random weights of a new model


def build(
    model: Model,
    vocabulary: int,
    length: int,
    seed: int,
    *,
    rope_theta: float | None = None,
    folder: Path = Path(),
) -> Any:
    """A causal language model: new with random weights, or the one that `from` names.

    Args:
        model: the experiment's table.
        vocabulary: tokens of the tokenizer.
        length: tokens a sequence.
        seed: of the random weights.
        rope_theta: the RoPE base; None keeps the model's.
        folder: of the experiment file, where relative paths start.

    Raises:
        DataError: the checkpoint cannot be loaded, or has another vocabulary.
    """
    from transformers import LlamaForCausalLM, set_seed

    if model.from_ is not None:
        return _pretrained(model.from_, vocabulary, length, rope_theta, folder)
    set_seed(seed)
    shape = config(model, vocabulary, length)
    return LlamaForCausalLM(_adapted(shape, length, rope_theta))


def config(model: Model, vocabulary: int, length: int) -> Any:
    """The Llama configuration of a model table without `from`."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=model.width,
        intermediate_size=model.feed_forward,
        num_hidden_layers=model.layers,
        num_attention_heads=model.heads,
        num_key_value_heads=model.kv_heads,
        max_position_embeddings=length,
        rope_parameters={"rope_type": "default", "rope_theta": model.rope_theta},
        tie_word_embeddings=model.tied,
        initializer_range=INIT_STD,
        bos_token_id=None,
        eos_token_id=0,
        use_cache=False,
    )


# A model's folder may hold code of its own; it is never run, nor is the user asked.
OWN_CODE: dict[str, Any] = {"trust_remote_code": False}
# Other kinds of attention are code that is fetched from the hub, by a name in the configuration.
_ATTENTION = ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")


def _pretrained(
    name: str, vocabulary: int, length: int, rope_theta: float | None, folder: Path
) -> Any:
    with at(f"[model]: from = '{name}'"):
        loaded = continued(located(name, folder), length, rope_theta)
    if loaded.config.vocab_size < vocabulary:
        raise DataError(
            f"[model]: from = '{name}' has {loaded.config.vocab_size} tokens, the tokenizer "
            f"{vocabulary}. Give [tokenizer] name = '{name}'."
        )
    return loaded


def continued(checkpoint: str | Path, length: int, rope_theta: float | None) -> Any:
    """The model of a checkpoint, for sequences of another length or RoPE base where asked for.

    Args:
        checkpoint: folder with config.json and model.safetensors, or a name on the hub.
        length: tokens a sequence.
        rope_theta: the RoPE base; None keeps the checkpoint's.

    Raises:
        DataError: it cannot be loaded; weights are read from safetensors alone, never unpickled.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        shape = _adapted(AutoConfig.from_pretrained(checkpoint, **OWN_CODE), length, rope_theta)
        return AutoModelForCausalLM.from_pretrained(
            checkpoint, config=shape, dtype="float32", use_safetensors=True, **OWN_CODE
        )
    except Exception as error:  # of many types, from several packages
        raise DataError(
            f"{checkpoint} cannot be loaded: {first_line(error).rstrip('.')}. Name a folder that "
            "holds a causal language model in safetensors, or one of the hub that this machine can "
            "reach."
        ) from None


def _adapted(shape: Any, length: int, rope_theta: float | None) -> Any:
    """A configuration for sequences of this length, with this RoPE base if one is given."""
    if shape._attn_implementation not in (None, *_ATTENTION):
        raise ValueError(f"its attention, '{shape._attn_implementation}', is code of its own")
    shape.max_position_embeddings = max(shape.max_position_embeddings, length)
    if rope_theta is not None:
        shape.rope_parameters = {**shape.rope_parameters, "rope_theta": rope_theta}
    return shape


def non_embedding(model: Any) -> int:
    """Parameters of a model without its input embedding and output layer."""
    tables = {id(model.get_input_embeddings().weight), id(model.get_output_embeddings().weight)}
    return sum(p.numel() for p in model.parameters() if id(p) not in tables)


def work(model: Any, length: int) -> float:
    """Floating-point operations to train on one token, forward and backward.

    Six for each parameter that is multiplied (the input embedding is looked up), and the
    attention's two products over the sequence, causal half not counted off (2203.15556, app. F).

    Args:
        model: with `config` and parameters, on any device.
        length: tokens a sequence.
    """
    head = model.get_output_embeddings().weight.numel()
    shape = model.config
    attention = 12 * shape.num_hidden_layers * shape.hidden_size * length
    return 6.0 * (non_embedding(model) + head) + attention
