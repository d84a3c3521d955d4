"""How well intervals hold: how often a measured loss lies within that of its forecast."""

from cptlaw_evidence.coverage.measuring import LAWS, measure
from cptlaw_evidence.coverage.summary import shape
from cptlaw_evidence.coverage.text import beside, fit_text, to_markdown, to_text

__all__ = ["LAWS", "beside", "fit_text", "measure", "shape", "to_markdown", "to_text"]
