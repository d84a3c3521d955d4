"""Names of parameters, as text and in LaTeX."""

from __future__ import annotations

import re


def stem(name: str) -> str:
    """A parameter's name without its label: E[x] -> E."""
    return name.partition("[")[0]


_GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|"
    "upsilon|phi|chi|psi|omega"
)


def latex_name(name: str) -> str:
    r"""A parameter's name in LaTeX: C1 -> C_{1}, alpha -> \alpha, E[x] -> E^{(\mathrm{x})}."""
    body, _, label = name.partition("[")
    label = label.rstrip("]").replace("_", r"\_")
    match = re.fullmatch(r"([A-Za-z]+)_?(\d+|c?pt)?", body)
    stem, index = match.groups() if match else (body, None)
    if _GREEK.fullmatch(stem):
        stem = "\\" + stem
    out = stem + (f"_{{{index}}}" if index else "")
    return out + (rf"^{{(\mathrm{{{label}}})}}" if label else "")
