"""What following a run costs: a real run of transformers' Trainer, and the callback's part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers

from cptlaw import temporary
from cptlaw.fitting.fit import fit
from cptlaw.fitting.uncertainty import with_refits
from cptlaw.live.planned import Planned
from cptlaw.live.transformers import ForecastCallback
from cptlaw.studies import datasets

RUN = "cpt-cosine"
_VOCABULARY, _LENGTH, _BATCH = 4096, 128, 8
_WIDTH, _LAYERS, _HEADS = 256, 6, 4


def measure(
    steps: int, every: int, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Train a small Llama on random tokens, followed with a fit of the bundled runs as known.

    Args:
        steps: of the run.
        every: steps between evaluations, of two sets.
        progress: is told of what is done.
    """
    study = datasets.load("tiny-cpt")
    study = replace(study, domains={role: study.domains[role] for role in ("pt", "cpt")})
    progress("fitting the bundled runs ...")
    known = with_refits(fit(study.without([RUN])))
    with temporary.folder("cptlaw-live-cost-") as folder:
        trainer = _trainer(steps, every, folder)
        callback = _Timed(known, Planned(after="base"), _METRICS, log=trainer.log)
        trainer.add_callback(callback)
        progress(f"training {steps} steps ...")
        began = time.process_time()
        trainer.train()
        whole = time.process_time() - began
    evaluations = steps // every
    return {
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "steps": steps,
        "evaluations": evaluations,
        "seconds": whole,
        "step_seconds": (whole - callback.start - callback.later) / steps,
        "start_seconds": callback.start,
        "evaluation_seconds": callback.later / evaluations,
        "share": (callback.start + callback.later) / whole,
    }


_METRICS = {"pt": "eval_pt_loss", "cpt": "eval_cpt_loss"}


class _Timed(ForecastCallback):
    """The callback, with the processor time that it takes."""

    start = later = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        began = time.process_time()
        super().on_train_begin(args, state, control, **given)
        self.start = time.process_time() - began

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **given: Any
    ) -> None:
        began = time.process_time()
        super().on_evaluate(args, state, control, metrics, **given)
        self.later += time.process_time() - began


def _trainer(steps: int, every: int, folder: Path) -> Any:
    transformers.utils.logging.disable_progress_bar()
    config = transformers.LlamaConfig(
        vocab_size=_VOCABULARY,
        hidden_size=_WIDTH,
        intermediate_size=4 * _WIDTH,
        num_hidden_layers=_LAYERS,
        num_attention_heads=_HEADS,
        max_position_embeddings=_LENGTH,
    )
    random = torch.Generator().manual_seed(0)

    def rows(count: int) -> list[dict[str, torch.Tensor]]:
        ids = torch.randint(_VOCABULARY, (count, _LENGTH), generator=random)
        return [{"input_ids": row, "labels": row} for row in ids]

    arguments = transformers.TrainingArguments(
        str(folder),
        max_steps=steps,
        per_device_train_batch_size=_BATCH,
        learning_rate=1e-3,
        lr_scheduler_type="cosine",
        eval_strategy="steps",
        eval_steps=every,
        logging_steps=every,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
    )
    rows_of_each: Any = {"pt": rows(_BATCH), "cpt": rows(_BATCH)}
    training: Any = rows(_BATCH * steps)
    trainer = transformers.Trainer(
        model=transformers.LlamaForCausalLM(config),
        args=arguments,
        train_dataset=training,
        eval_dataset=rows_of_each,
    )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def to_text(result: dict[str, Any]) -> str:
    """What it costs, in words."""
    return "\n".join(
        [
            f"A model of {result['parameters'] / 1e6:.1f}M parameters, {result['steps']} steps of "
            f"{result['step_seconds']:.2f} s, {result['evaluations']} evaluations of two sets.",
            f"The callback took {1000 * result['evaluation_seconds']:.1f} ms an evaluation and "
            f"{result['start_seconds']:.2f} s before the first step: {100 * result['share']:.3f} % "
            "of the training.",
        ]
    )
