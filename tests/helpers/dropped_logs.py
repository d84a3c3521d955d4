"""Logs as people drop them on the explorer: a base and a CPT run, with three losses."""

import numpy as np

COLUMNS = ("eval_general_loss", "eval_code_loss", "eval_law_loss")


def log_of(first, lr, losses):
    """The bytes of a CSV log, a row every ten steps."""
    rows = [
        ",".join([str(first + 10 * i), f"{lr:g}", *(f"{loss:.5f}" for loss in row)])
        for i, row in enumerate(zip(*losses, strict=True))
    ]
    return ("\n".join([",".join(["step", "lr", *COLUMNS]), *rows]) + "\n").encode()


def logs():
    """Name and bytes of both; the loss on code rises most along the CPT."""
    t = np.arange(1, 41)
    fall = t**-0.5
    base = log_of(10, 1e-3, (2 + fall, 2.1 + fall, 2.2 + fall))
    cpt = log_of(410, 5e-4, (2.16 + 0.004 * t, 2.26 + 0.01 * t, 2.36 - 0.1 * t**0.5))
    return [("logs/base.csv", base), ("logs/cpt.csv", cpt)]
