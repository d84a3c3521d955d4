"""Writers that are killed, run out of disk, write beside another, and whose clock jumps.

`python tests/fuzz_kills.py`, or `make fuzz`. Each command that writes is run once to its end; then

- killed (SIGKILL) at so many moments between its begin and its end: the file that was there before
  is whole, old or new, and the next run ends with the same file and leaves nothing else;
- given a disk that takes little: an error, status 2, and the old file;
- run twice at once on the same file: both end well, and the file is whole;
- given a clock that jumps by days, to and fro, at every look: the same file.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

from cptlaw import datasets
from labs import BASE, CPT, EXPERIMENT, write_texts

STUDY = "tiny-cpt/study.toml"
PLAN = ("plan", "fit.json", "--after", "base", "--goal", "cpt=1 pt=0.3")
PLAN += ("--peak", "5e-4..1e-3", "--steps", "1000")
CLOCK = """
import random, time
_time = time.time
time.time = lambda: _time() + random.choice((-1e6, -3600, 0, 0, 3600, 1e6))
"""


@dataclass(frozen=True)
class Writer:
    """A command that writes.

    Args:
        name: for people.
        command: its words, run in a folder that `first` has made.
        out: the file or folder that it writes.
        same: what of it must be the same each time: file -> bytes.
        goes_on: whether what is there is taken up, and not written anew.
        anew: whether it writes to no folder that is there already.
    """

    name: str
    command: tuple[str, ...]
    out: str
    same: Callable[[Path], Mapping[str, bytes]]
    goes_on: bool = False
    anew: bool = False


def whole(path: Path) -> dict[str, bytes]:
    """All that a file or folder holds."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return {p.name if p == path else str(p.relative_to(path)): p.read_bytes() for p in files}


def losses(path: Path) -> dict[str, bytes]:
    """What a sweep has logged, without times."""
    found = {}
    for log in sorted(path.rglob("metrics.jsonl")) + sorted(path.rglob("trainer_state.json")):
        text = log.read_text()
        rows = json.loads(text)["log_history"] if log.suffix == ".json" else text.splitlines()
        rows = [json.loads(row) if isinstance(row, str) else row for row in rows]
        kept = [{k: v for k, v in row.items() if "loss" in k or k == "step"} for row in rows]
        found[str(log.relative_to(path))] = json.dumps(kept).encode()
    return found


def untimed(path: Path) -> dict[str, bytes]:
    """All that a file or folder holds, without how long the work took."""
    timed = re.compile(rb'"seconds": [0-9.e-]+|in [0-9.]+ s\b')
    return {name: timed.sub(b"", data) for name, data in whole(path).items()}


def figures(path: Path) -> dict[str, bytes]:
    """The file's first bytes: it is of its kind, and its size."""
    return {name: data[:8] for name, data in whole(path).items()}


WRITERS = (
    Writer("fit -o", ("fit", STUDY, "-o", "out.json"), "out.json", untimed),
    Writer("init", ("init", "a.csv", "b.csv", "-o", "out.toml", "--force"), "out.toml", whole),
    Writer("schedule", ("schedule", "cosine 900 to 0 from=1e-4", "-o", "out.py"), "out.py", whole),
    Writer("fit --figure", ("fit", STUDY, "--figure", "out.png"), "out.png", figures),
    Writer("report", ("report", "fit.json", "-o", "out.html"), "out.html", figures),
    Writer("plan -o", (*PLAN, "-o", "out"), "out", untimed, anew=True),
    Writer("lab sweep", ("lab", "sweep", "tiny.toml", "-o", "out"), "out", losses, goes_on=True),
)  # fmt: skip


def lay(folder: Path) -> None:
    """What the commands read."""
    datasets.copy("tiny-cpt", folder)
    texts = write_texts(folder / "texts")
    experiment = (EXPERIMENT + BASE + CPT).replace("TEXTS", str(texts))
    (folder / "tiny.toml").write_text(experiment)
    for name, low in (("a", 0.0), ("b", 0.2)):
        rows = [f"{s},1e-4,{3 - s / 1000 - low},{2.5 - s / 900}" for s in range(10, 500, 10)]
        (folder / f"{name}.csv").write_text("step,lr,eval_a_loss,eval_b_loss\n" + "\n".join(rows))
    done = run(("fit", STUDY, "-o", "fit.json"), folder)
    assert done.returncode == 0, done.stderr


def start(command: tuple[str, ...], folder: Path, **more: object) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cptlaw", *command],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more,  # type: ignore[call-overload]
    )


def run(command: tuple[str, ...], folder: Path, **more: object) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    process = start(command, folder, **more)
    out, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def others(folder: Path) -> list[str]:
    """Files that nobody asked for."""
    return sorted(p.name for p in folder.iterdir() if "tmp" in p.name or ".cptlaw" in p.name)


def killed(writer: Writer, folder: Path, expected: Mapping[str, bytes], seconds: float) -> str:
    """What is wrong once the command was killed after so many seconds; "" if nothing is."""
    out = folder / writer.out
    before = whole(out) if out.exists() else {}
    process = start(writer.command, folder)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    now = whole(out) if out.exists() else {}
    ended = writer.goes_on or now == before or writer.same(out) == expected
    return "" if ended else "a file that is neither old nor new"


def kills(writer: Writer, folder: Path, count: int, rng: Random) -> list[str]:
    """What went wrong in so many kills."""
    began = time.monotonic()
    first = run(writer.command, folder)
    took = time.monotonic() - began
    if first.returncode:
        return [f"it does not run: {first.stderr[-500:]}"]
    expected, wrong = writer.same(folder / writer.out), []
    for i in range(count):
        ready(writer, folder, begins=i % 5 == 0)
        moment = took * (i + rng.random()) / count
        found = killed(writer, folder, expected, moment)
        if not found and not (writer.goes_on and i % 5 < 4):
            found = after_kill(writer, folder, expected)
        if found:
            wrong.append(f"killed after {moment:.2f} of {took:.2f} s: {found}")
    return wrong


def after_kill(writer: Writer, folder: Path, expected: Mapping[str, bytes]) -> str:
    """What is wrong with the run after a kill; "" if nothing is."""
    ready(writer, folder)
    again = run(writer.command, folder)
    if again.returncode:
        return f"then status {again.returncode}: {again.stderr[-300:]}"
    if writer.same(folder / writer.out) != expected:
        return "the next run's file is another"
    left = others(folder)
    return f"{left} was left" if left else ""


def ready(writer: Writer, folder: Path, begins: bool = False) -> None:
    """Take away what the command would refuse to write over, or is to begin without."""
    if writer.anew or (writer.goes_on and begins):
        shutil.rmtree(folder / writer.out, ignore_errors=True)


def full_disk(writer: Writer, folder: Path) -> list[str]:
    """What goes wrong where no file may grow beyond a few bytes."""
    ready(writer, folder, begins=True)
    before = whole(folder / writer.out) if (folder / writer.out).exists() else {}
    size = min((len(data) for data in before.values()), default=200) // 2

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = run(writer.command, folder, preexec_fn=limit)
    wrong = []
    if done.returncode != 2 or "Traceback" in done.stderr:
        wrong.append(f"full disk: status {done.returncode}: {done.stderr[-300:]}")
    if before and whole(folder / writer.out) != before:
        wrong.append("full disk: the old file is gone")
    if left := others(folder):
        wrong.append(f"full disk: {left} was left")
    ready(writer, folder, begins=True)
    return wrong


def two_at_once(writer: Writer, folder: Path, expected: Mapping[str, bytes]) -> list[str]:
    """What goes wrong where two write one file."""
    ready(writer, folder)
    both = [start(writer.command, folder) for _ in range(2)]
    ends = [(process.communicate()[1], process.returncode) for process in both]
    codes = sorted(code for _, code in ends)
    wrong = []
    if codes != [0, 0] and not ((writer.goes_on or writer.anew) and codes == [0, 2]):
        wrong.append(f"two at once: {codes}: {[said[-200:] for said, _ in ends]}")
    if writer.same(folder / writer.out) != expected:
        wrong.append("two at once: the file is another")
    return wrong


def odd_clock(writer: Writer, folder: Path, expected: Mapping[str, bytes]) -> list[str]:
    """What goes wrong where the clock jumps."""
    (folder / "clock").mkdir(exist_ok=True)
    (folder / "clock" / "sitecustomize.py").write_text(CLOCK)
    path = os.pathsep.join((str(folder / "clock"), os.environ.get("PYTHONPATH", "")))
    ready(writer, folder, begins=True)
    done = run(writer.command, folder, env={**os.environ, "PYTHONPATH": path})
    if done.returncode or "Traceback" in done.stderr:
        return [f"clock: status {done.returncode}: {done.stderr[-300:]}"]
    same = writer.same(folder / writer.out) == expected
    return [] if same else ["clock: the file is another"]


def tried(writer: Writer, count: int, rng: Random) -> list[str]:
    """All that went wrong with a writer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay(folder)
        wrong = kills(writer, folder, count, rng)
        if any("does not run" in text for text in wrong):
            return wrong
        expected = writer.same(folder / writer.out)
        wrong += full_disk(writer, folder)
        wrong += two_at_once(writer, folder, expected)
        return wrong + odd_clock(writer, folder, expected)


def main() -> int:
    """Try all writers; the exit status is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=25, help="kills of each writer")
    parser.add_argument("--only", default="", help="writers whose name holds this")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    bad = False
    for writer in WRITERS:
        if options.only in writer.name:
            wrong = tried(writer, options.count, Random(f"{options.seed} {writer.name}"))
            bad |= bool(wrong)
            print(
                json.dumps({"writer": writer.name, "kills": options.count, "wrong": wrong}),
                flush=True,
            )
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
