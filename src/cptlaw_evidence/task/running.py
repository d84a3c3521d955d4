"""A law file of one's own, fitted and asked on each split in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cptlaw import temporary
from cptlaw.ending import unwinding
from cptlaw.errors import DataError
from cptlaw_evidence.sources.loading import LeftOut, Loaded
from cptlaw_evidence.task import tables
from cptlaw_evidence.task.predictions import Prediction


def run(
    law: Path, loaded: Loaded, limit: float, progress: Callable[[str], None]
) -> tuple[list[Prediction], list[LeftOut]]:
    """What a law file predicts, and the splits on which it failed.

    Args:
        law: a file of Python; it runs with all rights of who calls this.
        loaded: protocols and their splits.
        limit: seconds that a split may take.
        progress: is told of every protocol that is done.

    Raises:
        DataError: there is no such file.
    """
    if not law.is_file():
        raise DataError(f"{law}: there is no such file. Name a file of Python with a law.")
    found: list[Prediction] = []
    failed: list[LeftOut] = []
    for done, protocol in enumerate(loaded.protocols, start=1):
        for number, split in enumerate(loaded.splits[protocol.name], start=1):
            given = tables.of_split(split, number)
            try:
                losses = _losses(law, given, limit)
            except DataError as error:
                failed.append({"protocol": f"{protocol.name} (split {number})", "why": str(error)})
                continue
            found += [
                Prediction(
                    protocol.name, row["split"], row["domain"], row["run"], row["step"], loss
                )
                for row, loss in zip(given.test, losses, strict=True)
            ]
        progress(f"{done} of {len(loaded.protocols)}: {protocol.name}")
    return found, failed


def _losses(law: Path, given: tables.Tables, limit: float) -> list[float]:
    parts = {"train": given.train, "test": given.test, "runs": given.runs}
    text = json.dumps({**parts, "features": list(tables.FEATURES)})
    with unwinding(), temporary.folder() as folder:  # so that no law outlives this process
        output = folder / "losses.json"
        command = [sys.executable, "-m", "cptlaw_evidence.task.worker", str(law), str(output)]
        try:
            done = subprocess.run(
                command,
                input=text,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            raise DataError(f"the law took more than {limit:g} s (--limit).") from None
        if done.returncode or not output.exists():
            raise DataError(f"the law failed: {_last_line(done.stderr)}")
        losses: list[Any] = json.loads(output.read_text(encoding="utf-8"))
    return losses


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it ended without a word."
