"""The paper's printed coefficients as ready fits.

Where the print is coarse or ambiguous, the fit's advice says so, and a forecast repeats it.

Source: arXiv:2505.07796v2; the figure of each fit is in its `source`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError, suggestion
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import DomainFit, Fit, combination
from cptlaw.laws import catalog
from cptlaw.laws.areas import Convention
from cptlaw.laws.catalog import Facts
from cptlaw.page import number

PREFIX = "published:"
REFERENCE_AREA = 4.0
"""S1cpt of 20k steps at 2e-4: a CPT as long as the paper's, where shifts are stated."""
_LONGEST = 40_000
_HALF_DIGIT = 5e-4
_COARSE = 0.05
_FAR_FROM_LIMIT = 0.2


@dataclass(frozen=True)
class PublishedShift:
    """A printed shift term that comes without the rest of its law.

    Args:
        figure: where it is printed.
        domain: "pt" or "cpt".
        form: "power": B * (1 - (1 + E*x)**-beta); "exponential": B * (1 - exp(-E*x)).
        B: limit of the shift, nats per token.
        E: rate, one over the unit of x.
        beta: exponent; None in the exponential form.
        area: what x counts since the transfer: "steps", or "S1", the sum of learning rates.
        r2: the paper's R2, None where it prints none.
        note: what is unclear about it, or whom it holds for.
    """

    figure: str
    domain: Literal["pt", "cpt"]
    form: Literal["power", "exponential"]
    B: float
    E: float
    beta: float | None
    area: Literal["steps", "S1"]
    r2: float | None = None
    note: str = ""

    def at(self, x: ArrayLike) -> FloatArray:
        """The shift in nats per token at x (n,), counted in `area`, shape (n,)."""
        reach = self.E * np.asarray(x, dtype=np.float64)
        exponent = reach if self.beta is None else self.beta * np.log1p(reach)
        return -self.B * np.expm1(-exponent)


def names() -> tuple[str, ...]:
    """Names of the published fits, as `load` takes them."""
    return tuple(_data()["fits"])


def load(name: str) -> Fit:
    """A published fit, ready for a forecast or a plan.

    Args:
        name: one of `names()`, with or without "published:" before it.

    Raises:
        DataError: there is none of that name.
    """
    bare = name.removeprefix(PREFIX)
    if bare not in _data()["fits"]:
        raise DataError(f"no published fit '{bare}'. {suggestion(bare, names())}")
    return _fit(bare)


def shifts() -> tuple[PublishedShift, ...]:
    """The shift terms that the paper prints alone: figures 2, 14 (in steps) and 17 (in S1).

    They are no complete laws and give no loss; `PublishedShift.at` gives the shift.
    """
    notes: Mapping[str, str] = _data()["figure_notes"]
    printed: list[dict[str, Any]] = _data()["shifts"]
    return tuple(
        PublishedShift(
            beta=s.pop("beta", None), note=s.pop("note", notes.get(s["figure"], "")), **s
        )
        for s in map(dict[str, Any], printed)
    )


def settings() -> dict[str, dict[str, Any]]:
    """The runs of Table 1 by label: model size, data, peak LR, batch, and how they were trained."""
    data = _data()
    return {label: {**each, **data["training"]} for label, each in data["settings"].items()}


def table2() -> dict[str, dict[str, tuple[float, float]]]:
    """Huber loss and R2 that Table 2 prints: fit -> "pt" or "cpt" -> both."""
    return {
        name: {role: (huber, r2) for role, (huber, r2) in entry["table2"].items()}
        for name, entry in _data()["fits"].items()
        if "table2" in entry
    }


@cache
def _data() -> dict[str, Any]:
    text = files("cptlaw.fitting").joinpath("published.json").read_text(encoding="utf-8")
    return json.loads(text)


@cache
def _fit(name: str) -> Fit:
    entry = _data()["fits"][name]
    if "of" in entry:
        return _with_ood(_fit(entry["of"]), entry)
    domains = {role: _domain(name, role, entry) for role in ("pt", "cpt")}
    return Fit(domains, FitOptions(Convention()), notes=_notes(entry), source=_source(entry))


def _domain(name: str, role: str, entry: dict[str, Any]) -> DomainFit:
    bases = (name.removesuffix("-law"),) if _has_unknown_base(entry) else ()
    facts = Facts(role, REFERENCE_AREA, _LONGEST, bases)
    fixed = {"lambda": _data()["lambda"], **entry.get("fixed", {})}
    printed = entry[role]
    params = {**printed, **entry.get("recovered", {}).get(role, {})}
    if "a2" in printed:
        params["B"] = _whole_shift(role, printed["B"], printed["a2"])
    law = catalog.get(entry["law"], facts)
    stated = {**params, **fixed}
    return DomainFit(
        role,
        law,
        facts,
        {parameter: float(stated[parameter]) for parameter in law.parameters},
        status="published",
        advice=(*_coarse_print(role, params, printed), *entry.get("advice", {}).get(role, ())),
        ranges=_ranges(entry),
        fixed=fixed,
    )


def _has_unknown_base(entry: dict[str, Any]) -> bool:
    return "unknown" in catalog.LAWS[entry["law"]].traits.sees


def _whole_shift(role: str, b: float, a2: float) -> float:
    """B of our eq8, the limit at r_cpt = 1, from B as printed.

    The paper's factor is exp(a2*r) - 1 on D_pt and 1 - exp(-a2*r) on D_cpt, ours is divided by
    its value at r = 1. With B as printed under our factor, beta could not follow figure 3's
    shift on D_pt (root mean square .012 nats up to S1cpt = 6, against .003 so); on D_cpt the
    two readings are the same to .3 %.
    """
    return float(b * (np.expm1(a2) if role == "pt" else -np.expm1(-a2)))


def _coarse_print(
    role: str, params: Mapping[str, float], printed: Mapping[str, float]
) -> tuple[str, ...]:
    """What three printed decimals leave open, each a sentence."""
    b, beta = params["B"], params["beta"]
    log_reach = np.log1p(params["E"] * REFERENCE_AREA)
    low, usual, high = (
        -np.expm1(-e * log_reach) for e in (beta - _HALF_DIGIT, beta, beta + _HALF_DIGIT)
    )
    found: list[str] = []
    if "beta" in printed and high - low > _COARSE * usual:
        found.append(
            f"beta = {number(beta, 6)} is printed to three decimals, so the shift at S1cpt = "
            f"{number(REFERENCE_AREA, 6)} lies anywhere in {b * low:.3f} to {b * high:.3f}."
        )
    if role == "pt" and usual < _FAR_FROM_LIMIT:
        found.append(
            f"The shift at S1cpt = {number(REFERENCE_AREA, 6)} is only {usual:.1%} of its limit "
            f"B = {number(b, 3)}, so that limit (L0 + B = {params['L0'] + b:.1f}) and the "
            "critical point "
            "mean nothing."
        )
    return tuple(found)


def _ranges(entry: dict[str, Any]) -> dict[str, tuple[float, float]]:
    settings = [_data()["settings"][label] for label in entry["settings"]]
    peaks = [s["peak_lr"] for s in settings]
    sizes = [s["model_size"] for s in settings]
    stated: dict[str, tuple[float, float]] = entry.get("ranges", {})
    found: dict[str, tuple[float, float]] = {
        "cpt_peak_lr": (min(peaks), max(peaks)),
        "replay": (entry["replay"][0], entry["replay"][1]),
        "model_size": (min(sizes), max(sizes)),
        **{quantity: (float(low), float(high)) for quantity, (low, high) in stated.items()},
    }
    if not _has_unknown_base(entry):
        found["pt_peak_lr"] = found["cpt_peak_lr"]
    return found


def _with_ood(fit: Fit, entry: dict[str, Any]) -> Fit:
    pt, cpt = fit.domain("pt"), fit.domain("cpt")
    ood = {f"ood.{name}": _combined(f"ood.{name}", pt, cpt, w) for name, w in entry["ood"].items()}
    source = f"{_data()['paper']}, {entry['where']}, on {fit.source}"
    notes = (*fit.notes, *_notes(entry))
    return replace(fit, domains={**fit.domains, **ood}, source=source, notes=notes)


def _combined(role: str, pt: DomainFit, cpt: DomainFit, weights: Mapping[str, float]) -> DomainFit:
    return DomainFit(
        role,
        combination(pt, cpt),
        Facts(role, REFERENCE_AREA, _LONGEST),
        weights,
        status="published",
        ranges=pt.ranges,
        combines=(pt, cpt),
    )


def _source(entry: dict[str, Any]) -> str:
    words: list[str] = []
    for label in entry["settings"]:
        s = _data()["settings"][label]
        words.append(
            f"setting {label}: {number(s['model_size'] / 1e6, 6)}M parameters, {s['pt']} -> "
            f"{s['cpt']}, "
            f"peak LR {number(s['peak_lr'], 6)}, {number(s['batch_tokens'] / 1e6, 6)}M tokens "
            "a step, "
            f"sequences of {s['sequence_length']}"
        )
    return f"{_data()['paper']}, {entry['where']} ({'; '.join(words)})"


def _notes(entry: dict[str, Any]) -> tuple[str, ...]:
    found = list[str](entry.get("notes", ()))
    at_start = [f"D_{r}" for r in ("pt", "cpt") if abs(entry.get(r, {}).get("E", 0) - 100) < 1]
    if at_start:
        found.append(
            f"E near 100 on {' and '.join(at_start)} recurs in several of the paper's fits and "
            "looks like the start or the bound of a search: trust the shift, not E, B and beta."
        )
    scores = [
        f"a Huber loss of {number(huber, 6)} and an R2 of {number(r2, 6)} on D_{role}"
        for role, (huber, r2) in entry.get("table2", {}).items()
    ]
    if scores:
        found.append(f"Table 2 gives {' and '.join(scores)}.")
    return tuple(found)
