"""Write what a benchmark found into a file of measured figures, as the package has one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw.errors import DataError
from cptlaw.files import write_atomic
from cptlaw.forecasting.measured import ChoiceCosts, PeakErrors, StartErrors

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def write_figures(
    path: str | Path, section: str, figures: Mapping[str, DataclassInstance], command: str
) -> Path:
    """Put figures into a file, to two digits; what else it holds stays as it is.

    Args:
        path: of the file, which need not exist.
        section: field of `cptlaw.forecasting.measured.Measured`.
        figures: kind of law -> a value of that section.
        command: that measures them, without the laws.

    Raises:
        DataError: the file is none of measured figures, or cannot be written.
    """
    whole = _read(Path(path))
    known = whole.setdefault(section, {}) if figures else {}
    for kind, each in figures.items():
        rounded = {name: float(f"{value:.2g}") for name, value in asdict(each).items()}
        known[kind] = {"from": f"{command} --law {kind}", **rounded}
    return write_atomic(path, json.dumps(whole, indent=2, allow_nan=False) + "\n")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as measured figures ({error}).") from None
    if not isinstance(found, dict) or not all(isinstance(s, dict) for s in found.values()):
        raise DataError(f"{path}: holds no measured figures (section -> kind -> figures).")
    return found


def choice_costs(result: Mapping[str, Any]) -> dict[str, ChoiceCosts]:
    """Law -> what its choices cost, of the result of `cptlaw bench regret`."""
    laws = [law for law in result["laws"] if law["choices"]]
    return {law["law"]: ChoiceCosts(law["mean"], law["worst"]) for law in laws}


PEAKS = ("peak-up", "peak-down", "grid-peak-up", "20m-peak-up")
STARTS = ("grid-start", "20m-start")


def peak_errors(result: Mapping[str, Any]) -> dict[str, PeakErrors]:
    """Law -> its errors at twice and half the fitted peak, of `cptlaw bench accuracy`."""
    found = _errors(result, PEAKS)
    return {
        law: PeakErrors(min(errors.values()), max(errors.values()))
        for law, errors in found.items()
        if len(errors) > 1
    }


def start_errors(result: Mapping[str, Any]) -> dict[str, StartErrors]:
    """Law -> its errors from earlier starts, the highest, of `cptlaw bench accuracy`."""
    found = _errors(result, STARTS)
    return {
        law: StartErrors(
            max(error for (_, role), error in errors.items() if role == "pt"),
            max(error for (_, role), error in errors.items() if role == "cpt"),
        )
        for law, errors in found.items()
        if len(errors) > 1
    }


def _errors(
    result: Mapping[str, Any], protocols: Sequence[str]
) -> dict[str, dict[tuple[str, str], float]]:
    """Law -> (protocol, domain) -> mean relative error, where the law could be scored."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for row in result["rows"]:
        if row["protocol"] in protocols and row["domain"] is not None:
            found.setdefault(row["law"], {})[row["protocol"], row["domain"]] = row["mape"]
    return found


def told(words: str, data: str | None, protocols: Sequence[str] = ()) -> str:
    """A command as it is noted beside figures, without the place of the curves."""
    some = ["--protocol", *protocols] if protocols else []
    return " ".join([words, *some, *(["--data DIR"] if data else [])])
