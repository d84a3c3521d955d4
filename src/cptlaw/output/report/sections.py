"""What a report says of each kind of result, in which order."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cptlaw.decisions.pilot import Pilots
from cptlaw.decisions.plan.result import Plan
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.backtest import Backtest
from cptlaw.forecasting.compare import Comparison
from cptlaw.forecasting.forecast import Forecast
from cptlaw.forecasting.verdict import verdict
from cptlaw.output.report import card
from cptlaw.output.report.blocks import Block, Heading, Paragraph, Points, blocks
from cptlaw.output.report.charts import Chart, fit_chart, forecast_chart, plan_charts
from cptlaw.output.text.verdict import verdict_text
from cptlaw.packages import version_of
from cptlaw.page import Table
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.text import short
from cptlaw.shown import Shown
from cptlaw.studies.study import Study

_PACKAGES = ("cptlaw", "numpy", "scipy", "pydantic")
_LONGEST = 120  # letters of a schedule's text
_DOMAINS = 6  # that have a chart of their own


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Args:
        title: its heading.
        blocks: what it says.
        charts: interactive figures, above the words.
        drawn: the result whose still figure stands for the charts on paper; None for none.
        code: text to be copied as it is.
    """

    title: str
    blocks: tuple[Block, ...] = ()
    charts: tuple[Chart, ...] = ()
    drawn: Shown | None = None
    code: str = ""


@dataclass(frozen=True)
class Report:
    """A report.

    Args:
        title: what it is of.
        sections: its parts, in order.
    """

    title: str
    sections: tuple[Section, ...]


def report(results: Sequence[Shown], title: str = "", sources: Sequence[str] = ()) -> Report:
    """A report of a fit, and of the forecasts, plans and tests that belong to it.

    Args:
        results: a fit, and any of backtests, comparisons, forecasts, plans and pilots.
        title: its title; left out, "What the data say".
        sources: names of the files that they come from, for its last section.

    Raises:
        DataError: no fit, or two.
    """
    fits = [result for result in results if isinstance(result, Fit)]
    if len(fits) != 1:
        raise DataError(f"a report is of one fit; {len(fits) or 'none'} given.")
    (fit,) = fits
    order = list(_OF)
    others = [result for result in results if result is not fit]
    others.sort(key=lambda result: order.index(type(result)))
    sections = [*_of_fit(fit), *(s for other in others for s in _OF[type(other)](other))]
    if not any(isinstance(other, Backtest) for other in others):
        sections.append(_NOT_TESTED)
    plans = [other for other in others if isinstance(other, Plan | Forecast)]
    sections += [Section("For a model card", (_CARD,), code=card.text(fit, plans))]
    return Report(title or "What the data say", (*sections, _provenance(fit, sources)))


_NOT_TESTED = Section(
    "Backtest",
    (
        Paragraph(
            "No run was held out for this report, so how well the law forecasts runs of this study "
            "was not tested here. To test it: cptlaw backtest study.toml --hold-out RUN -o "
            "backtest.json, then give backtest.json to the report too."
        ),
    ),
)
_CARD = Paragraph("A few sentences to copy; complete what stands in angle brackets.")


# --- each kind of result ------------------------------------------------------------------------


def _of_fit(fit: Fit) -> list[Section]:
    told = verdict(fit)
    found = [Section("What the data decide", blocks(lambda: verdict_text(told.first, told.lines)))]
    if fit.study is not None:
        found.append(_data(fit.study))
    charts = tuple(fit_chart(fit, role) for role in list(fit.domains)[:_DOMAINS] if fit.study)
    own = _of_laws(blocks(lambda: fit.summary(verbose=True)))
    drawn = fit if charts else None
    found.append(Section("The fit, and what it leaves", own, charts, drawn))
    found.append(_not_identified(fit))
    return found


def _of_laws(said: Sequence[Block]) -> tuple[Block, ...]:
    """A fit's words from its first law on, without what has a section of its own.

    The verdict and the runs stand before the law; what is not identified comes after it.
    """
    formulas = [i for i, b in enumerate(said) if isinstance(b, Paragraph) and b.is_formula]
    first = max(formulas[0] - 1, 0) if formulas else 0
    found: list[Block] = []
    of_its_own = False
    for block in said[first:]:
        of_its_own = block == _OPEN if isinstance(block, Heading) else of_its_own
        if not of_its_own:
            found.append(block)
    return tuple(found)


_OPEN = Heading("What these data do not tell")


def _data(study: Study) -> Section:
    from cptlaw.output.text.study import study_text

    said = blocks(lambda: study_text(study))
    schedules = Table(
        "",
        ("run", "learning rate"),
        tuple((run.name, _plain_text(run.schedule)) for run in study.runs),
    )
    bad = (Paragraph("Bad data, left out:"), Points(study.faults)) if study.faults else ()
    return Section("The data", (*said, schedules, *bad), (), study)


def _plain_text(schedule: Schedule | None) -> str:
    """A schedule's text where one wants to read it, else how long it is."""
    if schedule is None:
        return "-"
    try:
        text = short(schedule.text)
    except DataError:
        text = ""
    return text if 0 < len(text) <= _LONGEST else f"{schedule.steps:,} steps, each as it was logged"


def _not_identified(fit: Fit) -> Section:
    advice = [f"{role}: {said}" for role, d in fit.domains.items() for said in d.advice]
    if advice:
        return Section(_OPEN.text, (Points(tuple(advice)),))
    return Section(_OPEN.text, (Paragraph("Every coefficient is determined."),))


def _of_forecast(forecast: Forecast) -> list[Section]:
    charts = (forecast_chart(forecast),)
    said = (*blocks(forecast.summary), _INTERVALS)
    return [Section(f"Forecast: {_short(forecast.schedule)}", said, charts, forecast)]


_INTERVALS = Paragraph(
    "An interval says where one run will end, its own noise included. Three things widen it: "
    "refits to parts of the data that differ, what laws of this kind missed by on real curves that "
    "they had not seen, and how far the run leaves what was fitted."
)


def _of_plan(plan: Plan) -> list[Section]:
    return [Section("Plan", blocks(plan.summary), tuple(plan_charts(plan)), plan)]


def _short(schedule: Schedule) -> str:
    text = _plain_text(schedule)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _as_printed(title: str) -> Callable[[Any], list[Section]]:
    return lambda result: [Section(title, blocks(result.summary), (), result)]


_OF: dict[type[Shown], Callable[[Any], list[Section]]] = {
    Backtest: _as_printed("Backtest"),
    Comparison: _as_printed("Laws compared"),
    Forecast: _of_forecast,
    Plan: _of_plan,
    Pilots: _as_printed("What to run next"),
}


# --- provenance ---------------------------------------------------------------------------------


def _provenance(fit: Fit, sources: Sequence[str]) -> Section:
    versions = ", ".join(f"{name} {version_of(name) or 'not installed'}" for name in _PACKAGES)
    facts = [f"Python {platform.python_version()}, {versions}"]
    facts += [f"made from {', '.join(sources)}"] if sources else []
    facts += [f"study: fingerprint {fit.fingerprint}"] if fit.fingerprint else []
    facts += [f"coefficients: {fit.source}"] if fit.source else []
    facts += [str(sentence) for sentence in fit.convention.sentences(True)]
    hashes = Table("", ("run", "log", "sha256 of its numbers"), tuple(_hashes(fit.study)))
    listed = (hashes,) if hashes.rows else ()
    return Section("Where this comes from", (Points(tuple(facts)), *listed))


def _hashes(study: Study | None) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for run in () if study is None else study.runs:
        digest = hashlib.sha256()
        for name, curve in sorted(run.curves.items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(curve.steps, "<i8").tobytes())
            digest.update(np.ascontiguousarray(curve.loss, "<f8").tobytes())
        if run.curves:
            found.append((run.name, run.origin or "-", digest.hexdigest()[:16]))
    return found
