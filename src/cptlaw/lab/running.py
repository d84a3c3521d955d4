"""One run of an experiment, with its record: done already, resumed, or trained."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw.errors import DataError
from cptlaw.files import checksum
from cptlaw.lab import memory, processes, records
from cptlaw.lab.records import LOG
from cptlaw.lab.tables import located
from cptlaw.lab.tokenizer import Say, key_of
from cptlaw.packages import version_of

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Node
    from cptlaw.lab.pace import Pace
    from cptlaw.lab.reading import Reading
    from cptlaw.lab.tokens import Corpus
    from cptlaw.lab.trainer import Watch
    from cptlaw.lab.training import Outcome

_PACKAGES = ("cptlaw", "torch", "transformers", "accelerate", "datasets", "tokenizers", "numpy")


def definition(experiment: Experiment, corpus: Corpus, name: str) -> dict[str, Any]:
    """All that decides a run's losses: settings, tokens by checksum, and its base's own hash."""
    node = experiment.node(name)
    made = experiment.identity(name)
    made["tokens"] = corpus.checksums(corpus.tokens)
    if node.after is None and node.model.from_ is not None:
        made["weights"] = _weights(located(node.model.from_, experiment.folder))
    if node.after is not None:
        made["base"] = key_of(definition(experiment, corpus, node.after))
    return made


def _weights(model: str) -> dict[str, str]:
    """Checksums of an open model's weights in a folder; those of the hub have no files here."""
    files = sorted(Path(model).glob("*.safetensors")) if Path(model).is_dir() else []
    return {path.name: _checksum(path, path.stat().st_mtime_ns) for path in files}


@functools.cache
def _checksum(path: Path, _changed: int) -> str:
    return checksum(path)


def is_done(experiment: Experiment, corpus: Corpus, name: str, out: Path) -> bool:
    """Whether a run is there, done by this very definition, with all checkpoints others need.

    Raises:
        DataError: its folder holds a run of another definition.
    """
    record = records.read(out / name)
    if record is None:
        return False
    wanted = definition(experiment, corpus, name)
    if record["fingerprint"] != key_of(wanted):
        raise DataError(
            f"run '{name}': {out / name} holds a run of another definition "
            f"({records.differences(record['defined_by'], wanted)}). {_as_before(record, wanted)}"
            "Give another folder (-o), another name, or remove that folder."
        )
    return record["status"] == "done" and not missing(experiment.node(name), out)


def _as_before(record: dict[str, Any], wanted: dict[str, Any]) -> str:
    """What to do about a run of a version, or setting, that began texts anew; else nothing."""
    if "read_before" in record["defined_by"] or "read_before" not in wanted:
        return ""
    return (
        "It began with text that its base had read, as versions before 0.2.0 did: to keep it, set "
        'seen_text = "repeat" in [training]. '
    )


def missing(node: Node, out: Path) -> list[int]:
    """Steps whose checkpoints are wanted of a run and not there (yet)."""
    return [
        step
        for step in (*node.keep, node.steps)
        if not records.complete(out / node.name / f"{records.CHECKPOINT}{step}")
    ]


def run(
    experiment: Experiment,
    corpus: Corpus,
    name: str,
    out: Path,
    *,
    threads: int | None,
    asked_to_stop: Callable[[], bool],
    watch: Watch,
    say: Say,
    pace: Pace | None = None,
) -> None:
    """Train one run, unless it is done already.

    Args:
        experiment: that names it.
        corpus: tokens of every text.
        name: of the run.
        out: the folder of all runs.
        threads: of PyTorch on a CPU; None leaves them.
        asked_to_stop: looked at after every step.
        watch: called with the Trainer's state and the newest losses.
        say: told what is worth knowing of the run's data.
        pace: gets how fast the run goes.

    Raises:
        Stopped: as asked.
        DataError: the base is not there, the folder holds another run, or training failed.
    """
    from cptlaw.lab import compiling, training
    from cptlaw.lab.arguments import micro_batches
    from cptlaw.lab.pace import Pace

    _prepare(threads)
    node, folder = experiment.node(name), out / name
    base = _base(experiment, corpus, node, out)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, name):
        if is_done(experiment, corpus, name, out):
            return
        _check_own(folder, name)
        chosen = _chosen(corpus, node, say)
        record = _begun(records.read(folder), definition(experiment, corpus, name), name)
        record["reading"] = chosen.record(node.sequence_length, node.batch_sequences)
        pace = pace or Pace()
        compiling.ready(experiment, node, out / "data")
        with _recorded(folder, record, lambda: _speed(experiment, node, pace)):
            with _status_in(record, name), memory.told(node, micro_batches(node)[0]):
                outcome = training.train(
                    experiment,
                    node,
                    corpus,
                    folder,
                    base,
                    chosen,
                    asked_to_stop=asked_to_stop,
                    watch=watch,
                    pace=pace,
                )
            record |= _end(node, outcome)


def _prepare(threads: int | None) -> None:
    """Threads of PyTorch, and an environment that says how many processes there are."""
    import torch

    processes.prepare()
    if threads is not None:
        torch.set_num_threads(threads)


@contextmanager
def _status_in(record: dict[str, Any], name: str) -> Iterator[None]:
    """Note how a training ended that came to no end of its own."""
    from cptlaw.lab.trainer import Diverged
    from cptlaw.lab.training import Stopped

    try:
        yield
    except (Stopped, KeyboardInterrupt):
        record["status"] = "stopped"
        raise
    except Diverged as error:
        record |= {"status": "diverged", "error": str(error)}
        raise DataError(f"run '{name}': {error}") from None
    except Exception as error:
        record["error"] = records.reason(error)
        raise


def _end(node: Node, outcome: Outcome) -> dict[str, Any]:
    """What the record says of a run that came to its end."""
    return {
        "status": "done",
        "model_size": outcome.parameters,
        "tokens": node.steps * node.batch_tokens,
        "flops": outcome.flops,
    }


def _chosen(corpus: Corpus, node: Node, say: Say) -> Reading:
    """The sequences that a run reads; text that comes once more is told."""
    from cptlaw.lab import mixing

    chosen = mixing.read(corpus.tokens, node.stretch, node.before)
    again = chosen.again_from_step(node.batch_sequences) if processes.leads() else {}
    for text, step in again.items():
        say(f"{node.name}: text '{text}' is read once more from step {step:,} on")
    return chosen


def _check_own(folder: Path, name: str) -> None:
    """Refuse a folder whose checkpoints or log no run of ours has left."""
    if records.read(folder) is None and (records.checkpoints(folder) or (folder / LOG).exists()):
        raise DataError(
            f"run '{name}': {folder} holds checkpoints or a log, and no {records.RECORD} that says "
            "what they are. Give another folder (-o), or move that one away."
        )


def _begun(earlier: dict[str, Any] | None, defined_by: dict[str, Any], name: str) -> dict[str, Any]:
    """The record of a run that begins, or goes on."""
    import torch

    earlier = earlier or {}
    return {
        "name": name,
        "fingerprint": key_of(defined_by),
        "status": "failed",
        "started": earlier.get("started") or _now(),
        "resumed": earlier.get("resumed", 0) + bool(earlier),
        "seconds": earlier.get("seconds", 0.0),
        "threads": torch.get_num_threads(),
        "processes": processes.world(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": {package: version_of(package) or "unknown" for package in _PACKAGES},
        "defined_by": defined_by,
    }


def _alone(folder: Path, name: str) -> AbstractContextManager[None]:
    return records.alone(folder, f"run '{name}'") if processes.leads() else nullcontext()


def _speed(experiment: Experiment, node: Node, pace: Pace) -> dict[str, Any]:
    """How fast a run went when it last went, and what that hangs on."""
    return {
        **pace.record(node.batch_tokens),
        "compile": experiment.training.compile,
        "micro_batch": node.micro_batch or node.batch_sequences,
    }


@contextmanager
def _recorded(
    folder: Path, record: dict[str, Any], speed: Callable[[], dict[str, Any]]
) -> Iterator[None]:
    """Write the record before and after, with the time between."""
    if processes.leads():
        records.write(folder, record | {"status": "running"})
    clock, before = time.monotonic(), record["seconds"]
    try:
        yield
    finally:
        record |= {"ended": _now(), "seconds": before + time.monotonic() - clock}
        record["speed"] = speed()
        if processes.leads():
            records.write(folder, record)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _base(experiment: Experiment, corpus: Corpus, node: Node, out: Path) -> Path | None:
    """The checkpoint that a run goes on from."""
    if node.after is None:
        return None
    is_done(experiment, corpus, node.after, out)
    checkpoint = out / node.after / f"{records.CHECKPOINT}{node.after_step}"
    if records.read(out / node.after) is None or not records.complete(checkpoint):
        raise DataError(
            f"run '{node.name}': its base's checkpoint {checkpoint} is not there. Run "
            f"'{node.after}' first, or all of the experiment: cptlaw lab sweep {experiment.file}"
        )
    records.check_whole(checkpoint, f"run '{node.name}'")
    return checkpoint
