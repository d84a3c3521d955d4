"""Schedules into training runs: a torch scheduler, a CSV, a module that needs no cptlaw."""

from cptlaw.schedules.export.files import write_csv, write_python
from cptlaw.schedules.export.torch_schedule import lambda_lr

__all__ = ["lambda_lr", "write_csv", "write_python"]
