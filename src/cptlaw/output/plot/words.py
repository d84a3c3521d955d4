"""What figures say: titles, labels of runs, and what is left out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from cptlaw.errors import DataError, suggestion
from cptlaw.output.plot import style

PANELS, FEW = 4, 2  # domains in one figure; those that a narrow one has if none is asked for
WIDTH = 40  # letters in one line of a label
BREAKS = " -_./,"  # where a long name may be broken


def shown(domains: Iterable[str], roles: Sequence[str] | None) -> list[str]:
    """The domains to draw: those that are asked for, or the first four, D_pt and D_cpt first.

    A narrow figure has the first two.

    Raises:
        DataError: an unknown domain, or too many.
    """
    known = list(domains)
    if roles is None:
        return sorted(known, key=lambda r: (r != "pt", r != "cpt"))[
            : FEW if style.is_narrow() else PANELS
        ]
    for role in roles:
        if role not in known:
            raise DataError(f"no domain '{role}' to draw. {suggestion(role, known)}")
    if not 1 <= len(set(roles)) <= PANELS:
        raise DataError(f"{len(set(roles))} domains for one figure; give 1 to {PANELS}.")
    return list(dict.fromkeys(roles))


def not_shown(domains: Iterable[str], shown: Sequence[str]) -> str:
    """The domains that a figure leaves out, in words; nothing if there are none."""
    left_out = ", ".join(role for role in domains if role not in shown)
    return f"not shown: {left_out}" if left_out else ""


def domain_title(role: str) -> str:
    """A domain as a panel's title."""
    if role in ("pt", "cpt"):
        return rf"$D_\mathrm{{{role}}}$ loss"
    return "loss" if role == "loss" else plain(role.removeprefix("ood."), 18) + " loss"


def labels(names: Sequence[str]) -> dict[str, str]:
    """The names of runs as labels; of long ones, what all have in common is left out."""
    if len(names) < 2 or max(map(len, names)) <= WIDTH:
        return {name: plain(name) for name in names}
    start = _common(names)
    end = _common([name[start:][::-1] for name in names])
    return {
        name: plain("…" * (start > 0) + name[start : len(name) - end] + "…" * (end > 0))
        for name in names
    }


def _common(names: Sequence[str]) -> int:
    """How many first letters all names share, up to a place where a word ends."""
    shared = os.path.commonprefix(list(names))
    return max((i + 1 for i, letter in enumerate(shared) if letter in BREAKS), default=0)


def plain(text: str, width: int = WIDTH) -> str:
    """A name that matplotlib shows as it is: no mathematics, no hidden label, no long line."""
    lines, rest = list[str](), text.strip() or "(no name)"
    while len(rest) > width:
        breaks = [i + 1 for i, c in enumerate(rest[:width]) if c in BREAKS and i > width // 2]
        at = breaks[-1] if breaks else width
        lines.append(rest[:at])
        rest = rest[at:]
    whole = "\n".join([*lines, rest]).replace("$", r"\$")
    return "\u200a" + whole if whole.startswith("_") else whole


def points_text(count: int, where: str) -> str:
    """How many points the frame leaves out; empty for none."""
    return f"{count} {'point' if count == 1 else 'points'} {where}" if count else ""
