"""Log files for tests, and what was read from them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from cptlaw.studies.runs import Run

TINY = "step,lr,eval_loss\n10,1e-3,3.5\n20,5e-4,3.25\n"
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
losses = st.floats(1e-50, 1e50)


def listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def points(run: Run, column: str) -> dict[int, float]:
    curve = run.curves[column]
    return dict(zip(curve.steps.tolist(), curve.loss.tolist(), strict=True))


def rates(run: Run) -> dict[int, float]:
    assert run.logged_lr is not None
    return dict(zip(run.logged_lr.steps.tolist(), run.logged_lr.lr.tolist(), strict=True))


def told(run: Run, *words: str) -> bool:
    """Whether one note holds all the words."""
    return any(all(word in note for word in words) for note in run.notes)


def csv_of(*rows: tuple[int, float]) -> str:
    return "step,lr,loss\n" + "".join(f"{step},1e-3,{loss}\n" for step, loss in rows)


def state(*rows: dict[str, Any], step: int | None = None) -> str:
    last = max((row.get("step", 0) for row in rows), default=0) if step is None else step
    return json.dumps({"epoch": 1.0, "global_step": last, "log_history": list(rows)}, indent=2)
