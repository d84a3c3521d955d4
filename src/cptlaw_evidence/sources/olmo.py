"""Pre-training runs of 190M and 370M models on eleven validation sets (OLMo's ladder)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.reading import read_run
from cptlaw_evidence.sources.source import Curves, Origin, Protocol, Source, Split
from cptlaw_evidence.sources.splits import LONGER, longer, others, split

NAME = "olmo-ladder"
DOMAINS = (
    "c4_en",
    "dolma_books",
    "dolma_common-crawl",
    "dolma_pes2o",
    "dolma_reddit",
    "dolma_stack",
    "dolma_wiki",
    "ice",
    "m2d2_s2orc",
    "pile",
    "wikitext_103",
)
FOUR = ("c4_en", "dolma_books", "dolma_stack", "wikitext_103")  # where all would take long
TWO = ("c4_en", "dolma_stack")  # likewise
# Lengths in multiples of 20 tokens a parameter. LR and warm-up as logged at every evaluation.
LENGTHS = ("0.5xC", "1xC", "2xC", "5xC", "10xC")
PEAK = {"190M": 0.000972728518721015, "370M": 0.0007785480791584576}
BOTH = "both sizes"
SIZE = {"190M": 190e6, "370M": 370e6}
WARMUP = {"190M": 363, "370M": 472}
BATCH_TOKENS = {"190M": 524_288, "370M": 786_432}
STEPS = {
    "190M": dict(zip(LENGTHS, (3_641, 7_272, 14_533, 36_318, 72_625), strict=True)),
    "370M": dict(zip(LENGTHS, (4_731, 9_452, 18_894, 47_219, 94_427), strict=True)),
}
AFTER_END = 10  # steps at the final LR


def decay_start(size: str, length: str) -> int:
    """The last step before the decay of a branch: nine tenths of the way to its end."""
    return round(0.9 * (STEPS[size][length] - AFTER_END))


def schedule(size: str, kind: str, length: str) -> Schedule:
    """The LR of every step, as the runs logged it: `kind` is constant, cosine or decay."""
    peak, warmup, steps = PEAK[size], WARMUP[size], STEPS[size][length]
    if kind == "constant":
        return Schedule.constant(peak, steps, warmup)
    end, lowest = steps - AFTER_END, peak / 10
    if kind == "cosine":
        return Schedule.cosine(peak, end, warmup, lowest).extend(AFTER_END)
    decay = end - decay_start(size, length)
    return Schedule.wsd(peak, end, decay, warmup, lowest).extend(AFTER_END)


def load(folder: Path) -> Curves:
    """Read the 22 logs: a study for each size and set, and for two sets one of both sizes.

    Raises:
        DataError: a file or column is missing.
    """
    studies: dict[str, Study] = {}
    for size in PEAK:
        names = ["constant_10xC", *(f"{k}_{n}" for k in ("cosine", "decay") for n in LENGTHS)]
        runs = tuple(_run(folder, size, name) for name in names)
        studies |= {f"{size} {domain}": Study({"loss": domain}, runs) for domain in DOMAINS}
    studies |= {f"{BOTH} {domain}": _both(studies, domain) for domain in TWO}
    return Curves(NAME, studies)


def _both(studies: Mapping[str, Study], domain: str) -> Study:
    """The runs of both sizes, named after them."""
    runs = [
        replace(run, name=f"{size} {run.name}", model_size=SIZE[size])
        for size in PEAK
        for run in studies[f"{size} {domain}"].runs
    ]
    return Study({"loss": domain}, tuple(runs))


def _run(folder: Path, size: str, name: str) -> Run:
    kind, _, length = name.partition("_")
    path = folder / f"{size}_{name}.csv"
    run = read_run(path, DOMAINS, name, schedule(size, kind, length), "adamw")
    return replace(run, batch_tokens=BATCH_TOKENS[size])


def _everywhere(
    curves: Curves, domains: tuple[str, ...], kind: str = ""
) -> list[tuple[str, str, str, Study]]:
    """(name of the split, size, domain, study) for every size and these domains."""
    return [
        (f"{kind}, {size}" if kind else size, size, domain, curves.studies[f"{size} {domain}"])
        for size in PEAK
        for domain in domains
    ]


def _lengths(curves: Curves) -> tuple[Split, ...]:
    def one(name: str, domain: str, study: Study, chosen: str) -> Split:
        fitted = ("constant_10xC", f"cosine_{chosen}")
        return split(name, study, fitted, others(study, fitted), domain=domain)

    return tuple(
        one(name, domain, study, chosen)
        for chosen in ("1xC", "2xC", "5xC")
        for name, _, domain, study in _everywhere(curves, DOMAINS, f"cosine {chosen}")
    )


def _stable_prefix(curves: Curves) -> tuple[Split, ...]:
    def one(name: str, size: str, domain: str, study: Study) -> Split:
        later = {f"decay_{n}": decay_start(size, n) for n in ("2xC", "5xC", "10xC")}
        fitted = {"constant_10xC": max(later.values()), "decay_1xC": None}
        return split(name, study, fitted, later, domain=domain)

    return tuple(one(*place) for place in _everywhere(curves, FOUR))


def _horizon(curves: Curves) -> tuple[Split, ...]:
    return tuple(
        longer(k, study, "constant_10xC", "decay_1xC", name, domain)
        for k in LONGER
        for name, _, domain, study in _everywhere(curves, FOUR, f"{k} times")
    )


def _size(curves: Curves) -> tuple[Split, ...]:
    """All runs of one size and the constant one of the other -> the others of that size."""

    def to(size: str, domain: str) -> Split:
        study, known = curves.studies[f"{BOTH} {domain}"], f"{size} constant_10xC"
        rest = [r.name for r in study.runs if r.name.startswith(size) and r.name != known]
        return split(f"to {size}", study, others(study, rest), rest, domain=domain)

    return tuple(to(size, domain) for domain in TWO for size in PEAK)


def _no_drop(curves: Curves) -> tuple[Split, ...]:
    def one(name: str, size: str, domain: str, study: Study) -> Split:
        falling = [run.name for run in study.runs if run.name != "constant_10xC"]
        return split(name, study, ["constant_10xC"], falling, domain=domain)

    return tuple(one(*place) for place in _everywhere(curves, FOUR))


SOURCE = Source(
    NAME,
    "22 pre-training runs of OLMo's ladder, 190M and 370M, validation loss on 11 sets",
    load,
    (
        Protocol(
            "olmo-lengths",
            NAME,
            "constant 10xC and one cosine (1xC, 2xC or 5xC), a size and a set at a time",
            "decays off the constant run and the cosines of other lengths",
            _lengths,
        ),
        Protocol(
            "stable-prefix-olmo",
            NAME,
            "the constant run up to the last decay's start and one decay from it, 1xC",
            "the decays to 2xC, 5xC and 10xC",
            _stable_prefix,
        ),
        Protocol(
            "horizon-olmo",
            NAME,
            "constant 10xC up to 1/2, 1/4 or 1/8 of its steps and the decay to 1xC",
            "the rest of the constant run: 2, 4 and 8 times as long",
            _horizon,
            apart=True,
        ),
        Protocol(
            "no-drop-olmo",
            NAME,
            "constant 10xC alone",
            "the decays off it and the cosines",
            _no_drop,
        ),
        Protocol(
            "olmo-size",
            NAME,
            "all runs of one size, constant 10xC of the other",
            "the decays and cosines of that other size",
            _size,
            apart=True,
        ),
    ),
    origin=Origin(
        "github.com/allenai/OLMo, the ladder in its branches",
        "Apache-2.0",
        (
            "SIZE_RUN.csv, such as 190M_cosine_5xC.csv: step, lr, a column for each of 11 "
            "validation sets"
        ),
    ),
)
