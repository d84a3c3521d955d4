"""What a law's choice costs on real runs: it names one that exists, and the best one is known."""

from cptlaw_evidence.regret.measuring import LAWS, measure
from cptlaw_evidence.regret.summary import shape
from cptlaw_evidence.regret.text import to_markdown, to_text

__all__ = ["LAWS", "measure", "shape", "to_markdown", "to_text"]
