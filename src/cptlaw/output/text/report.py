"""Fits, forecasts, backtests and logs as text."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.shift import shift_at
from cptlaw.forecasting.backtest import Backtest
from cptlaw.forecasting.forecast import DomainForecast, Forecast
from cptlaw.laws import catalog
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

_WIDTH = 110


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> str:
    """A plain text table; the first column is left-aligned, the others right-aligned."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for i, header in enumerate(headers):
        grid.add_column(header, justify="left" if i == 0 else "right", no_wrap=i == 0)
    for row in rows:
        grid.add_row(*row)
    out = io.StringIO()
    Console(file=out, width=_WIDTH, no_color=True, markup=False, highlight=False).print(grid)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits, or a dash."""
    return "-" if value is None or value != value else f"{value:.{digits}g}"


def percent(value: float) -> str:
    """A fraction as a percentage."""
    return f"{100 * value:.2f} %"


# --- logs and studies ------------------------------------------------------------------------


def run_text(run: Run) -> str:
    """What a log holds: columns, steps, learning rate, and every note."""
    rows = [
        (
            name,
            curve.source,
            str(len(curve)),
            f"{curve.steps[0]} to {curve.steps[-1]}",
            f"{curve.loss[0]:.4f}",
            f"{curve.loss[-1]:.4f}",
        )
        for name, curve in run.curves.items()
    ]
    head = f"{run.origin or run.name} ({run.format or 'no log'})"
    parts = [table(("column", "loss of", "points", "steps", "first", "last"), rows, head)]
    if run.logged_lr is not None:
        lr = run.logged_lr
        parts.append(
            f"  learning rate: {lr.lr.size} points, {number(float(lr.lr.min()))} to "
            f"{number(float(lr.lr.max()))}, steps {lr.steps[0]} to {lr.steps[-1]}"
        )
    return "\n".join([*parts, *_bullets(run.notes)])


def study_text(study: Study) -> str:
    """The runs of a study and what they go on from."""
    rows = [
        (
            run.name,
            run.data if run.curves else f"{run.data}, not fitted",
            _start(study, run),
            str(run.steps),
            number(run.schedule.peak) if run.schedule else "-",
            number(run.replay) if run.data == "cpt" else "-",
            number(_model_size(study, run)),
            number(run.batch_tokens * run.steps, 3) if run.batch_tokens else "-",
        )
        for run in study.runs
    ]
    headers = ("run", "data", "starts from", "steps", "peak LR", "replay", "model size", "tokens")
    domains = ", ".join(f"{role} = column '{c}'" for role, c in study.domains.items())
    return table(headers, rows) + "\n" + _wrapped(f"domains: {domains}", "  ", "    ")


def _model_size(study: Study, run: Run) -> float | None:
    """The run's own, or that of the base it goes on from."""
    while run.model_size is None and run.after is not None and run.unknown_base is None:
        run = study.run(run.after)
    return run.model_size


def _start(study: Study, run: Run) -> str:
    if run.after is None:
        return "scratch"
    if run.unknown_base is not None:
        return run.after
    step = run.after_step if run.after_step is not None else study.run(run.after).steps
    return f"{run.after}@{step}"


def laws_text() -> str:
    """The catalogue: every law with its equation and source."""
    laws = [catalog.example(name) for name in catalog.LAWS]
    texts = [(f"{w.name}: {w.title}", _wrapped(w.text, "  ", "      "), w.source) for w in laws]
    return "\n\n".join(f"{title}\n{equation}\n  {source}" for title, equation, source in texts)


def published_text(fits: Mapping[str, Fit]) -> str:
    """Published fits by name: where they are printed, and what a forecast from them needs."""
    parts: list[str] = []
    for name, fit in fits.items():
        laws = ", ".join(dict.fromkeys(d.law.name for d in fit.domains.values()))
        bases = sorted({base for d in fit.domains.values() for base in d.facts.bases})
        start = " or ".join(f"--after unknown:{b}" for b in bases) or "--base-schedule TEXT"
        size = ", --model-size N" if any(d.depends_on_size for d in fit.domains.values()) else ""
        about = _wrapped(f"{', '.join(fit.domains)} by {laws}; needs {start}{size}", "  ", "    ")
        parts.append(f"published:{name}\n{_wrapped(fit.source, '  ', '    ')}\n{about}")
    return "\n\n".join(parts)


# --- fits ------------------------------------------------------------------------------------


def fit_text(fit: Fit) -> str:
    """Equations, coefficients with standard errors, agreement, conventions, what is not known."""
    parts = [] if fit.study is None else [study_text(fit.study), ""]
    for law in dict.fromkeys(d.law.name for d in fit.domains.values()):
        parts += [_coefficients(law, [d for d in fit.domains.values() if d.law.name == law]), ""]
    shifts = _shifts(fit)
    parts += [shifts, ""] if shifts else []
    if any(d.scores for d in fit.domains.values()):
        parts += [_agreement(fit), ""]
    parts.append("Conventions")
    areas = any(
        not leaf.law.counts_warmup_as_it_was for d in fit.domains.values() for leaf in d.leaves
    )
    parts += _bullets(fit.convention.sentences(areas))
    if not fit.options.prior_weight:
        parts += _bullets(["shape parameters were fitted without priors"])
    lambdas = {r: d.params["lambda"] for r, d in fit.domains.items() if "lambda" in d.params}
    if lambdas:
        memory = [f"{r} {_memory(fit.domains[r], v)}" for r, v in lambdas.items()]
        parts += _bullets([f"lambda: {', '.join(memory)}"])
    parts += _advice(fit)
    if fit.notes:
        parts += ["", "Notes", *_bullets(fit.notes)]
    return "\n".join(parts)


def _memory(domain: DomainFit, value: float) -> str:
    """A lambda, the memory it means, and where it comes from."""
    if "lambda" in domain.fixed:
        how = "given"
    elif "lambda" in domain.kept:
        how = "the published value, which the data do not speak against"
    else:
        how = "fitted"
    steps = f"{1 / (1 - value):,.0f} steps, " if value < 1 else ""
    return f"{value:.6g} ({steps}{how})"


def _coefficients(law: str, domains: list[DomainFit]) -> str:
    first = domains[0]
    names = list(dict.fromkeys(name for d in domains for name in d.law.parameters))
    headers = [law, *(f(d) for d in domains for f in (lambda d: d.role, lambda _: "std. error"))]
    rows: list[list[str]] = []
    for name in names:
        cells = [name]
        for d in domains:
            cells += [number(d.params.get(name)), _error(d, name)]
        rows.append(cells)
    head = _wrapped(f"{first.law.title} ({first.law.source})", "", "  ")
    texts: dict[str, list[str]] = {}
    for d in domains:
        texts.setdefault(d.law.text, []).append(d.role)
    several = len(texts) > 1
    lines = [f"{', '.join(r)}: {t}" if several else t for t, r in texts.items()]
    equations = [_wrapped(line, "  ", "      ") for line in lines]
    return "\n".join([head, *equations, table(headers, rows)])


def _error(domain: DomainFit, name: str) -> str:
    if domain.status == "published" or name not in domain.params:
        return "-"
    if name in domain.fixed:
        return "given"
    if name in domain.kept:
        return "kept"
    error = domain.stderr.get(name)
    if error is None:
        return "open" if name in (*domain.loose, *domain.unseen) else "at bound"
    loose = name in domain.loose or name in domain.unseen
    return ("" if error == float("inf") else f"{error:.2g} ") + ("open" if loose else "")


def _shifts(fit: Fit) -> str:
    """The shift's value and slope at the largest fitted area and a third of it."""
    rows: list[tuple[str, ...]] = []
    for role, domain in fit.domains.items():
        if not any(t.part == "shift" for t in domain.law.terms):
            continue
        labels = domain.facts.batches if domain.law.sees("batch") else (None,)
        for label in labels:
            for area in (domain.facts.reference_area / 3, domain.facts.reference_area):
                at = shift_at(fit, role, area, label)
                rows.append(
                    (
                        role if label is None else f"{role} [{label}]",
                        number(area),
                        number(at.value),
                        number(at.value_stderr, 2),
                        number(at.slope),
                        number(at.slope_stderr, 2),
                    )
                )
    headers = ("shift", "at S1cpt", "nats", "std. error", "slope per S1cpt", "std. error")
    return table(headers, rows) if rows else ""


def _agreement(fit: Fit) -> str:
    rows = [
        (
            role,
            str(s.n),
            f"{s.r2:.5f}",
            f"{s.mae:.5f}",
            percent(s.mape),
            percent(s.worst),
            f"{s.huber:.4g}",
            d.status,
        )
        for role, d in fit.domains.items()
        if (s := d.scores) is not None
    ]
    headers = ("fitted points", "n", "R2", "MAE, nats", "MAPE", "worst", "objective", "status")
    return table(headers, rows)


def _advice(fit: Fit) -> list[str]:
    found = [f"{role}: {a}" for role, d in fit.domains.items() for a in d.advice]
    return ["", "What these data do not tell", *_bullets(found)] if found else []


# --- forecasts and backtests -----------------------------------------------------------------


def forecast_text(forecast: Forecast) -> str:
    """Start, end and turning of every predicted curve, and every warning."""
    rows = [_forecast_cells(role, curve) for role, curve in forecast.domains.items()]
    headers = [
        "loss, nats", "at start", "final", "+-", "change", "hidden PT", "shift", "lowest (step)",
        "highest (step)",
    ]  # fmt: skip
    if forecast.level is None:
        headers, rows = _without(headers, rows, {"+-"})
    if forecast.data == "pt":
        out = {"hidden PT", "shift"}
        if forecast.start.is_scratch:  # the law says nothing of the first steps
            out |= {"at start", "change", "highest (step)"}
        headers, rows = _without(headers, rows, out)
    steps = forecast.schedule.steps
    tokens = (
        "" if forecast.batch_tokens is None else f", {forecast.batch_tokens * steps:.3g} tokens"
    )
    head = (
        f"{forecast.data.upper()} run from {forecast.start.words}: {steps} steps{tokens}, peak LR "
        f"{number(forecast.schedule.peak)}, final LR {number(forecast.schedule.final)}"
    )
    if forecast.data == "cpt":
        head += f", replay {100 * forecast.replay:g} %"
    said = [f"warning: {w}" for w in forecast.warnings]
    if forecast.level is not None:
        said.insert(
            0,
            f"+-: within that of the forecast the last loss of one such run lies in "
            f"{100 * forecast.level:g} % of cases, its noise included",
        )
    return "\n".join([head, table(headers, rows), *_bullets(said)])


def _without(
    headers: Sequence[str], rows: Sequence[Sequence[str]], out: set[str]
) -> tuple[list[str], list[list[str]]]:
    kept = [i for i, header in enumerate(headers) if header not in out]
    return [headers[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _forecast_cells(role: str, curve: DomainForecast) -> list[str]:
    low, high = curve.loss.argmin(), curve.loss.argmax()
    return [
        role,
        f"{curve.loss[0]:.4f}",
        f"{curve.final:.4f}",
        _ends(curve),
        f"{curve.final - curve.loss[0]:+.4f}",
        f"{curve.base[-1]:.4f}",
        f"{curve.shift[-1]:+.4f}",
        f"{curve.loss[low]:.4f} ({curve.step[low]})",
        f"{curve.loss[high]:.4f} ({curve.step[high]})",
    ]


def _ends(curve: DomainForecast) -> str:
    if curve.low is None or curve.high is None:
        return ""
    return f"{max(curve.high[-1] - curve.final, curve.final - curve.low[-1]):.4f}"


def backtest_text(backtest: Backtest, notes: bool = True) -> str:
    """Errors on what the fit did not see, with or without the notes of reading and fitting."""
    rows = [
        (
            r.law,
            r.run,
            r.domain,
            str(r.scores.n),
            f"{r.scores.r2:.4f}",
            f"{r.scores.mae:.4f}",
            percent(r.scores.mape),
            percent(r.scores.worst),
            f"{r.scores.final_error:+.4f}",
        )
        for r in backtest.rows
    ]
    headers = ("law", "run", "domain", "n", "R2", "MAE, nats", "MAPE", "worst", "final error, nats")
    title = f"Held out: {backtest.held_out}"
    told = [
        f"the fit of {law.law} on {law.domain}: {law.status}; cptlaw fit on these runs says why."
        for law in backtest.laws
        if law.status != "ok"
    ]
    told += backtest.notes if notes else ()
    return "\n".join([table(headers, rows, title), *_means(backtest), *_bullets(told)])


def _means(backtest: Backtest) -> list[str]:
    """Mean errors of each law over the held-out curves of each domain, where there are several."""
    groups: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for r in backtest.rows:
        key = (r.law, r.domain)
        groups.setdefault(key, []).append((r.scores.r2, r.scores.mae, r.scores.mape))
    if all(len(group) == 1 for group in groups.values()):
        return []
    rows = [
        (
            law,
            domain,
            str(len(group)),
            f"{sum(g[0] for g in group) / len(group):.4f}",
            f"{sum(g[1] for g in group) / len(group):.4f}",
            percent(sum(g[2] for g in group) / len(group)),
        )
        for (law, domain), group in groups.items()
    ]
    return [table(("mean over runs", "domain", "runs", "R2", "MAE, nats", "MAPE"), rows)]


def _bullets(sentences: Iterable[str]) -> list[str]:
    return [_wrapped(sentence, "  - ", "    ") for sentence in sentences]


def _wrapped(text: str, first: str, others: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
    )
