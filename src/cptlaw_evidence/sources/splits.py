"""Ways to part the runs of a study into fitted and scored losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from cptlaw.errors import DataError
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.source import Candidate, Curves, Protocol, Split, Unit

BEGUN = (0.1, 0.25, 0.5)
"""Shares of a run that are fitted where its rest is forecast."""

LONGER = (2, 4, 8)
"""Times by which a run is longer than what of it is fitted."""


def keeping(study: Study, cuts: Mapping[str, int | None]) -> Study:
    """The study with the losses of the named runs only, up to a step where one is given.

    Args:
        study: the runs.
        cuts: run -> last step, of its own, whose loss is kept; None for all.

    Raises:
        DataError: a run is unknown or has no loss before its step.
    """
    kept = study.without([run.name for run in study.runs if run.name not in cuts])
    for name, last in cuts.items():
        run = study.run(name)
        if last is None:
            continue
        curves = {
            column: curve.only(curve.steps <= last)
            for column, curve in run.curves.items()
            if curve.steps[0] <= last
        }
        if not curves:
            raise DataError(f"run '{name}' has no loss in its first {last} steps.")
        cut = replace(run, curves=curves)
        kept = replace(kept, runs=tuple(cut if r.name == name else r for r in kept.runs))
    return kept


def split(
    name: str,
    study: Study,
    fit: Iterable[str] | Mapping[str, int | None],
    score: Iterable[str] | Mapping[str, int],
    candidates: tuple[Candidate, ...] = (),
    domain: str = "",
) -> Split:
    """A split from names.

    Args:
        name: of the split.
        study: every run, with its losses.
        fit: the fitted runs; as a mapping, with the last step that is fitted.
        score: the scored runs; as a mapping, with the last step that is not scored.
        candidates: the runs to choose from.
        domain: what results call the domain.

    Raises:
        DataError: a run is unknown.
    """
    cuts = dict(fit) if isinstance(fit, Mapping) else dict.fromkeys(fit)
    after = dict(score) if isinstance(score, Mapping) else dict.fromkeys(score, 0)
    whole = keeping(study, dict.fromkeys([*cuts, *after]))
    return Split(name, whole, keeping(study, cuts), after, candidates, domain)


def others(study: Study, fitted: Iterable[str]) -> list[str]:
    """The runs that are not fitted."""
    known = set(fitted)
    return [run.name for run in study.runs if run.name not in known]


def whole_runs(
    name: str,
    source: str,
    fitted: tuple[str, ...],
    scored: tuple[str, ...],
    words: tuple[str, str],
    unit: Unit = "mape",
) -> Protocol:
    """A protocol of one split, of whole runs.

    Args:
        name: of the protocol and its split.
        source: name of the source.
        fitted: runs.
        scored: runs; none for all others.
        words: what is fitted, and what is scored.
        unit: which error is its main figure.
    """

    def splits(curves: Curves) -> tuple[Split, ...]:
        rest = scored or others(curves.study, fitted)
        return (split(name, curves.study, fitted, rest),)

    return Protocol(name, source, *words, splits, unit)


def parts(
    name: str,
    source: str,
    fitted: tuple[str, ...],
    scored: Mapping[str, tuple[str, ...]],
    words: tuple[str, str],
) -> Protocol:
    """A protocol of whole runs whose scored ones are of several kinds, each shown by itself.

    Args:
        name: of the protocol.
        source: name of the source.
        fitted: runs.
        scored: kind, in words -> its runs.
        words: what is fitted, and what is scored.
    """

    def splits(curves: Curves) -> tuple[Split, ...]:
        return tuple(split(kind, curves.study, fitted, runs) for kind, runs in scored.items())

    return Protocol(name, source, *words, splits, apart=True)


def beginnings(
    name: str, source: str, runs: Sequence[str], stem: Sequence[str], fitted: str
) -> Protocol:
    """A protocol that fits the beginning of a run, and some whole runs, and scores its rest.

    Args:
        name: of the protocol.
        source: name of the source.
        runs: each begun by itself.
        stem: runs that are fitted whole.
        fitted: what is fitted, in words.
    """

    def splits(curves: Curves) -> tuple[Split, ...]:
        def one(run: str, share: float) -> Split:
            cut = int(share * curves.study.run(run).steps)
            given = {**dict.fromkeys(stem), run: cut}
            return split(f"{100 * share:g} %", curves.study, given, {run: cut})

        return tuple(one(run, share) for share in BEGUN for run in runs)

    return Protocol(name, source, fitted, "the rest of that run", splits, apart=True)


def longer(
    times: int, study: Study, long: str, short: str, name: str = "", domain: str = ""
) -> Split:
    """A run up to a part of its steps is fitted, with a short one that ends by then.

    Args:
        times: how much longer the whole run is.
        study: every run, with its losses.
        long: the run.
        short: the other.
        name: of the split; left out, how much longer.
        domain: what results call the domain.
    """
    cut = study.run(long).steps // times
    fitted: dict[str, int | None] = {long: cut}
    if study.run(short).steps <= cut:
        fitted[short] = None
    return split(name or f"{times} times", study, fitted, {long: cut}, domain=domain)
