"""Rules on the end of a run: "pt > 3.2 at 90 %"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cptlaw.errors import DataError

Action: TypeAlias = Literal["warn", "stop"]
_USUAL = 0.9
_RULE = re.compile(
    r"\s*(?:(?P<action>warn|stop)\s*:)?\s*(?P<role>[\w.\-]+)\s*(?P<side>>|<|above|below)\s*"
    r"(?P<limit>[-+.\deE]+)\s*(?:(?:at|with|@)\s*(?P<sure>[\d.]+)\s*%)?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Rule:
    """What to do when the end of a run is foreseen beyond a limit.

    Args:
        role: the domain.
        side: "above" or "below" the limit.
        limit: nats per token.
        sure: probability from which on the rule holds.
        action: to "warn" or to "stop".

    Raises:
        DataError: a limit that is no loss, or a probability that is not between 0 and 1.
    """

    role: str
    side: Literal["above", "below"]
    limit: float
    sure: float = _USUAL
    action: Action = "warn"

    def __post_init__(self) -> None:
        if not 0 < self.limit < float("inf"):
            raise DataError(f"rule '{self.text}': the limit is a loss, above 0.")
        if not 0 < self.sure < 1:
            raise DataError(f"rule '{self.text}': give a probability such as 90 %, below 100 %.")

    @property
    def text(self) -> str:
        """The rule as `rule` reads it."""
        sign = ">" if self.side == "above" else "<"
        return f"{self.action}: {self.role} {sign} {self.limit:g} at {100 * self.sure:g} %"

    def passed(self, loss: float) -> bool:
        """Whether a last loss lies beyond the limit."""
        return loss > self.limit if self.side == "above" else loss < self.limit


def rule(text: str, action: Action = "warn") -> Rule:
    """The rule that a text says, such as "pt > 3.2 at 90 %" or "stop: cpt > 2.6 at 95 %".

    Args:
        text: domain, > or < (above, below), loss; "at N %" for another probability than 90 %.
        action: what is done where the text does not begin with "warn:" or "stop:".

    Raises:
        DataError: not of that form.
    """
    match = _RULE.fullmatch(text)
    try:
        limit = float(match["limit"]) if match else None
    except ValueError:
        limit = None
    if match is None or limit is None:
        raise DataError(
            f"rule '{text}': expected DOMAIN > LOSS at N %, such as 'pt > 3.2 at 90 %' or "
            "'stop: cpt > 2.6 at 95 %'."
        )
    said = (match["action"] or action).lower()
    return Rule(
        match["role"],
        "above" if match["side"].lower() in (">", "above") else "below",
        limit,
        float(match["sure"]) / 100 if match["sure"] else _USUAL,
        "stop" if said == "stop" else "warn",
    )


def rules_of(given: Iterable[Rule | str], roles: Iterable[str] | None) -> tuple[Rule, ...]:
    """Rules from values or texts, each on a domain that there is.

    Args:
        given: values or texts.
        roles: the domains; None where they are not known yet.

    Raises:
        DataError: an unknown domain, or a text that is no rule.
    """
    found = tuple(one if isinstance(one, Rule) else rule(one) for one in given)
    if roles is None:
        return found
    known = list(roles)
    for one in found:
        if one.role not in known:
            raise DataError(
                f"rule '{one.text}': the run is not measured on '{one.role}'; domains: "
                f"{', '.join(known)}."
            )
    return found
