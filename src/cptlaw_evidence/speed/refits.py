"""Two hundred refits at once, against one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.fit import fit
from cptlaw.fitting.newton import minimise
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import observe
from cptlaw.fitting.refits import refitted
from cptlaw.fitting.resampling import resampled_weights
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import COUNT, bootstrap, objective_of
from cptlaw.output.store import from_json, to_json
from cptlaw.page import table
from cptlaw.studies import datasets
from cptlaw_evidence.speed.fits import squares_of
from cptlaw_evidence.speed.tools import by_least_squares
from cptlaw_evidence.timing import Progress, by_turns, median, ratio

STUDY = "tiny-cpt"
SOME = 10  # refits that are done one by one; the time is taken that many times more


def measure(rounds: int, progress: Progress) -> dict[str, Any]:
    """Refit the fit of the bundled runs, at once and one by one."""
    progress(f"fitting {STUDY} ...")
    study = datasets.load(STUDY)
    fitted = fit(study)
    stored = to_json(fitted)
    progress("all refits of a fit ...")
    taken, _ = by_turns(rounds, lambda: from_json(stored, Fit), {"all": bootstrap})
    domains: list[dict[str, Any]] = []
    roles = [role for role, one in fitted.domains.items() if not (one.combines or one.members)]
    for number, role in enumerate(roles, 1):
        progress(f"({number} of {len(roles)}) refits one by one: {role} ...")
        domains.append({"domain": role, **_domain(fitted, role, rounds)})
    return {
        "study": STUDY,
        "count": COUNT,
        "some": SOME,
        "of_fit": len(fitted.domains),
        "seconds": median(taken["all"]),
        "domains": domains,
    }


def _domain(fitted: Fit, role: str, rounds: int) -> dict[str, Any]:
    assert fitted.study is not None
    domain, study = fitted.domains[role], fitted.study
    observed = observe(study, role, fitted.convention)
    weights = resampled_weights(observed, COUNT, 0)

    def posed() -> Objective:
        return objective_of(fitted, domain, observe(study, role, fitted.convention))

    def at_once(objective: Objective) -> list[float]:
        places = domain.place + refitted(objective, domain, weights)
        return _values(objective, weights, places[:SOME])

    def one_by_one(objective: Objective, search: Callable[[Objective], float]) -> list[float]:
        return [search(_weighed(objective, weight)) for weight in weights[:SOME]]

    def by_scipy(objective: Objective) -> float:
        return by_least_squares(replace(squares_of(objective), start=domain.place))

    taken, given = by_turns(
        rounds,
        posed,
        {
            "ours": at_once,
            "one by one": lambda o: one_by_one(o, lambda w: minimise(w.at(domain.place)).value),
            "scipy": lambda o: one_by_one(o, by_scipy),
        },
    )
    found: dict[str, Any] = {"points": len(observed), "seconds": median(taken["ours"])}
    for name in ("one by one", "scipy"):
        taken[name] = [seconds * COUNT / SOME for seconds in taken[name]]
        above = np.array(given["ours"]) / np.array(given[name]) - 1.0
        found[name] = {
            "seconds": median(taken[name]),
            "ratio": ratio(taken[name], taken["ours"]),
            "above": float(np.median(above)),
        }
    return found


def _weighed(objective: Objective, weight: FloatArray) -> Objective:
    return replace(objective, weight=objective.counts * weight)


def _values(objective: Objective, weights: FloatArray, places: FloatArray) -> list[float]:
    each = zip(weights, places, strict=False)
    return [_weighed(objective, weight).value(place) for weight, place in each]


def text(result: Mapping[str, Any]) -> str:
    """The measurement as a table."""
    rows: list[tuple[str, ...]] = []
    for r in result["domains"]:
        for name in ("one by one", "scipy"):
            first = (r["domain"], f"{r['points']:,}", f"{r['seconds']:.3f}")
            told = "our search" if name == "one by one" else "scipy least_squares"
            cells = (
                f"{r[name]['seconds']:.2f}",
                f"{r[name]['ratio']:.0f}",
                f"{r[name]['above']:+.1e}",
            )
            rows.append((*(first if name == "one by one" else ("", "", "")), told, *cells))
    headers = ("domain", "points", "ours, s", "one by one", "its s", "times ours", "ours above")
    return "\n".join(
        [
            table(headers, rows, f"{result['count']} refits of a domain of {result['study']}"),
            f"One by one: {result['some']} refits from the fitted parameters, the time of all from "
            "that. ours above: how far the objective of ours lies above theirs, the median.",
            f"All {result['of_fit']} domains, {result['count']} refits each, with what is drawn "
            f"for them: {result['seconds']:.2f} s.",
        ]
    )
