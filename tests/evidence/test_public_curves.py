"""Held-out errors on curves that others have published; they are not part of this repository.

Put them beside the checkout, in ../shared/data, to run these tests.
"""

from pathlib import Path

import numpy as np
import pytest

from cptlaw import backtest
from cptlaw.studies import study_file
from cptlaw_evidence.sources import multipower

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_multipower = pytest.mark.skipif(
    not (DATA / "multipower-100m").is_dir(), reason="../shared/data/multipower-100m is absent"
)


def written(folder, exact):
    """A study of the nine runs, with the schedules or with the logs alone."""
    lines = ["[domains]", 'loss = "loss"']
    for path in sorted((DATA / "multipower-100m").glob("*.csv")):
        lines += ["[[run]]", f'name = "{path.stem}"', f'log = "{path.as_posix()}"']
        if exact:  # a logged LR would smear the drops of the two-stage runs
            lines.append(f'schedule = "{multipower.WARMUP} | {multipower.SCHEDULES[path.stem]}"')
    (folder / "study.toml").write_text("\n".join(lines))
    return folder / "study.toml"


@needs_multipower
@pytest.mark.parametrize(
    ("law", "name", "r2", "mae"),
    [(None, "effective", 0.9994, 0.0021), ("paper", "eq1", 0.998, 0.0046)],
)
@pytest.mark.parametrize("exact", [True, False], ids=["schedules", "logs alone"])
def test_the_protocol_of_the_multi_power_law(tmp_path, exact, law, name, r2, mae):
    """arXiv:2503.12811: fit on three runs, predict six, with everything left to the data."""
    study = study_file.load(written(tmp_path, exact))
    held_out = [run.name for run in study.runs if run.name not in multipower.THREE]
    rows = backtest(study, held_out, laws=[law] if law else ()).rows
    assert len(rows) == 6
    assert {row.law for row in rows} == {name}
    assert np.mean([row.scores.r2 for row in rows]) >= r2
    assert np.mean([row.scores.mae for row in rows]) <= mae
