"""Make the bundled data sets of what `cptlaw lab sweep grid -o RUNS`, or `starts`, left.

python docs/bundle_runs.py grid RUNS
python docs/bundle_runs.py starts RUNS
"""

import json
import re
import sys
from pathlib import Path

from cptlaw import datasets
from cptlaw.studies import study_file
from cptlaw.studies.logs.write import write_csv
from cptlaw.studies.runs import Curve, Run

SMALL = {
    "base": "the base",
    "annealed": "the base annealed: still pre-training data",
    "hidden-pt-const": "the base going on: a hidden PT curve",
    "cpt-const": None,
    "cpt-cosine": None,
    "cpt-twostage": None,
    "mixed-const-replay0.25": None,
}
COLUMNS = {"loss": "train_loss"}


def main(experiment: str, runs: Path) -> None:
    """Write CSV logs and studies, and print the hours."""
    if experiment == "grid":
        write(runs, datasets.path("tiny-grid"), ("study.toml", "study-far.toml"))
        write_small(runs)
    else:
        write(runs, datasets.path("starts-1m"), ("study.toml",))
    print(_cost(runs))


def write(runs: Path, folder: Path, studies: tuple[str, ...]) -> None:
    """Every run of the studies, and those."""
    for name in studies:
        text = (runs / name).read_text()
        (folder / name).write_text(_own(text, ""))
        for run in study_file.load(runs / name).runs:
            write_csv(_short(run), folder / f"{run.name}.csv")


def write_small(runs: Path) -> None:
    """The seven runs to begin with, of the grid."""
    grid, small = datasets.path("tiny-grid"), datasets.path("tiny-cpt")
    head, *tables = _own((runs / "study.toml").read_text(), "").split("\n[[run]]\n")
    own = {re.search(r'name = "(.*)"', table)[1]: table for table in tables}
    parts = [head]
    for name, what in SMALL.items():
        remark = f"                # {what}" if what else ""
        parts.append(f"\n[[run]]{remark}\n{own[name]}")
        (small / f"{name}.csv").write_text((grid / f"{name}.csv").read_text())
    (small / "study.toml").write_text("".join(parts).rstrip() + "\n")


def _own(study: str, folder: str) -> str:
    """The study with the names that logs and columns have in the data set."""
    study = re.sub(r'"eval_(\w+)_loss"', r'"\1"', study)
    return re.sub(r'log = "(.*)/trainer_state.json"', rf'log = "{folder}\1.csv"', study)


def _short(run: Run) -> Run:
    """The run with plain columns, losses to a millionth."""
    curves = {}
    for name, curve in run.curves.items():
        plain = COLUMNS.get(name, name.removeprefix("eval_").removesuffix("_loss"))
        curves[plain] = Curve(curve.steps, curve.loss.round(6), source=curve.source)
    return Run(run.name, curves, logged_lr=run.logged_lr)


def _cost(runs: Path) -> str:
    """Hours, tokens and versions of all runs, for the card."""
    records = [json.loads(path.read_text()) for path in sorted(runs.glob("*/run.json"))]
    records = [record for record in records if record["status"] == "done"]
    hours = sum(r["seconds"] for r in records) / 3600
    tokens = sum(r["tokens"] for r in records)
    versions = {json.dumps(r["versions"]) for r in records}
    sizes = sorted({r["model_size"] for r in records})
    return f"{len(records)} runs, {hours:.1f} hours, {tokens:,} tokens, sizes {sizes}\n{versions}"


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
