"""A run that is followed, as plain dicts."""

from __future__ import annotations

from typing import Any

from cptlaw.live.outlook import DomainOutlook, Followed, Outlook
from cptlaw.output.json.numbers import finite


def outlook_json(outlook: Outlook, curves: bool = False) -> dict[str, Any]:
    """`{"run", "step", "steps", "verdict", "stop", "domains": {role: {...}}, "alarms": [...]}`.

    Args:
        outlook: of a run at a step.
        curves: whether the losses between now and the end are told too.
    """
    return {
        "run": outlook.run,
        "step": outlook.step,
        "steps": outlook.steps,
        "verdict": outlook.verdict,
        "stop": outlook.stops,
        "basis": outlook.basis,
        "level": outlook.level,
        "lr": outlook.lr,
        "domains": {role: _domain(domain, curves) for role, domain in outlook.domains.items()},
        "alarms": [
            {"kind": a.kind, "domain": a.role or None, "stop": a.stop, "words": a.words}
            for a in outlook.alarms
        ],
        "rules": [one.text for one in outlook.rules],
    }


def followed_json(followed: Followed) -> dict[str, Any]:
    """`{"outlooks": [...]}`, the last with the curve to its end."""
    last = len(followed.outlooks) - 1
    return {"outlooks": [outlook_json(o, i == last) for i, o in enumerate(followed.outlooks)]}


def _domain(domain: DomainOutlook, curves: bool) -> dict[str, Any]:
    then, ahead = domain.foreseen, domain.ahead
    found: dict[str, Any] = {
        "loss": finite(domain.loss),
        "foreseen": None if then is None else then[0],
        "foreseen_low": None if then is None else then[1],
        "foreseen_high": None if then is None else then[2],
        "off": finite(domain.off),
        "final": None if ahead is None else ahead.final,
        "final_low": None if ahead is None else float(ahead.low[-1]),
        "final_high": None if ahead is None else float(ahead.high[-1]),
    }
    if curves and ahead is not None:
        names = ("step", "loss", "low", "high")
        found["ahead"] = {name: getattr(ahead, name).tolist() for name in names}
    return found
