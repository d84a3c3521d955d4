"""Losses in bits per byte -> nats per token, and what columns of a log are in."""

from __future__ import annotations

import math
from dataclasses import replace

from cptlaw.page import number
from cptlaw.studies.logs.names import is_bits
from cptlaw.studies.runs import Curve, Run

BITS = "bits per byte"
NATS = "nats"


def unit(column: str) -> str:
    """What a column's losses are in, by its name."""
    return BITS if is_bits(column) else NATS


def in_nats(run: Run, bytes_per_token: float | None) -> Run:
    """The run with its losses in bits per byte turned into nats per token, if that can be done.

    Args:
        run: as read.
        bytes_per_token: of the text that the losses are measured on, by the run's tokenizer.
    """
    columns = [column for column in run.curves if is_bits(column)]
    if not columns:
        return run
    if bytes_per_token is None:
        notes = [
            f"'{column}' is in bits per byte, and so are its forecasts; bytes_per_token in the "
            "study would turn it into nats per token."
            for column in columns
        ]
        return replace(run, notes=(*run.notes, *notes))
    factor = math.log(2) * bytes_per_token
    curves = dict(run.curves)
    for column in columns:
        curve: Curve = curves[column]
        curves[column] = replace(curve, loss=curve.loss * factor)
    note = (
        f"{', '.join(columns)}: bits per byte turned into nats per token, times "
        f"{number(factor, 6)}."
    )
    return replace(run, curves=curves, notes=(*run.notes, note))
