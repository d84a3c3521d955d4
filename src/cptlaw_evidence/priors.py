"""Fits of public runs for `cptlaw plan --prior`, and how well they foretell each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cptlaw.decisions.prior import PriorOptions, PriorPlan, plan_prior
from cptlaw.files import write_atomic
from cptlaw.fitting.fit import fit
from cptlaw.fitting.published import settings
from cptlaw.fitting.result import DomainFit
from cptlaw.page import table
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources import loading
from cptlaw_evidence.sources.source import Curves


@dataclass(frozen=True)
class _Origin:
    """A study that tells of peaks or replay.

    Args:
        source: of real curves.
        study: of that source; None for its only one.
        schedule: of the base, where its log lists every LR.
        family: of sources that share a model or data.
        words: what was trained.
        base: the run that the CPT runs go on from.
        left_out: runs of other sizes or batches.
    """

    source: str
    family: str
    words: str
    base: str
    size: float
    study: str | None = None
    schedule: str | None = None
    left_out: tuple[str, ...] = ()


ORIGINS = (
    _Origin("tiny-grid", "0.15M", "0.15M, documentation to code", "base", 150_976,
            left_out=("size-", "batch")),
    _Origin("tiny-cpt", "0.8M", "0.8M, documentation to Python", "pt_const", 0.8e6,
            schedule="warmup 200 to 0.001 | constant 3800"),
    _Origin("grid-6m", "6M and 20M", "6M, documentation to C", "6m-base", 2.655e6),
    _Origin("grid-20m", "6M and 20M", "20M, documentation to C", "base", 14.16e6),
    _Origin("delphi-midtraining", "3.4B", "3.4B, web to mathematics", "1e21", 3.4e9,
            study="assumed base"),
)  # fmt: skip
_PAPER = "fineweb-kp-106m-r"
_PAPER_BASE, _PAPER_STEPS, _PAPER_SHARES = (
    "warmup 500 to 0.0002 | constant 39500",
    20_000,
    (0, 0.67),
)


def measured(data: Path | None, progress: Callable[[str], None]) -> dict[str, Any]:
    """The sources, fitted: what `sources.json` holds.

    Args:
        data: folder of the curves that do not come with the package.
        progress: is told of every fit.
    """
    found: dict[str, Any] = {}
    for origin in ORIGINS:
        curves = _curves(origin, data)
        if curves is None:
            progress(f"{origin.source}: no curves; left out")
            continue
        progress(f"fitting {origin.source} ...")
        found[origin.source] = _fitted(origin, curves)
    paper = settings()["A"]
    found[_PAPER] = {
        "family": "paper",
        "words": "106M, web to Knowledge-Pile, printed coefficients",
        "model_size": paper["model_size"],
        "schedule": _PAPER_BASE,
        "steps": _PAPER_STEPS,
        "peaks": [1.0, 1.0],
        "shares": list(_PAPER_SHARES),
        "published": _PAPER,
    }
    return {"from": "cptlaw bench priors --data DIR", "sources": found}


def write(path: str | Path, found: Mapping[str, Any]) -> Path:
    """Write the file of sources."""
    return write_atomic(Path(path), json.dumps(found, indent=1, allow_nan=False) + "\n")


def _curves(origin: _Origin, data: Path | None) -> Curves | None:
    source = next(each for each in loading.SOURCES if each.name == origin.source)
    folder = (data or Path()) / source.name
    return source.load(folder) if source.bundled or (data and folder.is_dir()) else None


def _fitted(origin: _Origin, curves: Curves) -> dict[str, Any]:
    whole = curves.study if origin.study is None else curves.studies[origin.study]
    runs = tuple(r for r in whole.runs if not r.name.startswith(origin.left_out or ("\0",)))
    roles = {role: c for role, c in whole.domains.items() if role in ("pt", "cpt")}
    study = replace(whole, runs=runs, domains=roles)
    base = study.run(origin.base)
    assert base.schedule is not None
    cpt = [run for run in runs if run.data == "cpt" and run.curves and _of_base(study, run)]
    peaks = [run.schedule.peak / base.schedule.peak for run in cpt if run.schedule is not None]
    result = fit(study)
    return {
        "family": origin.family,
        "words": origin.words,
        "model_size": origin.size,
        "schedule": origin.schedule or base.schedule.text,
        "steps": max(run.steps for run in cpt),
        "peaks": [round(min(peaks), 4), round(max(peaks), 4)],
        "shares": [min(r.replay for r in cpt), max(r.replay for r in cpt)],
        "convention": asdict(result.convention),
        "domains": {role: _domain(domain) for role, domain in result.domains.items()},
    }


def _of_base(study: Study, run: Run) -> bool:
    return not study.is_hidden_cpt(run)


def _domain(domain: DomainFit) -> dict[str, Any]:
    facts = {k: v for k, v in asdict(domain.facts).items() if v is not None}
    for phase in ("pt", "cpt"):
        facts[phase] = {k: v for k, v in facts[phase].items() if v is not None}
    params = {name: float(f"{value:.6g}") for name, value in domain.params.items()}
    spread = {
        name: None if error is None or error == float("inf") else float(f"{error:.2g}")
        for name, error in domain.stderr.items()
    }
    return {"law": domain.law.name, "facts": facts, "params": params, "stderr": spread}


# --- does it foretell -------------------------------------------------------------------------


def foretold(options: Sequence[PriorOptions], progress: Callable[[str], None]) -> dict[str, Any]:
    """Whether the others' ranges hold what is best by each source, and what they cost there.

    Args:
        options: models to plan for.
        progress: is told of every one.
    """
    rows: list[dict[str, Any]] = []
    for each in options:
        whole = plan_prior(each, progress=progress)
        for family in dict.fromkeys(own.family for own in whole.sources):
            others = plan_prior(each, without=[family])
            rows += _held(each, whole, others, family)
    return {"rows": rows}


def _held(
    options: PriorOptions, whole: PriorPlan, others: PriorPlan, family: str
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for own in whole.sources:
        if own.family != family:
            continue
        for choice, mine, theirs in (
            ("peak", own.peak, others.ratio),
            ("replay", own.replay, others.replay),
        ):
            if mine is not None:
                found.append(
                    {
                        "goal": options.goal.text,
                        "source": own.source,
                        "choice": choice,
                        "best": mine.value,
                        "low": theirs.low,
                        "high": theirs.high,
                        "held": theirs.holds(mine.value),
                        "chosen": theirs.value,
                        "nearly_best": mine.holds(theirs.value),
                    }
                )
    return found


def foretold_text(result: Mapping[str, Any]) -> str:
    """The same as a table."""
    rows = [
        (
            row["source"],
            row["goal"],
            row["choice"],
            f"{row['best']:.2g}",
            f"{row['low']:.2g} to {row['high']:.2g}",
            "yes" if row["held"] else "no",
            f"{row['chosen']:.2g}",
            "yes" if row["nearly_best"] else "no",
        )
        for row in result["rows"]
    ]
    headers = ("left out", "goal", "choice", "its best", "range of the others", "held",
               "their middle", "nearly best there")  # fmt: skip
    return table(headers, rows)
