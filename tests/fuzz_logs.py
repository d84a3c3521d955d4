"""Damaged logs of each format, read one by one: `python tests/fuzz_logs.py`, or `make fuzz`.

Each is read in another process, which is watched. What may not happen: an error that is none of
ours or does not name the log; more than 5 seconds of the processor, or 1 GB; and, of a log that
merely ends early, a value that was not in it, or fewer values without a word.
"""

from __future__ import annotations

import argparse
import json
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
from watched_process import Watched, trouble, work

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


def fuzz(seed: Seed, count: int, rng: Random, reader: Watched, kept: Path) -> dict[str, Any]:
    """Read so many damaged logs of a seed; those that went wrong are kept."""
    kinds: Counter[str] = Counter()
    most = {"seconds": 0.0, "megabytes": 0}
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        original = seed.files[seed.target]
        whole = reader.use(seed.put(Path(folder) / "whole", original))
        for i in range(count):
            done, data = mutated(rng, original)
            said = reader.use(seed.put(Path(folder) / "damaged", data))
            outcomes["read" if "values" in said else "refused"] += 1
            most = {key: max(most[key], said[key]) for key in most}
            if kind := wrong(seed, whole, done, data, said):
                if not kinds[kind]:
                    name = f"{seed.format}-{i}-{Path(seed.target).name}".replace(" ", "_")
                    (kept / name).write_bytes(data)
                    print(f"{seed.format}: {kind} ({done}): {kept / name}", flush=True)
                kinds[kind] += 1
    return {"format": seed.format, "count": count, **outcomes, **most, "wrong": dict(kinds)}


def main() -> int:
    """Read damaged logs; the exit status is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="of each format")
    parser.add_argument("--only", default="", help="formats whose name holds this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--kept", type=Path, default=Path("fuzz"), help="where to keep what went wrong"
    )
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(read)
        return 0
    options.kept.mkdir(parents=True, exist_ok=True)
    found = [seed for seed in seeds() if options.only in seed.format]
    of_each = Counter(seed.format for seed in found)
    reader, bad = Watched([__file__], SECONDS), 0
    for i, seed in enumerate(found):
        rng = Random(f"{options.seed} {i} {seed.format}")
        told = fuzz(seed, -(-options.count // of_each[seed.format]), rng, reader, options.kept)
        bad += bool(told["wrong"])
        print(json.dumps(told), flush=True)
    reader.close()
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
