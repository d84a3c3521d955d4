"""How accurately laws forecast: fit on a part of real curves, predict the rest, score."""

from cptlaw_evidence.accuracy.rooms import names, protocols_shape
from cptlaw_evidence.accuracy.running import measure
from cptlaw_evidence.accuracy.text import protocols_text, to_markdown, to_text
from cptlaw_evidence.laws import FIELD
from cptlaw_evidence.laws.baselines import BASELINES

LAWS = ("effective", "auto", "average", "paper", *FIELD, *BASELINES)
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
