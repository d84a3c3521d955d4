"""Damaged logs of each format, read one by one: `python tests/fuzz_logs.py`, or `make fuzz`.

Each is read in another process, which is watched. What may not happen: an error that is none of
ours or does not name the log; more than 5 seconds of the processor, or 1 GB; and, of a log that
merely ends early, a value that was not in it, or fewer values without a word.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

from cptlaw import logs
from log_mutations import mutated
from log_seeds import Seed, seeds
from watched_process import Tally, Watched, options, trouble, work

SECONDS = 5.0
_TOLD = ("cut", "middle", "damage", "whole", "left out", "not read", "without")


def read(path: Path) -> dict[str, Any]:
    """What a log holds."""
    run = logs.read(path)
    curves = run.curves.items()
    return {
        "values": {name: [curve.steps.tolist(), curve.loss.tolist()] for name, curve in curves},
        "notes": list(run.notes),
    }


def wrong(seed: Seed, whole: dict[str, Any], done: str, data: bytes, said: dict[str, Any]) -> str:
    """What may not have happened; "" if nothing did."""
    if kind := trouble(said, SECONDS):
        return kind
    if "refused" in said:
        return (
            ""
            if Path(seed.target).name in said["refused"] or seed.log in said["refused"]
            else "not named"
        )
    if done != "cut" or "values" not in whole:
        return ""
    return _of_a_cut(seed, whole, data, said)


def _of_a_cut(seed: Seed, whole: dict[str, Any], data: bytes, said: dict[str, Any]) -> str:
    fewer = False
    told = any(word in note for note in said["notes"] for word in _TOLD)
    for name, (steps, values) in whole["values"].items():
        known = dict(zip(steps, values, strict=True))
        found = said["values"].get(name, [[], []])
        now = dict(zip(*found, strict=True))
        fewer |= len(now) < len(known)
        odd = [step for step, value in now.items() if known.get(step, value) != value]
        mixed = any("a mixture" in note for note in said["notes"])
        if (odd and not told) or (now.keys() - known.keys() and not mixed):
            return f"a value that was not in it{' (told)' if told else ''}"
    behind = seed.files[seed.target][len(data) : len(data) + 1]
    ended = data.endswith((b"\n", b"\r", b"}")) or behind in b"\n\r" or len(data) in seed.ends
    return "fewer values without a word" if fewer and not told and not ended else ""


def fuzz(seed: Seed, count: int, rng: Random, reader: Watched, kept: Path) -> bool:
    """Read so many damaged logs of a seed; whether any went wrong."""
    tally, original = Tally(seed.format, kept), seed.files[seed.target]
    with tempfile.TemporaryDirectory() as folder:
        whole = reader.use(seed.put(Path(folder) / "whole", original))
        for _ in range(count):
            done, data = mutated(rng, original)
            said = reader.use(seed.put(Path(folder) / "damaged", data))
            kind = wrong(seed, whole, done, data, said)
            tally.add(said, kind, data, Path(seed.target).name, done)
    return tally.told()


def main() -> int:
    """Read damaged logs; the exit status is 1 if anything went wrong."""
    given = options(__doc__)
    if given.work:
        work(read)
        return 0
    found = [seed for seed in seeds() if given.only in seed.format]
    of_each = Counter(seed.format for seed in found)
    reader, bad = Watched([__file__], SECONDS), False
    for i, seed in enumerate(found):
        rng = Random(f"{given.seed} {i} {seed.format}")
        count = -(-given.count // of_each[seed.format])
        bad |= fuzz(seed, count, rng, reader, given.kept)
    reader.close()
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
