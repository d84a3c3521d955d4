"""How accurately laws forecast: fit on a part of real curves, predict the rest, score."""

from cptlaw.accuracy.baselines import BASELINES
from cptlaw.accuracy.rooms import names, protocols_shape
from cptlaw.accuracy.running import measure
from cptlaw.accuracy.text import protocols_text, to_markdown, to_text
from cptlaw.catalog import field

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
