"""Training logs -> runs.

To add a format: write a module whose `Format` reads a `Source` into a `Table`, and name it in
`FORMATS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from cptlaw.errors import DataError
from cptlaw.studies.logs import (
    console,
    json_rows,
    levanter,
    mlflow,
    tables,
    tensorboard,
    trackio,
    trainer_log,
    trainer_state,
    unread,
    wandb_chart,
    wandb_file,
)
from cptlaw.studies.logs.accumulation import with_micro_batches
from cptlaw.studies.logs.beside import named, with_what_lies_beside
from cptlaw.studies.logs.learning_rates import choose_lr
from cptlaw.studies.logs.lrs import read_lrs
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.rows import to_run
from cptlaw.studies.logs.shaping import one_run
from cptlaw.studies.logs.source import Format, Source, file_and_part, open_source
from cptlaw.studies.logs.table import Table
from cptlaw.studies.logs.write import write_csv
from cptlaw.studies.runs import Run

__all__ = [
    "FORMATS",
    "Format",
    "Source",
    "Table",
    "choose_lr",
    "file_and_part",
    "read",
    "read_lrs",
    "write_csv",
]

# The first that claims a source reads it; delimited text claims every file that is left.
FORMATS: tuple[Format, ...] = (
    trainer_state.FORMAT,
    tensorboard.FORMAT,
    wandb_file.FORMAT,
    wandb_chart.FORMAT,
    *mlflow.FORMATS,
    trackio.FORMAT,
    trainer_log.FORMAT,
    unread.FORMAT,
    tables.PARQUET,
    levanter.FORMAT,
    console.FORMAT,
    json_rows.LINES,
    json_rows.LIST,
    tables.DELIMITED,
)


def read(
    path: str | Path,
    columns: str | Iterable[str] | None = None,
    surely: Iterable[str] = (),
    lr_column: str | None = None,
    logging_steps: int | None = None,
) -> Run:
    """Read a training log, whatever its format; `Run.notes` tells all that was done on the way.

    What configurations beside it say of the optimizer comes along.

    Args:
        path: a file, or a folder where a format has one, of the formats that `FORMATS` names;
            behind `::` may stand which of several runs in it is wanted.
        columns: the loss columns wanted; left out, every column that may be one.
        surely: columns that are losses whatever they look like.
        lr_column: the column of the learning rate; left out, the likeliest.
        logging_steps: steps from one printed dict of transformers to the next.

    Raises:
        DataError: naming the file, the place in it, what was expected and the mend.
        MissingExtra: Parquet without pyarrow.
    """
    source = replace(open_source(path), logging_steps=logging_steps)
    for log_format in FORMATS:
        if log_format.claims(source):
            table = log_format.read(source)
            if source.part and not log_format.several:
                table = one_run(table, source.part)
            lies_at = table.lies_at or source.path
            version = str(named(lies_at, table.settings, "transformers_version") or "")
            run = to_run(table, columns, surely, lr_column, version)
            run = with_micro_batches(run, lies_at) if run.counts_micro_batches else run
            return with_what_lies_beside(run, lies_at, table.settings)
    raise DataError(
        f"{source.given}: the directory holds no log that is read as a directory; expected "
        "trainer_state.json (also in checkpoint-N), trainer_log.jsonl, or files of TensorBoard, "
        f"W&B or MLflow. {_candidates(source.path)}"
    )


def _candidates(directory: Path) -> str:
    suffixes = {".gz", *(suffix for log_format in FORMATS for suffix in log_format.suffixes)}
    found = sorted(str(p) for p in directory.iterdir() if p.suffix.lower() in suffixes)
    return f"Name one file, such as {quoted(found[:3])}." if found else "Name the log file itself."
