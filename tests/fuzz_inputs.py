"""Damaged inputs of each kind but logs: `python tests/fuzz_inputs.py`, or `make fuzz`.

Schedule texts, study files, stored values, experiment files, configurations beside a log, and what
is asked of the explorer.
Each is used in another process, which is watched. What may not happen: an error that is none of
ours, or does not name the file; a warning of Python; more than 5 seconds of the processor, or 1 GB;
and a value that is read and then says something else: learning rates or losses that are no numbers,
a text or file that is another when it is written and read again.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

from input_kinds import KINDS, Kind
from input_mutations import nudged
from log_mutations import mutated
from watched_process import Tally, Watched, options, trouble, work


def damaged(kind: Kind, rng: Random, data: bytes) -> bytes:
    """What a seed becomes: mostly another value, sometimes other bytes."""
    kinds = rng.random()
    if kinds < 0.2:
        return mutated(rng, data)[1]
    if kinds < 0.6:
        return nudged(rng, data)
    data = kind.mutate(rng, data)
    return mutated(rng, data)[1] if rng.random() < 0.1 else data


def wrong(kind: Kind, path: Path, said: dict[str, Any]) -> str:
    """What may not have happened; "" if nothing did."""
    if found := trouble(said, kind.seconds):
        return found
    if "refused" in said:
        return "" if not kind.named or path.name in said["refused"] else "not named"
    return said.get("wrong", "")


def fuzz(kind: Kind, count: int, rng: Random, kept: Path) -> bool:
    """Use so many damaged inputs of a kind; whether any went wrong."""
    seeds = list(kind.seeds().items())
    watched, tally = Watched([__file__, "--only", kind.name], kind.seconds), Tally(kind.name, kept)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind.file
        for name, content in kind.beside().items():
            (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / name).write_bytes(content)
        for i in range(count):
            data = damaged(kind, rng, seeds[i % len(seeds)][1])
            path.write_bytes(data)
            said = watched.use(path)
            tally.add(said, wrong(kind, path, said), data, kind.file)
    watched.close()
    return tally.told()


def main() -> int:
    """Use damaged inputs; the exit status is 1 if anything went wrong."""
    given = options(__doc__)
    found = [kind for kind in KINDS if given.only in kind.name]
    if given.work:
        work(found[0].use)
        return 0
    rngs = [Random(f"{given.seed} {kind.name}") for kind in found]
    bad = [fuzz(kind, given.count, rng, given.kept) for kind, rng in zip(found, rngs, strict=True)]
    return int(any(bad))


if __name__ == "__main__":
    sys.exit(main())
