"""Damaged inputs of each kind but logs: `python tests/fuzz_inputs.py`, or `make fuzz`.

Schedule texts, study files, stored values, experiment files, and what is asked of the explorer.
Each is used in another process, which is watched. What may not happen: an error that is none of
ours, or does not name the file; a warning of Python; more than 5 seconds of the processor, or 1 GB;
and a value that is read and then says something else: learning rates or losses that are no numbers,
a text or file that is another when it is written and read again.
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

from input_kinds import KINDS, Kind
from input_mutations import nudged
from log_mutations import mutated
from watched_process import Watched, trouble, work


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


def fuzz(kind: Kind, count: int, rng: Random, kept: Path) -> dict[str, Any]:
    """Use so many damaged inputs of a kind; those that went wrong are kept, one of each trouble."""
    seeds = list(kind.seeds().items())
    watched = Watched([__file__, "--only", kind.name], kind.seconds)
    troubles: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    most = {"seconds": 0.0, "megabytes": 0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind.file
        for name, content in kind.beside().items():
            (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / name).write_bytes(content)
        for i in range(count):
            _, seed = seeds[i % len(seeds)]
            data = damaged(kind, rng, seed)
            path.write_bytes(data)
            said = watched.use(path)
            outcomes["refused" if "refused" in said else "read"] += 1
            most = {key: max(most[key], said[key]) for key in most}
            if found := wrong(kind, path, said):
                if not troubles[found]:
                    (kept / f"{kind.name}-{i}-{kind.file}").write_bytes(data)
                    print(
                        f"{kind.name}: {found}: {kept / f'{kind.name}-{i}-{kind.file}'}", flush=True
                    )
                    print(said.get("crash", said.get("refused", ""))[:2000], flush=True)
                troubles[found] += 1
    watched.close()
    return {"kind": kind.name, "count": count, **outcomes, **most, "wrong": dict(troubles)}


def main() -> int:
    """Use damaged inputs; the exit status is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="of each kind")
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--kept", type=Path, default=Path("fuzz"), help="where to keep what went wrong"
    )
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    found = [kind for kind in KINDS if options.only in kind.name]
    if options.work:
        work(found[0].use)
        return 0
    options.kept.mkdir(parents=True, exist_ok=True)
    bad = 0
    for kind in found:
        told = fuzz(kind, options.count, Random(f"{options.seed} {kind.name}"), options.kept)
        bad += bool(told["wrong"])
        print(json.dumps(told), flush=True)
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
