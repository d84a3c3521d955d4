"""A report of a fit and what was made with it: one HTML file that works offline, or Markdown."""

from cptlaw.output.report.sections import Report, Section, report
from cptlaw.output.report.writing import check, write

__all__ = ["Report", "Section", "check", "report", "write"]
