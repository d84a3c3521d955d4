"""The catalogue and the published fits as text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cptlaw.fitting.result import Fit
from cptlaw.laws import catalog
from cptlaw.page import wrapped

_EXPONENT = re.compile(r"e\+0*(\d)")  # of the batches in an example: 4e+06 is 4e6


def laws_text() -> str:
    """The catalogue: every law with its equation and source."""
    laws = [catalog.example(name) for name in catalog.LAWS]
    texts = [
        (f"{w.name}: {w.title}", wrapped(_EXPONENT.sub(r"e\1", w.text), "  ", "      "), w.source)
        for w in laws
    ]
    return "\n\n".join(f"{title}\n{equation}\n  {source}" for title, equation, source in texts)


def published_text(fits: Mapping[str, Fit]) -> str:
    """Published fits by name: where they are printed, and what a forecast from them needs."""
    parts: list[str] = []
    for name, fit in fits.items():
        laws = ", ".join(dict.fromkeys(d.law.name for d in fit.domains.values()))
        bases = sorted({base for d in fit.domains.values() for base in d.facts.bases})
        start = " or ".join(f"--after unknown:{b}" for b in bases) or "--base-schedule TEXT"
        size = ", --model-size N" if any(d.depends_on_size for d in fit.domains.values()) else ""
        about = wrapped(f"{', '.join(fit.domains)} by {laws}; needs {start}{size}", "  ", "    ")
        parts.append(f"published:{name}\n{wrapped(fit.source, '  ', '    ')}\n{about}")
    return "\n\n".join(parts)
