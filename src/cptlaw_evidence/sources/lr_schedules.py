"""48 pre-training runs of a 124M model at two peak learning rates (arXiv:2501.18965)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import DecayKind, Segment
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.reading import bad_row, read_run, read_table
from cptlaw_evidence.sources.source import Candidate, Curves, Origin, Protocol, Source, Split
from cptlaw_evidence.sources.splits import LONGER, beginnings, longer, others, split

NAME = "lr-schedules-124m"
PEAKS = ("0.0005", "0.001")
LENGTHS = (15_000, 25_000, 35_000, 50_000)
_LOSS, _AGAIN = "val_loss", "_rerun"
_LOWEST = {"cosine0": lambda peak: 1e-7, "cosine10": lambda peak: peak / 10}
_KEYS = ("name", "schedule", "peak_lr", "steps", "final_val_loss_full_set")


def schedule(kind: str, peak: float, steps: int) -> Schedule:
    """The LR of every step, as the runs logged it.

    The warm-up starts at a hundredth of the peak: linear over 300 steps, but a cosine over 299
    where a cosine follows, which then ends one step before the last.

    Args:
        kind: constant, cosine0, cosine10, wsdSHARE-linear or wsdSHARE-sqrt.
        peak: highest LR.
        steps: length.

    Raises:
        DataError: another kind.
    """
    low = peak / 100
    if kind in _LOWEST:
        end = _LOWEST[kind](peak)
        warmup, decay = Segment("cosine", 299, low, peak), Segment("cosine", steps - 300, peak, end)
        return Schedule((warmup, decay, Segment("constant", 1, end, end)))
    decay = decay_steps(kind, steps)
    if not decay:
        return Schedule.constant(peak, steps, 300, start=low)
    shape = cast(DecayKind, kind.partition("-")[2])
    return Schedule.wsd(peak, steps, decay, 300, shape=shape, start=low)


def decay_steps(kind: str, steps: int) -> int:
    """Steps of the decay that ends a WSD run, 0 for a constant one."""
    if kind == "constant":
        return 0
    share, _, shape = kind.removeprefix("wsd").partition("-")
    try:
        if kind.startswith("wsd") and shape in ("linear", "sqrt"):
            return round(float(share) * steps)
    except ValueError:
        pass
    raise DataError(f"schedule '{kind}': expected constant, cosine0, cosine10, or wsd0.2-linear.")


@dataclass(frozen=True)
class _Row:
    name: str
    kind: str
    peak: float
    steps: int
    final: float


def load(folder: Path) -> Curves:
    """Read runs.csv and the log of every run it names.

    Raises:
        DataError: a file or column is missing.
    """
    rows = _table(folder / "runs.csv")
    runs = [_run(folder, row) for row in rows]
    known = {row.name for row in rows}
    repeats = [(n, n + _AGAIN) for n in sorted(known) if n + _AGAIN in known]
    study = Study({"loss": _LOSS}, _shared_once(rows, runs))
    finals = {row.name: row.final for row in rows}
    return Curves(NAME, {NAME: study}, tuple(repeats), finals)


def _table(path: Path) -> list[_Row]:
    rows: list[_Row] = []
    for number, row in enumerate(read_table(path, _KEYS), start=2):
        name, kind, peak, steps, final = (row[key] for key in _KEYS)
        try:
            rows.append(_Row(name, kind, float(peak), int(steps), float(final)))
        except ValueError:
            raise bad_row(path, number, _KEYS) from None
    return rows


def _run(folder: Path, row: _Row) -> Run:
    lr = schedule(row.kind, row.peak, row.steps)
    return read_run(folder / f"{row.name}.csv", _LOSS, row.name, lr, "adamw")


def _shared_once(rows: list[_Row], runs: list[Run]) -> tuple[Run, ...]:
    """WSD runs without the first losses that are those of the constant run they branched off."""
    stems = {
        row.peak: run
        for row, run in zip(rows, runs, strict=True)
        if row.kind == "constant" and not row.name.endswith(_AGAIN)
    }
    return tuple(
        _without_shared(row, run, stems[row.peak])
        if row.kind.startswith("wsd") and row.peak in stems
        else run
        for row, run in zip(rows, runs, strict=True)
    )


def _without_shared(row: _Row, run: Run, stem: Run) -> Run:
    curve, other = run.curves[_LOSS], stem.curves[_LOSS]
    n = min(len(curve), len(other))
    same = (curve.steps[:n] == other.steps[:n]) & (curve.loss[:n] == other.loss[:n])
    same &= curve.steps[:n] <= row.steps - decay_steps(row.kind, row.steps)
    shared = n if same.all() else int(same.argmin())
    if shared < 2:  # before the first step all are the same
        return run
    note = (
        f"the {shared} losses up to step {curve.steps[shared - 1]} are those of "
        f"'{stem.name}'; they count once, there."
    )
    curve = Curve(curve.steps[shared:], curve.loss[shared:])
    return replace(run, curves={_LOSS: curve}, notes=(*run.notes, note))


# --- protocols -------------------------------------------------------------------------------


def three(peak: str) -> tuple[str, ...]:
    """The three runs at one peak that protocols are fitted to."""
    return (
        f"constant_lr{peak}_T50000",
        f"cosine10_lr{peak}_T25000",
        f"wsd0.2-linear_lr{peak}_T25000",
    )


def _at(study: Study, peak: str) -> list[str]:
    return [run.name for run in study.runs if f"_lr{peak}_T" in run.name]


def _candidates(curves: Curves, names: Iterable[str] = ()) -> tuple[Candidate, ...]:
    """The named runs, or all but repetitions, of the lengths at which schedules were compared."""
    among = set(names) or set(curves.finals)
    return tuple(
        Candidate(run.name, f"{run.steps} steps", curves.finals[run.name])
        for run in curves.study.runs
        if run.steps in LENGTHS and run.name in among and not run.name.endswith(_AGAIN)
    )


def _other_peak(fitted: str, scored: str) -> Protocol:
    def splits(curves: Curves) -> tuple[Split, ...]:
        study, choice = curves.study, _candidates(curves)
        return (split(f"{fitted} -> {scored}", study, three(fitted), _at(study, scored), choice),)

    return Protocol(
        "peak-up" if float(fitted) < float(scored) else "peak-down",
        NAME,
        f"constant 50k, cosine to 10 % 25k and WSD 20 % 25k at peak {float(fitted):g}",
        f"every run at peak {float(scored):g}; regret among all runs of a length at both peaks",
        splits,
    )


def _two_peaks(curves: Curves) -> tuple[Split, ...]:
    study = curves.study
    fitted = [*three(PEAKS[0]), *three(PEAKS[1])]
    rest = others(study, fitted)
    return (split("both peaks", study, fitted, rest, _candidates(curves)),)


def _horizon(curves: Curves) -> tuple[Split, ...]:
    return tuple(
        longer(k, curves.study, f"constant_lr{peak}_T50000", f"wsd0.2-linear_lr{peak}_T15000")
        for k in LONGER
        for peak in PEAKS
    )


def _to_50k(curves: Curves) -> tuple[Split, ...]:
    """Runs of up to 35k steps, with what of the constant runs is part of them."""
    study, longest = curves.study, 35_000
    long = [run.name for run in study.runs if run.steps > longest]
    shared = longest - decay_steps("wsd0.1-linear", longest)
    fitted: dict[str, int | None] = dict.fromkeys(others(study, long))
    fitted |= {f"constant_lr{peak}_T50000": shared for peak in PEAKS}
    scored = dict.fromkeys(long, longest)
    return (split("50k", study, fitted, scored, _candidates(curves, long)),)


def _stable_prefix(curves: Curves) -> tuple[Split, ...]:
    def one(peak: str) -> Split:
        later = {
            f"{kind}_lr{peak}_T25000": 25_000 - decay_steps(kind, 25_000)
            for kind in ("wsd0.1-linear", "wsd0.2-linear", "wsd0.2-sqrt", "wsd0.4-linear")
        }
        short = f"wsd0.2-linear_lr{peak}_T15000"
        constant = f"constant_lr{peak}_T50000"
        fitted = {constant: max(later.values()), short: None}
        return split(peak, curves.study, fitted, later, _candidates(curves, later))

    return tuple(one(peak) for peak in PEAKS)


def _one_run(curves: Curves) -> tuple[Split, ...]:
    def one(peak: str) -> Split:
        cosine = f"cosine10_lr{peak}_T25000"
        every = _at(curves.study, peak)
        rest = [name for name in every if name != cosine]
        return split(peak, curves.study, [cosine], rest, _candidates(curves, every))

    return tuple(one(peak) for peak in PEAKS)


def _no_drop(curves: Curves) -> tuple[Split, ...]:
    """The constant run of a peak -> those of its runs whose LR falls."""

    def one(peak: str) -> Split:
        constant = f"constant_lr{peak}_T50000"
        falling = [n for n in _at(curves.study, peak) if not n.startswith("constant")]
        return split(peak, curves.study, [constant], falling, _candidates(curves, falling))

    return tuple(one(peak) for peak in PEAKS)


_BEGUN = ("cosine10_lr0.001_T25000", "wsd0.8-linear_lr0.001_T25000", "constant_lr0.001_T50000")
_FIRST_PART = "the first 10, 25 or 50 % of cosine 25k, WSD 80 % 25k or constant 50k at peak 1e-3"

SOURCE = Source(
    NAME,
    "48 pre-training runs of a 124M Llama on SlimPajama, validation loss (arXiv:2501.18965)",
    load,
    (
        _other_peak(*PEAKS),
        _other_peak(*reversed(PEAKS)),
        Protocol(
            "two-peaks",
            NAME,
            "constant 50k, cosine to 10 % 25k and WSD 20 % 25k at peaks 5e-4 and 1e-3",
            "all other runs at both peaks; regret among all runs of a length at both peaks",
            _two_peaks,
        ),
        Protocol(
            "horizon-124m",
            NAME,
            "constant 50k up to step 25k, 12.5k or 6.25k, with WSD 20 % 15k where it ends by then",
            "the rest of the constant run: 2, 4 and 8 times as long",
            _horizon,
            apart=True,
        ),
        Protocol(
            "horizon-50k-124m",
            NAME,
            "all runs of 15k, 25k and 35k steps at both peaks",
            "the constant runs from step 35k to 50k; regret among them",
            _to_50k,
        ),
        Protocol(
            "stable-prefix-124m",
            NAME,
            "the constant run up to step 22.5k and one decay from it, WSD 20 % 15k",
            "the decays of WSD 10, 20 (linear and 1-sqrt) and 40 % of 25k",
            _stable_prefix,
        ),
        beginnings(
            "beginning-124m",
            NAME,
            _BEGUN,
            three(PEAKS[0]),
            f"{_FIRST_PART}, and three whole runs at peak 5e-4",
        ),
        beginnings("beginning-alone-124m", NAME, _BEGUN, (), f"{_FIRST_PART}, nothing else"),
        Protocol(
            "one-run-124m",
            NAME,
            "cosine to 10 % 25k alone",
            "all other runs at its peak",
            _one_run,
        ),
        Protocol(
            "no-drop-124m",
            NAME,
            "constant 50k alone",
            "all runs at its peak whose LR falls",
            _no_drop,
        ),
    ),
    origin=Origin(
        "github.com/fabian-sp/lr-scheduling (arXiv:2501.18965)",
        "MIT",
        (
            "a CSV for each run: step, lr, val_loss; runs.csv: name, schedule, peak_lr, "
            "steps, warmup, final_val_loss_full_set. A repeated run ends with _rerun; a "
            "decay that was a branch holds the shared beginning too"
        ),
    ),
)
