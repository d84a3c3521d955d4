"""Every value <-> versioned JSON.

A file is one object: `cptlaw` names the type, `version` the layout, `value` holds the value, all
numbers exact. Files of a fit, a forecast or a backtest also repeat at the top what `--json`
prints, for other programs; only `value` is read back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cptlaw.decisions.goal import Goal
from cptlaw.decisions.pilot.budget import Budget
from cptlaw.decisions.pilot.choosing import Pilot, Pilots
from cptlaw.decisions.plan.aim import Aim
from cptlaw.decisions.plan.alternatives import Alternative
from cptlaw.decisions.plan.effects import KnobEffect
from cptlaw.decisions.plan.limit import Limit
from cptlaw.decisions.plan.limit_prices import LimitPrice
from cptlaw.decisions.plan.recipe import Recipe
from cptlaw.decisions.plan.result import Outcome, Plan
from cptlaw.decisions.plan.stability import Stability
from cptlaw.errors import CptlawError, DataError, shown
from cptlaw.files import write_atomic
from cptlaw.fitting import consistency
from cptlaw.fitting.kept import Refits
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import DomainFit, Fit, combination, mean_law
from cptlaw.fitting.scores import Scores
from cptlaw.fitting.shift import ShiftAt
from cptlaw.fitting.start import Start
from cptlaw.fitting.uncertainty import Interval
from cptlaw.forecasting.backtest import Backtest, BacktestRow, LawRow
from cptlaw.forecasting.compare import ComparedRow, Comparison
from cptlaw.forecasting.forecast import DomainForecast, Forecast
from cptlaw.forecasting.held_out import HeldOutCurve
from cptlaw.forecasting.rules import Choice
from cptlaw.forecasting.verdict import Verdict
from cptlaw.laws import catalog
from cptlaw.laws.areas import Convention
from cptlaw.laws.catalog import Facts
from cptlaw.output import old_files
from cptlaw.output.field_types import check_fields
from cptlaw.output.json.backtest import backtest_json
from cptlaw.output.json.fit import fit_json
from cptlaw.output.json.forecast import forecast_json
from cptlaw.output.json.numbers import dumped
from cptlaw.output.json.pilot import pilots_json
from cptlaw.output.json.plan import plan_json
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import Segment
from cptlaw.shown import Shown
from cptlaw.studies.history import History
from cptlaw.studies.optimization import Optimization
from cptlaw.studies.runs import Curve, LoggedLR, Run
from cptlaw.studies.study import Study

TYPES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Aim,
        Alternative,
        Backtest,
        BacktestRow,
        Budget,
        Choice,
        ComparedRow,
        Comparison,
        Convention,
        Curve,
        DomainForecast,
        Facts,
        Fit,
        FitOptions,
        Forecast,
        Goal,
        HeldOutCurve,
        History,
        Interval,
        KnobEffect,
        LawRow,
        Limit,
        LimitPrice,
        LoggedLR,
        Optimization,
        Outcome,
        Pilot,
        Pilots,
        Plan,
        Recipe,
        Refits,
        Run,
        Schedule,
        Scores,
        Segment,
        ShiftAt,
        Start,
        Study,
        Stability,
        Verdict,
    )
}
_SUMMARIES: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    Fit: fit_json,
    Forecast: forecast_json,
    Backtest: backtest_json,
    Pilots: pilots_json,
    Plan: plan_json,
}
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    CptlawError,
    IndexError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)
T = TypeVar("T")


def to_json(value: Any) -> str:
    """A value as JSON text.

    Args:
        value: of a kind that is stored (`TYPES`).

    Raises:
        DataError: no such type is stored, or a fit's law is not in the catalogue.
    """
    kind = type(value)
    if kind.__name__ not in TYPES:
        raise DataError(f"{kind.__name__} values are not stored; known: {', '.join(TYPES)}.")
    document = {"cptlaw": kind.__name__, "version": old_files.LATEST}
    document |= _SUMMARIES.get(kind, lambda _: {})(value)
    document["value"] = _plain(value)
    return dumped(document) + "\n"


def from_json(text: str, expected: type[T] | None = None, origin: str = "the text") -> T:
    """Read a value back from JSON text.

    Args:
        text: what `to_json` wrote.
        expected: the type that is wanted; another one is an error.
        origin: what errors call the text.

    Raises:
        DataError: not JSON, not ours, of another type, or of a newer layout.
    """
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except ValueError as error:
        raise DataError(f"{origin}: is not JSON ({error}). Make it again.") from None
    except RecursionError:
        raise DataError(
            f"{origin}: is nested too deeply for a file that cptlaw wrote. Make it again."
        ) from None
    if not isinstance(document, dict) or "cptlaw" not in document:
        raise DataError(f"{origin}: is JSON, but not a file that cptlaw wrote.")
    name, version = document["cptlaw"], document.get("version")
    if expected is not None and name != expected.__name__:
        raise DataError(f"{origin}: holds a {name}, but a {expected.__name__} is needed.")
    if not isinstance(version, int) or version not in range(old_files.FIRST, old_files.LATEST + 1):
        raise DataError(
            f"{origin}: has layout version {version}; this cptlaw reads {old_files.FIRST} to "
            f"{old_files.LATEST}. Make the file again, or install the cptlaw that wrote it."
        )
    try:
        value = _value(old_files.today(document["value"], version))
        if not isinstance(value, TYPES[name]):
            raise TypeError(f"the value cannot be {shown(value)}")
        return _proved(value, version)
    except _DAMAGE as error:
        raise DataError(f"{origin}: is damaged ({_said(error)}). Make it again.") from None


def _said(error: Exception) -> str:
    """What an error says of a file; one of ours says it in words."""
    words = str(error).removesuffix(".")
    return words if isinstance(error, CptlawError) else f"{type(error).__name__}: {words}"


def _proved(value: Any, version: int) -> Any:
    """A value whose parts go together: a fit gives its own scores, other results can be shown."""
    if isinstance(value, Fit):
        consistency.check(value, alike=version == old_files.LATEST)
        return value if version == old_files.LATEST else consistency.scored_today(value)
    if isinstance(value, Shown) and not isinstance(value, Study):  # a study takes longer
        with np.errstate(all="ignore"):
            value.summary()
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, in which no name stands twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{twice}' stands twice in one object")
    return made


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def save(value: Any, path: str | Path) -> Path:
    """Write a value as JSON, whole or not at all.

    Args:
        value: of a kind that is stored, such as a fit, a forecast, a plan.
        path: the file.

    Raises:
        DataError: the type is not stored, or the file cannot be written.
    """
    return write_atomic(path, to_json(value))


def load(path: str | Path, expected: type[T] | None = None) -> T:
    """Read a value that `save` wrote.

    Args:
        path: the file; one that an older version wrote is read as well.
        expected: the kind of value that it must hold; left out, any.

    Raises:
        DataError: naming the file and what is wrong with it.
    """
    try:
        if Path(path).is_char_device():
            raise DataError(f"{path}: is a device, which may never end.")
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from None
    return from_json(text, expected, str(path))


def _plain(value: Any) -> Any:
    if isinstance(value, DomainFit):
        names = [f.name for f in fields(value) if f.name not in ("law", "combines")]
        pairs = {name: _plain(getattr(value, name)) for name in names}
        return {"type": "DomainFit", "law": _law_name(value), **pairs}
    if is_dataclass(value) and not isinstance(value, type):
        pairs = {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        return {"type": type(value).__name__, **pairs}
    if isinstance(value, np.ndarray):
        cells = value.reshape(-1).tolist()
        is_finite = value.dtype.kind in "biuf" and bool(np.isfinite(value).all())
        return cells if is_finite else [_plain(v) for v in cells]
    if isinstance(value, Mapping):
        return {"type": "dict", "items": {str(k): _plain(v) for k, v in value.items()}}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return {"type": "float", "is": repr(value)}
    return value


def _law_name(domain: DomainFit) -> str:
    name = domain.law.name
    if not catalog.is_known(name) and domain.combines is None and not domain.members:
        raise DataError(
            f"law '{name}' is not in the catalogue; add it to catalog.LAWS to store it."
        )
    return name


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return tuple(_value(v) for v in plain)
    if not isinstance(plain, dict):
        return plain
    kind = plain["type"]
    if kind == "dict":
        return {k: _value(v) for k, v in plain["items"].items()}
    if kind == "float":
        return float(plain["is"])
    pairs = {k: _value(v) for k, v in plain.items() if k != "type"}
    if kind == "DomainFit":
        return pairs
    if kind == "Fit":
        pairs["domains"] = _domains(pairs["domains"])
    check_fields(TYPES[kind], pairs)
    return TYPES[kind](**pairs)


def _domain(pairs: dict[str, Any]) -> DomainFit:
    members = tuple(_domain(dict(member)) for member in pairs.get("members", ()))
    law = mean_law(members) if members else catalog.get(pairs["law"], pairs["facts"])
    return _domain_fit({**pairs, "law": law, "members": members})


def _domain_fit(pairs: dict[str, Any]) -> DomainFit:
    """A domain's fit whose numbers suit its law.

    Raises:
        ValueError: a parameter that is missing, or is no value that the law can have.
    """
    check_fields(DomainFit, pairs)
    law, params = pairs["law"], pairs["params"]
    odd = set(params) ^ set(law.parameters)
    if odd:
        raise ValueError(f"law {law.name} has {', '.join(law.parameters)}; not so {sorted(odd)}")
    wrong = [name for name, value in params.items() if not math.isfinite(value)]
    if wrong or not np.isfinite(law.inner(params)).all():
        raise ValueError(
            f"law {law.name} cannot have {', '.join(wrong or law.parameters)} as given"
        )
    return DomainFit(**pairs)


def _domains(plain: dict[str, dict[str, Any]]) -> dict[str, DomainFit]:
    """Rebuild the laws from their names; combinations need the D_pt and D_cpt fits first."""
    built: dict[str, DomainFit] = {}
    for role in sorted(plain, key=lambda role: plain[role]["law"] in catalog.COMBINATIONS):
        pairs = dict(plain[role])
        if pairs["law"] in catalog.COMBINATIONS:
            both = built["pt"], built["cpt"]
            law = combination(*both, pairs["law"])
            built[role] = _domain_fit({**pairs, "law": law, "combines": both})
        else:
            built[role] = _domain(pairs)
    return {role: built[role] for role in plain}
