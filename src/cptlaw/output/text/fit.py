"""A fit as text."""

from __future__ import annotations

from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.shift import shift_at
from cptlaw.forecasting.verdict import verdict
from cptlaw.output.text.study import study_text
from cptlaw.output.text.verdict import verdict_text
from cptlaw.page import bullets, number, percent, table, wrapped
from cptlaw.studies.study import Study


def fit_text(fit: Fit, verbose: bool = False) -> str:
    """What the data decide, agreement and coefficients, on one page.

    Args:
        fit: fitted or published coefficients.
        verbose: all there is: runs, equations, every coefficient in a table, the shift,
            conventions, what the data do not tell, notes.
    """
    told = verdict(fit)
    parts = [verdict_text(told.first, told.lines), ""]
    parts += [] if fit.study is None else _faults(fit.study)
    return "\n".join([*parts, *(_details(fit) if verbose else _in_short(fit))])


def _in_short(fit: Fit) -> list[str]:
    """Agreement, the coefficients of each domain as one paragraph, and what else there is."""
    parts = [_agreement(fit), ""] if any(d.scores for d in fit.domains.values()) else []
    law = ""
    for role, domain in fit.domains.items():
        if domain.law.name != law:
            law = domain.law.name
            errors = " +- standard error" if domain.scores else ""
            parts.append(wrapped(f"{domain.law.title} ({law}), coefficients{errors}", "", "  "))
        values = ", ".join(_value(domain, name) for name in domain.law.parameters)
        parts.append(wrapped(f"{role}: {values}", "  ", "      "))
    advice = sum(len(d.advice) for d in fit.domains.values())
    counts = ((advice, "remark", "on coefficients"), (len(fit.notes), "note", ""))
    more = [f"{n} {w}{'s' * (n > 1)} {of}".strip() for n, w, of in counts if n]
    more.append("runs, equations, shift, conventions")
    return [
        *parts,
        *_meanings(fit),
        "",
        wrapped(f"With --verbose (verbose=True) also: {', '.join(more)}."),
    ]


def _meanings(fit: Fit) -> list[str]:
    """What the words of the tables mean, of those that are there."""
    leaves = [leaf for domain in fit.domains.values() for leaf in domain.leaves]
    known = {how_known(leaf, name) for leaf in leaves for name in leaf.law.parameters}
    found: list[str] = []
    if "open" in known:
        found.append(
            "(open): set mostly by the built-in prior, not by your runs. The curve is none the "
            "worse for it where you have runs."
        )
    if any(domain.status == "not identified" for domain in fit.domains.values()):
        found.append(
            "not identified: some coefficients are open; see --verbose for the run to add."
        )
    return bullets(found)


def _value(domain: DomainFit, name: str) -> str:
    """A coefficient with its error, or with where it comes from."""
    value, known = number(domain.params.get(name), 3), how_known(domain, name)
    error = domain.stderr.get(name)
    if known == "fitted" and error is not None:
        return f"{name} {value} +- {number(error, 1)}"
    return f"{name} {value}" if known == "published" else f"{name} {value} ({known})"


def _details(fit: Fit) -> list[str]:
    """Everything else that a fit holds."""
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
    parts += bullets(fit.convention.sentences(areas))
    if not fit.options.prior_weight:
        parts += bullets(["shape parameters were fitted without priors"])
    counted = [
        f"{role} {s.n} as {s.counted:.0f}"
        for role, d in fit.domains.items()
        if (s := d.scores) and s.counted is not None and s.counted < s.n - 0.5
    ]
    if counted:
        parts += bullets([f"points of a dense log count for less: {', '.join(counted)}"])
    lambdas = {r: d.params["lambda"] for r, d in fit.domains.items() if "lambda" in d.params}
    if lambdas:
        memory = [f"{r} {_memory(fit.domains[r], v)}" for r, v in lambdas.items()]
        parts += bullets([f"lambda: {', '.join(memory)}"])
    parts += _advice(fit)
    if fit.notes:
        parts += ["", "Notes", *bullets(fit.notes)]
    return parts


def _faults(study: Study) -> list[str]:
    return ["Bad data", *bullets(study.faults), ""] if study.faults else []


def _memory(domain: DomainFit, value: float) -> str:
    """A lambda, the memory it means, and where it comes from."""
    if "lambda" in domain.fixed:
        how = "given"
    elif "lambda" in domain.kept:
        how = "the published value, which the data do not speak against"
    else:
        how = "fitted"
    steps = f"{1 / (1 - value):,.0f} steps, " if value < 1 else ""
    return f"{number(value, 6)} ({steps}{how})"


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
    head = wrapped(f"{first.law.title} ({first.law.source})", "", "  ")
    texts: dict[str, list[str]] = {}
    for d in domains:
        texts.setdefault(d.law.text, []).append(d.role)
    several = len(texts) > 1
    lines = [f"{', '.join(r)}: {t}" if several else t for t, r in texts.items()]
    equations = [wrapped(line, "  ", "      ") for line in lines]
    return "\n".join([head, *equations, table(headers, rows)])


def how_known(domain: DomainFit, name: str) -> str:
    """Where the value of a parameter comes from: fitted, given, kept, at bound, open, published."""
    if domain.status == "published":
        return "published"
    if name in domain.fixed:
        return "given"
    if name in domain.kept:
        return "kept"
    if name in (*domain.loose, *domain.unseen):
        return "open"
    return "fitted" if domain.stderr.get(name) is not None else "at bound"


def _error(domain: DomainFit, name: str) -> str:
    """A standard error, and how a parameter is known where it is not simply fitted."""
    if name not in domain.params:
        return "-"
    known, error = how_known(domain, name), domain.stderr.get(name)
    if known == "published":
        return "-"
    if known not in ("fitted", "open"):
        return known
    told = "" if error is None or error == float("inf") else f"{number(error, 2)} "
    return told + ("open" if known == "open" else "")


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
            f"{s.n:,}",
            f"{s.r2:.5f}",
            f"{s.mae:.5f}",
            percent(s.mape),
            percent(s.worst),
            f"{number(s.huber)}",
            d.status,
        )
        for role, d in fit.domains.items()
        if (s := d.scores) is not None
    ]
    headers = ("fitted points", "n", "R2", "MAE, nats", "MAPE", "worst", "Huber loss", "status")
    return table(headers, rows)


def _advice(fit: Fit) -> list[str]:
    found = [f"{role}: {a}" for role, d in fit.domains.items() for a in d.advice]
    return ["", "What these data do not tell", *bullets(found)] if found else []
