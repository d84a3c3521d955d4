"""Runs to do as an experiment file."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cptlaw import toml_text
from cptlaw.errors import DataError, at
from cptlaw.files import read_text
from cptlaw.studies.bases import with_bases
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw.studies.study_file.writing import NO_REMARKS, schedule_text

_UNKNOWN_SIZE = 150_000.0  # parameters of the stand-in where no run tells its size
_STAND_IN = """\
# Texts, tokenizer and model are stand-ins: put yours, or add the [[run]] tables to your experiment.
name = "pilots"
seed = 0

[tokenizer]
{tokenizer}

[text.docs]
builtin = "python-docs"
[text.code]
builtin = "python-code"

[data]
pt = {{ docs = 0.85, code = 0.15 }}
cpt = "code"

[validation]
tokens = 32768
"""


@dataclass(frozen=True)
class _Head:
    """What stands above the new runs.

    Args:
        text: the tables of the file but for the new runs.
        known: names of the runs that it has.
        batch: sequences per step and tokens per sequence of every run that names none.
        sizes: parameters of [model.m0], [model.m1], ...; empty where the file has its own models.
        models: names of the models that the file has, where one has to be named.
    """

    text: str
    known: frozenset[str]
    batch: tuple[int, int] | None
    sizes: tuple[float, ...] = ()
    models: tuple[str, ...] = ()


def experiment_text(
    runs: Sequence[Run],
    study: Study | None = None,
    reasons: Mapping[str, str] = NO_REMARKS,
    experiment: str | Path | None = None,
) -> str:
    """An experiment file that trains runs, with all that they go on from.

    Args:
        runs: what to train, each with a schedule.
        study: holds the runs that they go on from; None where they go on from one another alone.
        reasons: name of a run -> what it is for.
        experiment: a file that they are added to, which may have their bases already; left out,
            texts, tokenizer and models are stand-ins of about the right size.

    Raises:
        DataError: the file cannot be read, has a run of that name, or lacks the open model that
            one goes on from; or a schedule has no text.
    """
    wanted = _with_bases(runs, study)
    head = _stand_ins(wanted) if experiment is None else _existing(Path(experiment))
    for run in runs:
        if run.name in head.known:
            raise DataError(
                f"{experiment}: has a run '{run.name}' already; give the new one another name."
            )
        open_ = None if run.unknown_base is None else _model_of(run.unknown_base)
        if open_ is not None and open_ not in head.models:
            raise DataError(
                f"{experiment}: has no [model.{open_}], the open model that run "
                f"'{run.name}' goes on from. Add it, with from = the model's folder or its name on "
                "the hub."
            )
    lines = [head.text.rstrip("\n")]
    for run in wanted:
        if run.name not in head.known:
            reason = toml_text.comment(reasons[run.name]) if run.name in reasons else []
            table = [toml_text.header("run", many=True), *toml_text.pairs(_values(run, head))]
            lines += ["", *reason, *table]
    return "\n".join(lines) + "\n"


def _with_bases(runs: Sequence[Run], study: Study | None) -> list[Run]:
    """The runs in their order, each after all that it goes on from."""
    names = {run.name for run in runs}
    others = [run for run in (study.runs if study is not None else ()) if run.name not in names]
    known = {run.name: run for run in (*others, *runs)}
    after = {name: run.after if run.unknown_base is None else None for name, run in known.items()}
    return [known[name] for name in with_bases([run.name for run in runs], after)]


def _values(run: Run, head: _Head) -> dict[str, Any]:
    """What the [[run]] of an experiment holds."""
    after = run.after if run.unknown_base is None else None  # the lab's model says it
    usual = "pt" if after is None else "cpt"
    open_ = None if run.unknown_base is None else _model_of(run.unknown_base)
    model = open_ if len(head.models) > 1 else None
    if run.after is None and run.model_size in head.sizes and len(head.sizes) > 1:
        model = f"m{head.sizes.index(run.model_size)}"
    batch = _batch(run)
    sequences, length = (None, None) if batch is None or batch == head.batch else batch
    return {
        "name": run.name,
        "schedule": schedule_text(run),
        "data": None if run.data == usual else run.data,
        "after": after,
        "after_step": run.after_step,
        "replay": run.replay or None,
        "model": model,
        "batch_sequences": sequences,
        "sequence_length": length,
    }


def _model_of(name: str) -> str:
    """What an open model is called in an experiment, where names become parts of paths."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-._+") or "open-model"


def _batch(run: Run) -> tuple[int, int] | None:
    """Sequences per step and tokens per sequence, where both are known."""
    if not run.batch_tokens or not run.sequence_length:
        return None
    return max(round(run.batch_tokens / run.sequence_length), 1), run.sequence_length


# --- above the runs -------------------------------------------------------------------------------


def _existing(file: Path) -> _Head:
    with at(str(file)):
        text = read_text(file, "Give an experiment file.")
        document = toml_text.parse(text)
    tables = document.get("run", [])
    known = frozenset(str(t.get("name")) for t in tables if isinstance(t, dict))
    models = document.get("model")
    return _Head(
        text,
        known,
        _batch_of(document),
        models=tuple(models) if isinstance(models, dict) else (),
    )


def _batch_of(document: Mapping[str, Any]) -> tuple[int, int]:
    """The batch that an experiment gives to all runs."""
    from cptlaw.lab.tables import Training

    table, usual = document.get("training"), Training.model_validate({})
    given = table if isinstance(table, dict) else {}
    return (
        given.get("batch_sequences", usual.batch_sequences),
        given.get("sequence_length", usual.sequence_length),
    )


def _stand_ins(runs: Sequence[Run]) -> _Head:
    open_ = tuple(dict.fromkeys(r.unknown_base for r in runs if r.unknown_base is not None))
    sizes = tuple(dict.fromkeys(r.model_size for r in runs if r.after is None and r.model_size))
    sizes = () if open_ else sizes or (_UNKNOWN_SIZE,)
    batch = next(filter(None, map(_batch, runs)), None)
    tokenizer = toml_text.pairs({"name": open_[0]} if open_ else {"vocabulary": 2048})
    lines = [_STAND_IN.format(tokenizer="\n".join(tokenizer))]
    lines += [*_open_models(open_), *_models(sizes)]
    lines += _training(batch, min(run.steps for run in runs))
    return _Head("\n".join(lines), frozenset(), batch, sizes, tuple(map(_model_of, open_)))


def _open_models(names: Sequence[str]) -> Iterable[str]:
    for name in names:
        yield toml_text.header("model", _model_of(name))
        remark = toml_text.remark("its folder, or its name on the hub")
        (line,) = toml_text.pairs({"from": name})
        yield f"{line}  {remark}"
        yield ""


def _models(sizes: Sequence[float]) -> Iterable[str]:
    for number, size in enumerate(sizes):
        width, layers, heads = llama_shape(size)
        about = toml_text.remark(f"about {size:.3g} parameters")
        yield f"{toml_text.header('model', f'm{number}')}  {about}"
        yield from toml_text.pairs({"width": width, "layers": layers, "heads": heads})
        yield ""


def llama_shape(size: float) -> tuple[int, int, int]:
    """Width, layers and heads of a Llama of about that many non-embedding parameters.

    Larger ones are wider for their depth; a layer has about 12 width^2 parameters.
    """
    wider = min(max(24.0 * (size / 1e5) ** 0.16, 16.0), 128.0)  # width for every layer
    wanted = (size * wider / 12.0) ** (1 / 3)
    head = 16 if wanted < 384 else 64 if wanted < 4096 else 128
    shapes: list[tuple[float, tuple[int, int, int]]] = []
    middle = round(wanted / head)
    for heads in range(max(middle - max(middle // 5, 1), 1), middle + max(middle // 5, 1) + 1):
        layers = max(round(size / (12 * (heads * head) ** 2)), 1)
        off = abs(math.log(12 * layers * (heads * head) ** 2 / size))
        shapes.append((off, (heads * head, layers, heads)))
    return min(shapes)[1]


def _training(batch: tuple[int, int] | None, shortest: int) -> list[str]:
    sequences, length = batch or (None, None)
    values = {
        "batch_sequences": sequences,
        "sequence_length": length,
        "evaluate_every": max(shortest // 40, 1),
    }
    return [toml_text.header("training"), *toml_text.pairs(values)]
