"""Pilots as files: a study that waits for their logs, and an experiment of the lab."""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cptlaw.decisions.pilot.choosing import Pilots
from cptlaw.errors import DataError, at
from cptlaw.files import write_atomic
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

LOG = "trainer_state.json"
STUDY, EXPERIMENT = "study.toml", "experiment.toml"
_PATHS = re.compile(r'^(\s*(?:log|lrs)\s*=\s*)("(?:[^"\\]|\\.)*"|\'[^\']*\')', re.MULTILINE)


def check(folder: str | Path) -> None:
    """Whether the files can be written there, before the work begins.

    Raises:
        DataError: the folder is a file, or holds one of them already.
    """
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise DataError(f"{target}: is a file; name a folder.")
    for name in (STUDY, EXPERIMENT):
        if (target / name).exists():
            raise DataError(f"{target / name}: is there already. Name another folder.")


def write(pilots: Pilots, folder: str | Path, experiment: str | Path | None = None) -> list[Path]:
    """Write study.toml and experiment.toml into a folder, which is made if it is missing.

    Args:
        pilots: runs to do.
        folder: where to.
        experiment: an experiment file of the lab that the runs are added to; left out, the
            experiment has stand-ins for texts and model.

    Raises:
        DataError: a file is there already, the folder cannot be made, or a run that the new ones
            go on from has learning rates without a text.
    """
    check(folder)
    target = Path(folder)
    study, lab = target / STUDY, target / EXPERIMENT
    texts = {study: study_text(pilots, target), lab: experiment_text(pilots, experiment)}
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be made: {error.strerror}.") from None
    return [write_atomic(path, text) for path, text in texts.items()]


# --- the study ------------------------------------------------------------------------------------


def study_text(pilots: Pilots, folder: Path) -> str:
    """The study that there is, with a [[run]] for every pilot, its log named as to come.

    Args:
        pilots: runs to do.
        folder: where the study will lie; the logs that there are stay where they are.

    Raises:
        DataError: the study file that the fit was made of cannot be read.
    """
    lines = [_known_text(pilots.study, folder).rstrip("\n")]
    for pilot in pilots.pilots:
        run = pilot.run
        table = _table(run, {"log": f"{run.name}/{LOG}"})
        lines += ["", f"# {pilot.reason}", "# Its log is to come.", *table]
    return "\n".join(lines) + "\n"


def _known_text(study: Study | None, folder: Path) -> str:
    if study is None:
        return '# First runs\n\n[domains]\npt = "eval_pt_loss"\ncpt = "eval_cpt_loss"'
    origin = Path(study.origin)
    if not study.origin or not origin.is_file():
        return (
            "# The study that the fit was made of is not at hand: put its tables here."
            f"{_domains(study)}"
        )
    with at(str(origin)):
        try:
            text = origin.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot be read: {error}.") from None
    here = folder.resolve()

    def moved(match: re.Match[str]) -> str:
        path = tomllib.loads(f"path = {match[2]}")["path"]
        if not Path(path).is_absolute():
            path = Path(os.path.relpath(origin.resolve().parent / path, here)).as_posix()
        return match[1] + _quoted(path)

    return _PATHS.sub(moved, text)


def _domains(study: Study) -> str:
    plain = [(role, column) for role, column in study.domains.items()]
    lines = [
        f"{role if '.' not in role else 'ood.' + _key(role[4:])} = {_quoted(column)}"
        for role, column in plain
    ]
    return "\n\n[domains]\n" + "\n".join(lines)


def _table(run: Run, more: dict[str, Any]) -> list[str]:
    """The lines of a study's [[run]]."""
    assert run.schedule is not None
    values: dict[str, Any] = {
        "name": run.name,
        **more,
        "schedule": _text_of(run),
        "after": run.after,
        "after_step": run.after_step,
        "data": run.data,
        "replay": run.replay or None,
        "model_size": run.model_size,
        "batch_tokens": run.batch_tokens,
        "sequence_length": run.sequence_length,
        "domain_tokens": run.domain_tokens,
    }
    return ["[[run]]", *_lines(values)]


# --- the experiment -------------------------------------------------------------------------------

_STAND_IN = """\
# Texts, tokenizer and model are stand-ins: put yours, or add the [[run]] tables to your experiment.
name = "pilots"
seed = 0

[tokenizer]
vocabulary = 2048

[text.docs]
builtin = "python-docs"
[text.code]
builtin = "python-code"

[data]
pt = { docs = 0.85, code = 0.15 }
cpt = "code"

[validation]
tokens = 32768
"""


def experiment_text(pilots: Pilots, experiment: str | Path | None = None) -> str:
    """An experiment of the lab that trains the pilots, with all that they go on from.

    Args:
        pilots: runs to do.
        experiment: a file that they are added to; runs that it has already are left as they are.

    Raises:
        DataError: the file cannot be read, or a run has learning rates without a text.
    """
    runs = _with_bases(pilots)
    reasons = {pilot.run.name: pilot.reason for pilot in pilots.pilots}
    if experiment is not None:
        text, known = _existing(Path(experiment))
        head = [text.rstrip("\n")]
        runs = [run for run in runs if run.name in reasons or run.name not in known]
    else:
        head = [_STAND_IN, *_models(runs), *_training(runs)]
    for run in runs:
        head += ["", *([f"# {reasons[run.name]}"] if run.name in reasons else [])]
        head += ["[[run]]", *_lines(_node(run, runs, experiment is None))]
    return "\n".join(head) + "\n"


def _with_bases(pilots: Pilots) -> list[Run]:
    """The pilots, and before them all runs that they go on from."""
    found: dict[str, Run] = {}
    for run in pilots.runs:
        chain = [run]
        while chain[-1].after is not None and chain[-1].unknown_base is None:
            known = {r.name: r for r in pilots.runs}
            name = chain[-1].after
            chain.append(known[name] if pilots.study is None else pilots.study.run(name))
        found.update({r.name: r for r in reversed(chain) if r.name not in found})
    return list(found.values())


def _existing(file: Path) -> tuple[str, set[str]]:
    with at(str(file)):
        try:
            text = file.read_text(encoding="utf-8-sig")
            document = tomllib.loads(text)
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot be read: {error}. Give an experiment file.") from None
        except ValueError as error:
            raise DataError(f"is not valid TOML: {error}.") from None
    tables = document.get("run", [])
    return text, {str(t.get("name")) for t in tables if isinstance(t, dict)}


def _sizes(runs: Sequence[Run]) -> list[float]:
    """Sizes of the bases, each once; 150,000 where none is known."""
    found = [run.model_size for run in runs if run.after is None and run.model_size]
    return list(dict.fromkeys(found)) or [150_000.0]


def _models(runs: Sequence[Run]) -> Iterable[str]:
    for number, size in enumerate(_sizes(runs)):
        width, layers, heads = shape_of(size)
        yield f"[model.m{number}]  # about {size:.3g} parameters"
        yield from (f"width = {width}", f"layers = {layers}", f"heads = {heads}", "")


def shape_of(size: float) -> tuple[int, int, int]:
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


def _training(runs: Sequence[Run]) -> Iterable[str]:
    known = [run for run in runs if run.batch_tokens and run.sequence_length]
    yield "[training]"
    if known:
        batch, length = known[0].batch_tokens or 0.0, known[0].sequence_length or 1
        yield f"batch_sequences = {max(round(batch / length), 1)}"
        yield f"sequence_length = {length}"
    shortest = min(run.steps for run in runs)
    yield f"evaluate_every = {max(shortest // 40, 1)}"


def _node(run: Run, runs: Sequence[Run], has_models: bool) -> dict[str, Any]:
    """What an experiment's [[run]] holds."""
    sizes = _sizes(runs)
    model = None
    if has_models and run.after is None and run.model_size in sizes and len(sizes) > 1:
        model = f"m{sizes.index(run.model_size)}"
    plain = run.after is None if run.data == "pt" else run.after is not None
    return {
        "name": run.name,
        "schedule": _text_of(run),
        "data": None if plain else run.data,
        "after": run.after,
        "after_step": run.after_step,
        "replay": run.replay or None,
        "model": model,
        **_own_batch(run, runs),
    }


def _own_batch(run: Run, runs: Sequence[Run]) -> dict[str, int]:
    """The batch of a run where it is not that of the run it goes on from."""
    base = {r.name: r for r in runs}.get(run.after or "")
    mine, other = (run.batch_tokens, run.sequence_length), (None, None)
    if base is not None:
        other = base.batch_tokens, base.sequence_length
    if None in (*mine, *other) or mine == other:
        return {}
    tokens, length = mine
    assert tokens is not None and length is not None
    return {"batch_sequences": max(round(tokens / length), 1), "sequence_length": length}


# --- both -----------------------------------------------------------------------------------------


def _text_of(run: Run) -> str:
    assert run.schedule is not None
    with at(f"run '{run.name}'"):
        return run.schedule.text


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in values.items() if value is not None]


def _value(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else f"{value:.15g}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)
