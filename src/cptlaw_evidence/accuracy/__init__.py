"""How accurately laws forecast: fit on a part of real curves, predict the rest, score."""

from cptlaw.laws.catalog import field
from cptlaw_evidence.accuracy.baselines import BASELINES
from cptlaw_evidence.accuracy.rooms import names, protocols_shape
from cptlaw_evidence.accuracy.running import measure
from cptlaw_evidence.accuracy.text import protocols_text, to_markdown, to_text

LAWS = ("effective", "auto", "average", "paper", *(e.name for e in field.ENTRIES), *BASELINES)
"""What is compared where nothing is named."""

__all__ = [
    "LAWS",
    "measure",
    "names",
    "protocols_shape",
    "protocols_text",
    "to_markdown",
    "to_text",
]
