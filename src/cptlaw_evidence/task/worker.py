"""Fits and runs a law file on one split: a process of its own, with no more than that split.

Started by `running`; reads one JSON object from standard input, writes one to the named file.
A law file has `fit(train, runs)` and `predict(fitted, test, runs)`, or, as in SLDBench,
`fit_scaling_law(data_points, loss_values)` and `scaling_law_func(data_points, params)`.
Of cptlaw nothing is imported here: a process starts for each split.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


def main(law: str, output: str) -> None:
    """Fit the law of a file to the rows that come in, and write what it predicts."""
    given = json.load(sys.stdin)
    losses = predicted(loaded(Path(law)), **given)
    Path(output).write_text(json.dumps(losses), encoding="utf-8")


def loaded(path: Path) -> ModuleType:
    """The module of a file, which may import what lies beside it."""
    sys.path.insert(0, str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location("law", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def predicted(
    law: ModuleType,
    train: Sequence[Mapping[str, Any]],
    test: Sequence[Mapping[str, Any]],
    runs: Mapping[str, Any],
    features: Sequence[str],
) -> list[float]:
    """A loss for each row of `test`; raises what the law raises.

    Args:
        law: the module.
        train: rows with a loss.
        test: rows without.
        runs: name -> what is known of it.
        features: the columns that are numbers, in their order.
    """
    if hasattr(law, "fit") and hasattr(law, "predict"):
        found = law.predict(law.fit(train, runs), test, runs)
    elif hasattr(law, "fit_scaling_law") and hasattr(law, "scaling_law_func"):
        found = _of_points(law, train, test, features)
    else:
        raise SystemExit("it has neither fit and predict nor fit_scaling_law and scaling_law_func.")
    losses = np.asarray(found, dtype=np.float64).ravel()
    if losses.size != len(test):
        raise SystemExit(f"it gave {losses.size} losses for {len(test)} rows.")
    if not (np.isfinite(losses) & (losses > 0)).all():
        raise SystemExit("it gave losses that are not finite and above 0.")
    return losses.tolist()


def _of_points(
    law: ModuleType,
    train: Sequence[Mapping[str, Any]],
    test: Sequence[Mapping[str, Any]],
    features: Sequence[str],
) -> np.ndarray[Any, Any]:
    """Fitted to each domain by itself."""
    losses = np.full(len(test), np.nan)
    for domain in dict.fromkeys(row["domain"] for row in test):
        known = [row for row in train if row["domain"] == domain]
        mine = np.array([row["domain"] == domain for row in test])
        values = np.array([row["loss"] for row in known])
        params = law.fit_scaling_law(_matrix(known, features), values)
        asked = _matrix([row for row in test if row["domain"] == domain], features)
        losses[mine] = np.asarray(law.scaling_law_func(asked, params), np.float64).ravel()
    return losses


def _matrix(some: Sequence[Mapping[str, Any]], features: Sequence[str]) -> np.ndarray[Any, Any]:
    """Shape (rows, features); nan where nothing is known."""
    values = [[np.nan if row[f] is None else row[f] for f in features] for row in some]
    return np.array(values, dtype=np.float64)


if __name__ == "__main__":
    main(*sys.argv[1:])
