"""Results as tidy tables: one row a fact, one column a quantity."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypeAlias

from cptlaw.decisions.pilot import Pilots
from cptlaw.decisions.plan.result import Outcome, Plan
from cptlaw.decisions.prior.result import PriorPlan
from cptlaw.errors import MissingExtra
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.backtest import Backtest
from cptlaw.forecasting.compare import Comparison
from cptlaw.forecasting.forecast import Forecast
from cptlaw.live.outlook import Followed, Outlook
from cptlaw.output.json.backtest import backtest_json
from cptlaw.output.json.comparison import comparison_json
from cptlaw.output.json.live import outlook_json
from cptlaw.output.json.pilot import pilots_json
from cptlaw.output.text.fit import how_known
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

Row: TypeAlias = dict[str, Any]


def frame(rows: list[Row]) -> Any:
    """Rows as pandas' DataFrame.

    Raises:
        MissingExtra: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtra("pandas", "pandas", "A table") from None
    return pandas.DataFrame(rows)


def run_rows(run: Run) -> list[Row]:
    """A row for every loss of a log, as its columns have it."""
    return [
        {"log": run.name, "column": name, "step": step, "loss": loss}
        for name, curve in run.curves.items()
        for step, loss in zip(curve.steps.tolist(), curve.loss.tolist(), strict=True)
    ]


def prior_rows(plan: PriorPlan) -> list[Row]:
    """A row for every range."""
    ranges = {
        "peak": plan.peak,
        "peak_of_pretraining": plan.ratio,
        "replay": plan.replay,
        "passes": plan.passes,
        **{f"change_{role}": found for role, found in plan.changes.items()},
        **{f"loss_{role}": found for role, found in plan.losses.items()},
    }
    return [{"quantity": name, **asdict(found)} for name, found in ranges.items()]


def study_rows(study: Study) -> list[Row]:
    """A row for every measured loss, with the learning rate of its step."""
    found: list[Row] = []
    for run in study.runs:
        assert run.schedule is not None
        for role, column in study.domains.items():
            if (curve := run.curves.get(column)) is None:
                continue
            steps = curve.steps.clip(1, run.steps)
            lr = run.schedule.lr(steps)
            found += [
                {"run": run.name, "data": run.data, "domain": role, "step": s, "lr": r, "loss": x}
                for s, r, x in zip(
                    curve.steps.tolist(), lr.tolist(), curve.loss.tolist(), strict=True
                )
            ]
    return found


def fit_rows(fit: Fit) -> list[Row]:
    """A row for every parameter of every domain."""
    return [
        {
            "domain": role,
            "law": domain.law.name,
            "parameter": name,
            "value": value,
            "stderr": domain.stderr.get(name),
            "known": how_known(domain, name),
            "status": domain.status,
        }
        for role, domain in fit.domains.items()
        for name, value in domain.params.items()
    ]


def forecast_rows(forecast: Forecast) -> list[Row]:
    """A row for every domain and step."""
    names = ("step", "loss", "base", "shift", "low", "high", "mean_low", "mean_high")
    found: list[Row] = []
    for role, curve in forecast.domains.items():
        lr = forecast.schedule.lr(curve.step.clip(1)).tolist()
        given = {name: getattr(curve, name) for name in names}
        columns = {name: v.tolist() for name, v in given.items() if v is not None}
        rows = zip(lr, zip(*columns.values(), strict=True), strict=True)
        found += [
            {"domain": role, "lr": r, **dict(zip(columns, row, strict=True))} for r, row in rows
        ]
    return found


def outlook_rows(outlook: Outlook) -> list[Row]:
    """A row for every domain of a run at one step."""
    told = outlook_json(outlook)
    shared = {name: told[name] for name in ("run", "step", "steps", "verdict", "lr")}
    return [{**shared, "domain": role, **cells} for role, cells in told["domains"].items()]


def followed_rows(followed: Followed) -> list[Row]:
    """A row for every domain at every outlook."""
    return [row for outlook in followed.outlooks for row in outlook_rows(outlook)]


def backtest_rows(backtest: Backtest) -> list[Row]:
    """A row for every law, held-out run and domain."""
    return backtest_json(backtest)["rows"]


def comparison_rows(comparison: Comparison) -> list[Row]:
    """A row for every law and domain."""
    return comparison_json(comparison)["rows"]


def plan_rows(plan: Plan) -> list[Row]:
    """A row for the plan, the common default, and every recipe of the trade-offs."""
    named = [("this plan", plan.best)]
    if plan.default is not None:
        named.append(("common default", plan.default))
    named += [("trade-off", outcome) for outcome in plan.front if outcome != plan.best]
    return [{"recipe": name, **_outcome(outcome)} for name, outcome in named]


def _outcome(outcome: Outcome) -> Row:
    recipe = outcome.recipe
    return {
        "after": recipe.start.text,
        "schedule": recipe.schedule.text,
        "family": recipe.family,
        "replay": recipe.replay,
        "value": outcome.value,
        **{f"loss {role}": loss for role, loss in outcome.losses.items()},
        **outcome.costs,
        **{f"knob {name}": value for name, value in recipe.values.items()},
    }


def pilots_rows(pilots: Pilots) -> list[Row]:
    """A row for every run to do."""
    return pilots_json(pilots)["pilots"]
