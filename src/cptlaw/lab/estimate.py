"""What a sweep would be: its runs, their work and time, and how often they pass over the texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cptlaw.errors import DataError
from cptlaw.lab import memory
from cptlaw.lab import speed as speeds
from cptlaw.lab.speed import Architecture, Speed

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Node


@dataclass(frozen=True)
class RunEstimate:
    """One run; None for what is not known.

    Args:
        node: the run.
        depth: runs that it goes on from, one after another.
        architecture: sizes of its model.
        flops: of all training steps.
        evaluation_flops: of all evaluations.
        seconds: of both.
        evaluations: of all held-out text.
    """

    node: Node
    depth: int
    architecture: Architecture | None
    flops: float | None
    evaluation_flops: float | None
    seconds: float | None
    evaluations: int = 0

    @property
    def tokens(self) -> int:
        """Training tokens of its own steps."""
        return self.node.steps * self.node.batch_tokens


@dataclass(frozen=True)
class Draw:
    """What the runs on one mixture take of a text at most.

    Args:
        mixture: name of [data] and replay.
        text: name of the text.
        run: which takes the most.
        tokens: that it takes, with what its bases took before as far as it goes on from there.
        limit: training tokens of the text at most; None where the file gives none.
    """

    mixture: str
    text: str
    run: str
    tokens: float
    limit: float | None

    @property
    def passes(self) -> float | None:
        """How often the text is gone through, if it holds as many tokens as the limit."""
        return None if self.limit is None else self.tokens / self.limit


@dataclass(frozen=True)
class TextAhead:
    """What a run is to read of a text, on average over the draws of its mixture.

    Args:
        text: its name.
        skipped: tokens of it that come last, since its bases have read them.
        tokens: that it takes itself.
        again_from_step: the step from which on it reads text once more, if the text holds as many
            tokens as its limit; None where it does not, or there is no limit.
    """

    text: str
    skipped: float
    tokens: float
    again_from_step: int | None


@dataclass(frozen=True)
class SpeedSource:
    """Where the times come from.

    Args:
        flops: floating-point operations a second, of each kind of model.
        device: that they were measured on; None if they were given.
        threads: of PyTorch on a CPU that were the fastest; None if they were given or on a GPU.
        slower: how many threads were tried too, and how many times as long the runs would take.
    """

    flops: tuple[float, ...]
    device: str | None
    threads: int | None = None
    slower: tuple[tuple[int, float], ...] = ()

    @property
    def fewer(self) -> bool:
        """Whether fewer threads than PyTorch takes by itself were faster."""
        return any(count > (self.threads or 0) for count, _ in self.slower)


@dataclass(frozen=True)
class Known:
    """How fast a run went.

    Args:
        run: its name.
        tokens_per_second: of its training steps without the first ones.
        start_seconds: what the first steps and evaluation took longer than later ones.
        evaluation_seconds: of an evaluation.
    """

    run: str
    tokens_per_second: float
    start_seconds: float
    evaluation_seconds: float


@dataclass(frozen=True)
class Estimate:
    """A sweep beforehand.

    Args:
        experiment: what was asked for.
        runs: continuations right behind the run they go on from.
        draws: by mixture and text.
        speed: where the times come from; None without times.
        notes: what is not known, and why.
        known: how fast runs of the same shape went here before, by run.
    """

    experiment: Experiment
    runs: tuple[RunEstimate, ...]
    draws: tuple[Draw, ...]
    speed: SpeedSource | None
    notes: tuple[str, ...]
    known: Mapping[str, Known] = field(default_factory=dict[str, "Known"])

    @property
    def tokens(self) -> int:
        """Training tokens of all runs."""
        return sum(run.tokens for run in self.runs)

    @property
    def flops(self) -> float | None:
        """Of all training steps."""
        return _sum(run.flops for run in self.runs)

    @property
    def seconds(self) -> float | None:
        """Of all runs one after another."""
        return _sum(run.seconds for run in self.runs)

    @property
    def chain(self) -> tuple[str, ...]:
        """The bases and continuations that take the longest, or have the most FLOPs or tokens."""
        sizes = [run.seconds for run in self.runs]
        if self.seconds is None:
            sizes = [run.flops if self.flops is not None else run.tokens for run in self.runs]
        best: dict[str, tuple[float, tuple[str, ...]]] = {}
        for run, own in zip(self.runs, sizes, strict=True):
            before, names = best.get(run.node.after or "", (0.0, ()))
            best[run.node.name] = before + (own or 0.0), (*names, run.node.name)
        return max(best.values(), key=lambda one: one[0], default=(0.0, ()))[1]

    @property
    def chain_seconds(self) -> float | None:
        """Time of the longest chain: the least there is with a machine for every run."""
        return _sum(run.seconds for run in self.runs if run.node.name in self.chain)


def estimate(
    experiment: Experiment,
    names: Iterable[str],
    *,
    probe: bool = True,
    flops: float | None = None,
    threads: int | None = None,
) -> Estimate:
    """Count a sweep's work, and measure or take a speed for its time; nothing is written.

    On a CPU the speed is that of as many threads as PyTorch takes by itself, or of one, whichever
    is faster: where other programs compute too, threads that wait for each other can be slower.

    Args:
        experiment: with the runs.
        names: of the runs to count, with their bases.
        probe: whether to measure how fast this machine trains such models, some seconds.
        flops: floating-point operations a second to take instead.
        threads: of PyTorch on a CPU; None tries both.

    Raises:
        DataError: a speed that is not above 0.
    """
    if flops is not None and not 0 < flops < float("inf"):
        raise DataError(f"--flops {flops:g}: expected operations a second above 0, such as 4e14.")
    notes: list[str] = []
    nodes = _in_order([experiment.node(name) for name in names])
    architectures = _architectures(experiment, [node for node, _ in nodes], notes)
    if flops is not None:
        given = Speed(flops, 0.0)
        runs = [_run(experiment, *run, architectures[run[0].name], given) for run in nodes]
        source = SpeedSource((flops,), None)
    elif probe and any(architectures.values()):
        runs, source = _probed(experiment, nodes, architectures, threads)
    else:
        runs = [_run(experiment, *run, architectures[run[0].name], None) for run in nodes]
        source = None
    return Estimate(experiment, tuple(runs), _draws(experiment, runs), source, tuple(notes))


def _probed(
    experiment: Experiment,
    nodes: list[tuple[Node, int]],
    architectures: Mapping[str, Architecture | None],
    threads: int | None,
) -> tuple[list[RunEstimate], SpeedSource]:
    """The runs at the speed of this machine, with the number of threads that is the fastest."""
    found: list[tuple[float, int | None, list[RunEstimate], SpeedSource]] = []
    for count in speeds.thread_counts(threads):
        measured: dict[tuple[Architecture, int, int], Speed] = {}
        runs: list[RunEstimate] = []
        with speeds.with_threads(count):
            for node, depth in nodes:
                own, architecture = None, architectures[node.name]
                if architecture is not None:
                    rows = node.micro_batch or node.batch_sequences
                    if (key := (architecture, node.sequence_length, rows)) not in measured:
                        with memory.told(node, rows):
                            measured[key] = speeds.measure(*key, experiment.training)
                    own = measured[key]
                runs.append(_run(experiment, node, depth, architecture, own))
            rates = tuple(speed.flops for speed in measured.values())
            source = SpeedSource(rates, speeds.where(), count)
        found.append((sum(run.seconds or 0.0 for run in runs), count, runs, source))
    least, _, runs, source = min(found, key=lambda one: one[0])
    others = [one for one in found if one[3] is not source]
    slower = tuple((one[1], one[0] / least) for one in others if one[1] is not None)
    return runs, replace(source, slower=slower)


def _run(
    experiment: Experiment,
    node: Node,
    depth: int,
    architecture: Architecture | None,
    speed: Speed | None,
) -> RunEstimate:
    every = experiment.training.evaluate_every
    evaluations = 1 + node.steps // every + bool(node.steps % every)
    if architecture is None:
        return RunEstimate(node, depth, None, None, None, None, evaluations)
    work = architecture.work(node.sequence_length)
    length = node.sequence_length
    looked_at = experiment.validation.tokens // length * length * len(experiment.texts)
    flops, forward = work * node.steps * node.batch_tokens, work / 3 * evaluations * looked_at
    seconds = None
    if speed is not None:
        seconds = (
            flops + forward
        ) / speed.flops + node.steps * architecture.parameters * speed.update
    return RunEstimate(node, depth, architecture, flops, forward, seconds, evaluations)


def _in_order(nodes: list[Node]) -> list[tuple[Node, int]]:
    """Every run with its depth, continuations right behind their base."""
    found: list[tuple[Node, int]] = []

    def add(after: str | None, depth: int) -> None:
        for node in nodes:
            if node.after == after:
                found.append((node, depth))
                add(node.name, depth + 1)

    add(None, 0)
    return found


def _architectures(
    experiment: Experiment, nodes: list[Node], notes: list[str]
) -> dict[str, Architecture | None]:
    """Sizes by run; one table is looked at once."""
    vocabulary = speeds.vocabulary(experiment, notes)
    known: dict[str, Architecture | None] = {}
    found: dict[str, Architecture | None] = {}
    for node in nodes:
        if node.model_name not in known:
            known[node.model_name] = speeds.architecture(
                node.model_name, node.model, vocabulary, notes, experiment.folder
            )
        found[node.name] = known[node.model_name]
    return found


def readings(experiment: Experiment, node: Node) -> tuple[TextAhead, ...]:
    """What a run reads of each of its texts, as far as the experiment file tells.

    Args:
        experiment: with the limits of the texts.
        node: the run.
    """
    own, found = node.stretch, list[TextAhead]()
    for text in own.texts:
        before = sum(stretch.tokens(text) for stretch in node.before)
        taken, limit = own.tokens(text), experiment.texts[text].tokens
        again = None
        if limit is not None and before + taken > limit:
            rest = max(limit - before, 0.0) / (own.shares[text] * node.batch_tokens)
            again = math.floor(rest) + 1
        found.append(TextAhead(text, before, taken, again))
    return tuple(found)


def mixture(node: Node) -> str:
    """What a run trains on, such as "cpt + 25 % pt"."""
    return f"{node.data} + {100 * node.replay:g} % pt" if node.replay else node.data


def _draws(experiment: Experiment, runs: Iterable[RunEstimate]) -> tuple[Draw, ...]:
    most: dict[tuple[str, str], Draw] = {}
    for run in runs:
        own = run.node.stretch
        for text in own.texts:
            limit = experiment.texts[text].tokens
            key = mixture(run.node), text
            taken = sum(stretch.tokens(text) for stretch in (*run.node.before, own))
            draw = Draw(*key, run.node.name, taken, limit)
            if key not in most or draw.tokens > most[key].tokens:
                most[key] = draw
    return tuple(most.values())


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum, None if any is not known."""
    given = list(values)
    known = [value for value in given if value is not None]
    return sum(known) if len(known) == len(given) else None


def estimate_json(found: Estimate) -> dict[str, Any]:
    """An estimate as one JSON object.

    Args:
        found: the estimate.
    """
    return {
        "experiment": found.experiment.name,
        "runs": [_run_json(found.experiment, run) for run in found.runs],
        "draws": [
            {
                "mixture": draw.mixture,
                "text": draw.text,
                "run": draw.run,
                "tokens": draw.tokens,
                "limit": draw.limit,
                "passes": draw.passes,
            }
            for draw in found.draws
        ],
        "tokens": found.tokens,
        "flops": found.flops,
        "seconds": found.seconds,
        "longest_chain": list(found.chain),
        "longest_chain_seconds": found.chain_seconds,
        "speed": None if found.speed is None else asdict(found.speed),
        "notes": list(found.notes),
        "known_speeds": {name: asdict(known) for name, known in found.known.items()},
    }


def _run_json(experiment: Experiment, run: RunEstimate) -> Mapping[str, Any]:
    node = run.node
    return {
        "name": node.name,
        "after": node.after,
        "after_step": node.after_step,
        "data": node.data,
        "replay": node.replay,
        "shares": dict(node.shares),
        "reading": [asdict(text) for text in readings(experiment, node)],
        "model": node.model_name,
        "parameters": None if run.architecture is None else run.architecture.non_embedding,
        "schedule": node.schedule.text,
        "steps": node.steps,
        "batch_tokens": node.batch_tokens,
        "sequence_length": node.sequence_length,
        "tokens": run.tokens,
        "flops": run.flops,
        "evaluation_flops": run.evaluation_flops,
        "seconds": run.seconds,
    }
