"""How accurately laws forecast: fit on a part of real curves, predict the rest, score."""

from cptlaw_evidence.accuracy.measuring import LAWS, measure
from cptlaw_evidence.accuracy.text import protocols_text, to_markdown, to_text

__all__ = ["LAWS", "measure", "protocols_text", "to_markdown", "to_text"]
