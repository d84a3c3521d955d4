"""The laws by name, each with its paper and equation number.

A new law is a function of the study's facts that returns its terms, entered in `LAWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cptlaw import factors as f
from cptlaw.errors import DataError, suggestion
from cptlaw.history import History
from cptlaw.law import Bound, Factor, Law, Term
from cptlaw.points import group_label
from cptlaw.study import Study


@dataclass(frozen=True)
class Facts:
    """What a law needs to know of a study before it is fitted; stored with the fit.

    Args:
        role: "pt", "cpt", "loss" or "ood.NAME"; it decides the sign of the shift.
        reference_area: largest S1cpt, or largest S1 without CPT: the scale of searches, and
            where an anchored shift is stated.
        longest: steps of the longest phase.
        bases: names of the unknown bases.
        batches: labels of the (batch tokens, sequence length) of the CPT runs.
    """

    role: str
    reference_area: float = 1.0
    longest: int = 10_000
    bases: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()


Terms = Callable[[Facts], tuple[Term, ...]]


def _base(facts: Facts) -> tuple[Term, ...]:
    return Term("L0"), Term("A", (f.power_of_area(),))


def _annealing(
    facts: Facts, c1: tuple[Factor, ...] = (), c2: tuple[Factor, ...] = ()
) -> tuple[Term, ...]:
    memory = f.memory(facts.longest)
    return (
        Term("C1", (f.annealing("pt", memory), *c1), sign=-1, part="annealing"),
        Term("C2", (f.annealing("cpt", memory), *c2), sign=-1, part="annealing"),
    )


def _sign(facts: Facts) -> Bound:
    """The D_pt loss shifts up, the D_cpt loss down; elsewhere nobody knows."""
    return {"pt": "nonnegative", "cpt": "nonpositive"}.get(facts.role, "free")  # type: ignore[return-value]


def _shift(facts: Facts, *more: Factor) -> Term:
    factor = f.shift(facts.reference_area)
    return Term("B", (factor, *more), bound=_sign(facts), part="shift")


def _size_annealing(facts: Facts, *c2: Factor) -> tuple[Term, ...]:
    return _annealing(facts, (f.size_power("gamma1"),), (f.size_power("gamma2"), *c2))


_SIZE_FLOOR = Term("F", (f.size_power("gamma3", -1),))


def _replay(facts: Facts, printed: bool = False) -> tuple[Factor, Factor]:
    """The factors of Eq. 8 on C2 and on the shift."""
    if facts.role not in ("pt", "cpt"):
        raise DataError(
            f"Eq. 8 has a form for pt and one for cpt, none for '{facts.role}'. A study with both "
            "domains, pt and cpt, fits the others as their sum (eq6)."
        )
    convex = (facts.role == "pt") != printed
    data = "pt" if facts.role == "pt" else "cpt"
    return f.exponential_share(data), f.replay_share("convex" if convex else "concave")


def _eq1(facts: Facts) -> tuple[Term, ...]:
    anneal = f.annealing("pt", f.memory(facts.longest))
    return (*_base(facts), Term("C", (anneal,), sign=-1, part="annealing"))


def _eq4(facts: Facts) -> tuple[Term, ...]:
    return (*_base(facts), *_annealing(facts), _shift(facts))


def _eq4_anchored(facts: Facts) -> tuple[Term, ...]:
    shift = Term("D", (f.anchored_shift(facts.reference_area),), bound=_sign(facts), part="shift")
    return (*_base(facts), *_annealing(facts), shift)


def _eq4_batch(facts: Facts) -> tuple[Term, ...]:
    shifts = [
        Term(
            f"B[{label}]",
            (f.only(facts.batches, label), f.shift(facts.reference_area, f"[{label}]")),
            bound=_sign(facts),
            part="shift",
        )
        for label in facts.batches
    ]
    return (*_base(facts), *_annealing(facts), *shifts)


def _eq7(facts: Facts) -> tuple[Term, ...]:
    return (*_base(facts), *_size_annealing(facts), _shift(facts), _SIZE_FLOOR)


def _eq8(facts: Facts, printed: bool = False) -> tuple[Term, ...]:
    on_c2, on_shift = _replay(facts, printed)
    return (*_base(facts), *_annealing(facts, (), (on_c2,)), _shift(facts, on_shift))


def _eq7_eq8(facts: Facts) -> tuple[Term, ...]:
    on_c2, on_shift = _replay(facts)
    return (
        *_base(facts),
        *_size_annealing(facts, on_c2),
        _shift(facts, on_shift),
        _SIZE_FLOOR,
    )


def _eq9(facts: Facts) -> tuple[Term, ...]:
    memory = f.memory(facts.longest)
    return (
        *_base(facts),
        Term("C1", (f.weighted_annealing("pt", memory),), sign=-1, part="annealing"),
        Term("C2", (f.weighted_annealing("cpt", memory),), sign=-1, part="annealing"),
        _shift(facts),
    )


def _eq10(facts: Facts) -> tuple[Term, ...]:
    memory = f.memory(facts.longest)
    return (
        *_base(facts),
        Term("C1", (f.powered_annealing("pt", memory, "zeta1"),), sign=-1, part="annealing"),
        Term("C2", (f.powered_annealing("cpt", memory, "zeta2"),), sign=-1, part="annealing"),
        _shift(facts),
    )


def _unknown_pt(facts: Facts) -> tuple[Term, ...]:
    area = f.power_of_unknown_area(facts.bases or ("",), facts.reference_area)
    anneal = f.annealing("cpt", f.memory(facts.longest))
    return (
        Term("L0"),
        Term("A", (area,)),
        Term("C2", (anneal,), sign=-1, part="annealing"),
        _shift(facts),
    )


@dataclass(frozen=True)
class Entry:
    """One law of the catalogue: what it is, where it comes from, and its terms."""

    name: str
    title: str
    source: str
    terms: Terms


PAPER = "arXiv:2505.07796"
LAWS = {
    entry.name: entry
    for entry in (
        Entry("eq1", "annealing law", f"{PAPER}, Eq. 1 (arXiv:2408.11029)", _eq1),
        Entry("eq4", "CPT law", f"{PAPER}, Eq. 4", _eq4),
        Entry(
            "eq4-anchored",
            "CPT law, shift by its value and slope at a reference area",
            f"{PAPER}, Eq. 4, reparametrised",
            _eq4_anchored,
        ),
        Entry(
            "eq4-batch",
            "CPT law, a shift for each batch and sequence length",
            f"{PAPER}, Eq. 4 and appendix F",
            _eq4_batch,
        ),
        Entry("eq7", "CPT law with model size", f"{PAPER}, Eq. 7", _eq7),
        Entry(
            "eq8",
            "CPT law with replay, factors as the data show them",
            f"{PAPER}, Eq. 8 with its two shift factors exchanged (figures 8c, 12)",
            _eq8,
        ),
        Entry(
            "eq8-printed",
            "CPT law with replay, factors as printed",
            f"{PAPER}, Eq. 8",
            lambda facts: _eq8(facts, printed=True),
        ),
        Entry("eq7+eq8", "CPT law with model size and replay", f"{PAPER}, Eq. 7 and 8", _eq7_eq8),
        Entry("eq9", "CPT law, annealing weighted by the LR", f"{PAPER}, Eq. 9", _eq9),
        Entry("eq10", "CPT law, powers of the annealing areas", f"{PAPER}, Eq. 10", _eq10),
        Entry("unknown-pt", "CPT law for a base of unknown PT", f"{PAPER}, section 6", _unknown_pt),
    )
}
SIZE_LAWS = ("eq7", "eq7+eq8")
REPLAY_LAWS = ("eq8", "eq8-printed", "eq7+eq8")


def get(name: str, facts: Facts) -> Law:
    """The named law for a study with these facts.

    Raises:
        DataError: no law of that name, or none for that domain.
    """
    if name not in LAWS:
        raise DataError(f"law '{name}' is unknown. {suggestion(name, LAWS)}")
    entry = LAWS[name]
    return Law(entry.name, entry.title, entry.source, entry.terms(facts), facts.reference_area)


def example(name: str) -> Law:
    """The named law as it is for a D_pt domain of one unknown base, or of two CPT batches."""
    return get(name, Facts("pt", bases=("base",), batches=("4e+06x4096", "8e+06x8192")))


def default_name(study: Study) -> str:
    """The law that a study asks for by what varies in it.

    Raises:
        DataError: known and unknown bases are mixed, or no law covers what varies.
    """
    _check_bases(study)
    varying = varies(study)
    if not study.has_cpt:
        return "eq7" if "size" in varying else "eq1"
    names = {
        frozenset[str](): "eq4",
        frozenset({"unknown"}): "unknown-pt",
        frozenset({"size"}): "eq7",
        frozenset({"replay"}): "eq8",
        frozenset({"size", "replay"}): "eq7+eq8",
        frozenset({"batch"}): "eq4-batch",
    }
    if varying not in names:
        what = " and ".join(sorted(varying - {"unknown"}))
        base = " and go on from an unknown base" if "unknown" in varying else ""
        raise DataError(
            f"the CPT runs vary in {what}{base}; no law covers that together. "
            "Leave out runs so that less varies, or name a law with --law."
        )
    return names[varying]


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


def varies(study: Study) -> frozenset[str]:
    """Which of size, replay, batch and unknown (base) vary or occur among the fitted runs."""
    histories = _fitted(study)
    cpt = [h for h in histories.values() if h.cpt_lr.size]
    found: set[str] = set()
    if any(h.unknown_base for h in histories.values()):
        found.add("unknown")
    if len({h.model_size for h in histories.values() if h.model_size is not None}) > 1:
        found.add("size")
    if len({h.replay for h in cpt}) > 1:
        found.add("replay")
    if len({group_label(h, "batch") for h in cpt}) > 1:
        found.add("batch")
    return frozenset(found)


def _check_seen(name: str, varying: frozenset[str]) -> None:
    """Whether the named law sees what varies between the fitted runs."""
    if "batch" in varying and name != "eq4-batch":
        raise DataError(
            f"the CPT runs differ in batch_tokens or sequence_length, which law {name} does not "
            "see. Use eq4-batch, or leave both keys out of the study to treat them alike."
        )
    for what, laws, use in (("replay", REPLAY_LAWS, "eq8"), ("size", SIZE_LAWS, "eq7")):
        if what not in varying or name in laws:
            continue
        better = "eq7+eq8" if {"size", "replay"} <= varying else use
        instead = "" if "unknown" in varying else f", or use {better} (or leave --law out)"
        raise DataError(
            f"the runs differ in {what}, which law {name} does not see. "
            f"Keep runs of one {what} only{instead}."
        )


def check(name: str, study: Study) -> None:
    """Whether the named law suits what varies in the study.

    Raises:
        DataError: saying what does not fit together and which law does.
    """
    if name not in LAWS:
        raise DataError(f"law '{name}' is unknown. {suggestion(name, LAWS)}")
    _check_bases(study)
    varying = varies(study)
    if ("unknown" in varying) != (name == "unknown-pt"):
        raise DataError(
            f"law {name} "
            + (
                "needs the pre-training; a run goes on from an unknown base. Use unknown-pt."
                if "unknown" in varying
                else "is for unknown bases, but this study knows its pre-training. Use eq4."
            )
        )
    if name == "eq1" and study.has_cpt:
        raise DataError("law eq1 has no shift, but the study has CPT runs. Use eq4.")
    _check_seen(name, varying)
    if name in SIZE_LAWS:
        for run, history in _fitted(study).items():
            if history.model_size is None:
                raise DataError(f"law {name} needs model_size of run '{run}'.")
