"""The laws by name, each with its paper and equation number.

A new law is a function of the study's facts that returns its terms, entered in one of the
modules here. From outside it is entered in `LAWS`, or found by its name among the entry points
`cptlaw.laws` of installed packages, each a tuple of `Entry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from cptlaw.errors import DataError, suggestion
from cptlaw.laws.catalog import field, ours, paper
from cptlaw.laws.catalog.entries import Entry, Facts, Terms
from cptlaw.laws.catalog.paper import PAPER
from cptlaw.laws.law import Law
from cptlaw.laws.points import group_label
from cptlaw.laws.traits import Traits, Varied
from cptlaw.studies.history import History
from cptlaw.studies.optimization import unit_of
from cptlaw.studies.study import Study

__all__ = [
    "BY_CROSS_VALIDATION",
    "CHOSEN",
    "COMBINATION",
    "COMBINATIONS",
    "LAWS",
    "LOSS_TO_LOSS",
    "PAPER",
    "Entry",
    "Facts",
    "Terms",
    "Traits",
    "Varied",
    "asked_of",
    "candidates",
    "check",
    "default_name",
    "example",
    "find",
    "get",
    "is_known",
    "paper_name",
    "resolve",
    "that_see",
    "varies",
]

LAWS = {entry.name: entry for entry in (*ours.ENTRIES, *paper.ENTRIES, *field.ENTRIES)}


CHOSEN = ("paper", "auto", "average")
"""What stands for a law and depends on the study."""
COMBINATION, LOSS_TO_LOSS = "eq6", "loss-to-loss"
COMBINATIONS = (COMBINATION, LOSS_TO_LOSS)
"""Sums of the fitted D_pt and D_cpt losses, without and with a constant: no terms of their own."""
BY_CROSS_VALIDATION = "auto"
"""What stands for the combination that forecasts left-out runs better."""


@cache
def _from_outside() -> Mapping[str, Entry]:
    """Laws of installed packages, such as those that benchmarks compare with, by name."""
    from importlib.metadata import entry_points  # slow to load, and seldom needed

    found = entry_points(group="cptlaw.laws")
    return {entry.name: entry for point in found for entry in point.load()}


def is_known(name: str) -> bool:
    """Whether there is a law of that name; one of another package is entered in `LAWS` then."""
    if name not in LAWS and name in _from_outside():
        LAWS[name] = _from_outside()[name]
    return name in LAWS


def find(name: str) -> Entry:
    """The entry of a law.

    Raises:
        DataError: no law of that name.
    """
    if not is_known(name):
        known = (*LAWS, *_from_outside())
        raise DataError(f"law '{name}' is unknown. {suggestion(name, known)}")
    return LAWS[name]


def get(name: str, facts: Facts) -> Law:
    """The named law for a study with these facts.

    Raises:
        DataError: no law of that name, or none for that domain.
    """
    entry = find(name)
    terms = entry.terms(facts)
    return Law(entry.name, entry.title, entry.source, terms, facts.reference_area, entry.traits)


def example(name: str) -> Law:
    """The named law as it is for a D_pt domain of one unknown base, or of two CPT batches."""
    return get(name, Facts("pt", bases=("base",), batches=("4e+06x4096", "8e+06x8192")))


def resolve(name: str | None, study: Study) -> str:
    """The law's name: "paper" and nothing at all depend on the study, others stay as they are.

    Raises:
        DataError: no law of that name, or none that suits the study.
    """
    if name is None:
        return default_name(study)
    return paper_name(study) if name == "paper" else name


def default_name(study: Study) -> str:
    """The law that a study is fitted with by default.

    Raises:
        DataError: known and unknown bases are mixed, or no law covers what varies.
    """
    _check_bases(study)
    if "batch" in varies(study):
        return paper_name(study)
    name = "effective+unknown" if "unknown" in varies(study) else "effective"
    return f"{name}+repetition" if _repeats(study) else name


def _repeats(study: Study) -> bool:
    """Whether any fitted run sees its D_cpt data more than once."""
    cpt = [h for h in _fitted(study).values() if h.domain_steps is not None]
    return any(h.cpt_lr.size * (1.0 - h.replay) > 1.05 * (h.domain_steps or np.inf) for h in cpt)


def paper_name(study: Study) -> str:
    """The law of arXiv:2505.07796 that a study asks for by what varies in it.

    Raises:
        DataError: known and unknown bases are mixed, or no law covers what varies.
    """
    _check_bases(study)
    varying, asked = varies(study), asked_of(study)
    for name, entry in LAWS.items():
        if asked in entry.traits.paper_for:
            return name
    what = " and ".join(sorted(varying - {"unknown"}))
    base = " and go on from an unknown base" if "unknown" in varying else ""
    raise DataError(
        f"the CPT runs vary in {what}{base}; no law covers these together. "
        "Leave out runs so that less varies, or name a law with --law."
    )


def asked_of(study: Study) -> frozenset[Varied]:
    """What a law has to see of a study: CPT, if any run goes on with it, and what varies."""
    return varies(study) | (frozenset[Varied]({"cpt"}) if study.has_cpt else frozenset[Varied]())


def candidates(study: Study) -> tuple[str, ...]:
    """Names of the laws that `auto` and `average` try, of the paper's the one for the study."""
    asked = asked_of(study)
    tried = {n: e.traits for n, e in LAWS.items() if e.traits.candidate}
    return tuple(
        name
        for name, traits in tried.items()
        if ("unknown" in traits.sees) == ("unknown" in asked)
        and (not traits.paper_for or asked in traits.paper_for)
    )


def that_see(what: Varied) -> tuple[str, ...]:
    """Names of the laws that see what may vary."""
    return tuple(name for name, entry in LAWS.items() if what in entry.traits.sees)


def _fitted(study: Study) -> dict[str, History]:
    """Histories of the runs whose losses are fitted, by name."""
    runs = [r for r in study.runs if r.curves and not study.is_hidden_cpt(r)]
    return {r.name: study.history(r.name) for r in runs}


def _check_bases(study: Study) -> None:
    histories = _fitted(study)
    unknown = [name for name, h in histories.items() if h.unknown_base]
    known = [name for name, h in histories.items() if not h.unknown_base]
    if unknown and known:
        raise DataError(
            f"run '{unknown[0]}' goes on from an unknown base, and run '{known[0]}' has a known "
            "pre-training; no law covers both. Make a study of each."
        )


def varies(study: Study) -> frozenset[Varied]:
    """Which of size, replay, batch and unknown (base) vary or occur among the fitted runs."""
    histories = _fitted(study)
    cpt = [h for h in histories.values() if h.is_cpt]
    found: set[Varied] = set()
    if any(h.unknown_base for h in histories.values()):
        found.add("unknown")
    if len({h.model_size for h in histories.values() if h.model_size is not None}) > 1:
        found.add("size")
    if len({h.replay for h in cpt}) > 1:
        found.add("replay")
    if len({group_label(h, "batch") for h in cpt}) > 1:
        found.add("batch")
    return frozenset(found)


def _check_seen(name: str, varying: frozenset[Varied]) -> None:
    """Whether the named law sees what varies between the fitted runs."""
    seen = LAWS[name].traits.sees
    if "batch" in varying and "batch" not in seen:
        raise DataError(
            f"the CPT runs differ in batch_tokens or sequence_length, which law {name} does not "
            "see. "
            + ("" if "unknown" in varying else "Use eq4-batch, or ")
            + f"{'L' if 'unknown' in varying else 'l'}eave both keys out of the study to treat "
            "them alike."
        )
    for what in ("replay", "size"):
        if what not in varying or what in seen:
            continue
        usual = "effective+unknown" if "unknown" in varying else "effective"
        instead = "" if "batch" in varying else f", or use {usual} (the default)"
        raise DataError(
            f"the runs differ in {what}, which law {name} does not see. "
            f"Keep runs of one {what} only{instead}."
        )


def _check_optimizers(study: Study) -> None:
    """Whether the learning rates of a phase are in one unit in all runs."""
    histories = _fitted(study).values()
    phases = {
        "the pre-training": {h.pt_by.optimizer for h in histories},
        "the CPT": {h.cpt_by.optimizer for h in histories if h.is_cpt},
    }
    for phase, found in phases.items():
        names = sorted(name for name in found if name is not None)
        if len({unit_of(name) for name in names}) > 1:
            raise DataError(
                f"the runs differ in the optimizer of {phase}: {', '.join(names)}. Their learning "
                "rates are not in one unit, and no law covers that. Make a study of each, or "
                "leave optimizer out of the study to treat them alike."
            )


def check(name: str, study: Study) -> None:
    """Whether the named law suits what varies in the study.

    Raises:
        DataError: saying what does not fit together and which law does.
    """
    seen = find(name).traits.sees
    _check_bases(study)
    varying = varies(study)
    if ("unknown" in varying) != ("unknown" in seen):
        raise DataError(
            f"law {name} "
            + (
                "needs the pre-training, and the runs go on from an open model of which nobody "
                "knows it. Leave --law out for effective+unknown; or, if the open model's schedule "
                "is public, make it a run of the study with that schedule and no log."
                if "unknown" in varying
                else "is for unknown bases, but this study knows its pre-training. Leave --law out."
            )
        )
    if "cpt" not in seen and study.has_cpt:
        raise DataError(f"law {name} has no shift, but the study has CPT runs. Use eq4.")
    _check_seen(name, varying)
    _check_optimizers(study)
    if example(name).depends_on_size or "size" in varying:
        for run, history in _fitted(study).items():
            if history.model_size is None:
                raise DataError(f"law {name} needs model_size of run '{run}'.")
