"""Which measured losses of a study a law is fitted to, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.fitting import windows
from cptlaw.fitting.windows import Windows
from cptlaw.laws.areas import Convention, warmup_steps
from cptlaw.laws.catalog import Facts
from cptlaw.laws.catalog.growth import what_is_said
from cptlaw.laws.means import Averaged, Nodes
from cptlaw.laws.points import Points, group_label
from cptlaw.studies.history import History
from cptlaw.studies.runs import UNKNOWN, Curve, Run
from cptlaw.studies.study import Study


@dataclass(frozen=True, eq=False)
class Observations:
    """n losses of one domain, in an order that does not depend on the study's.

    Args:
        points: where they lie.
        loss: nats per token, shape (n,).
        runs: names of the runs.
        run: index into `runs`, shape (n,).
        step: steps since the start of the run, shape (n,).
        notes: what was left out or moved, and why.
    """

    points: Points
    loss: FloatArray
    runs: tuple[str, ...]
    run: IntArray
    step: IntArray
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Observations: {self.loss.size} losses of {', '.join(self.runs)}>"

    def __len__(self) -> int:
        return int(self.loss.size)


@dataclass(frozen=True)
class _Piece:
    """The losses of one run: n rows, their steps in it, and the steps that stand for each."""

    run: str
    history: History
    step: IntArray
    loss: FloatArray
    nodes: Nodes


def observe(study: Study, role: str, convention: Convention) -> Observations:
    """The losses of one domain that are fitted or scored.

    PT points count from the end of the initial warm-up, CPT points from their first step; the
    loss at a transfer counts once, in the base. Hidden CPT curves are left out.

    Args:
        study: runs and domains.
        role: "pt", "cpt", "loss" or "ood.NAME".
        convention: how areas are counted, and from where PT points are used.

    Raises:
        DataError: the role is unknown to the study, or no point is left.
    """
    if role not in study.domains:
        raise DataError(f"domain '{role}' is not in the study; it has {', '.join(study.domains)}.")
    column = study.domains[role]
    notes: list[str] = []
    pieces: list[_Piece] = []
    seen: dict[tuple[str, int], float] = {}
    for run in _in_order(study):
        if column not in run.curves:
            continue
        if study.is_hidden_cpt(run):
            notes.append(f"run '{run.name}' is CPT from scratch (a hidden CPT curve): left out.")
            continue
        piece = _piece(study, run, run.curves[column], seen, convention, notes)
        if piece.loss.size:
            pieces.append(piece)
    if not pieces:
        raise DataError(
            f"domain '{role}' (column '{column}'): no loss after the warm-up is left to use. "
            + " ".join(notes)
        )
    notes += [*_without_start(pieces), *_of_open_models(pieces)]
    return _assembled(pieces, convention, notes)


def _of_open_models(pieces: Sequence[_Piece]) -> list[str]:
    """What is better than an open model whose pre-training nobody knows."""
    names = sorted({p.history.unknown_base for p in pieces if p.history.unknown_base is not None})
    return [
        f"the pre-training of '{name}' counts as unknown. If its schedule is public, make it a run "
        f"with that schedule and no log, and write after = its name instead of {UNKNOWN}{name}: "
        "other starts and annealing before the CPT can be forecast then too."
        for name in names
    ]


def _without_start(pieces: Sequence[_Piece]) -> list[str]:
    """Runs of open models whose loss nobody measured before the first step."""
    late = [p for p in pieces if p.history.unknown_base is not None and p.step[0] > 0]
    if not late or any(p.history.unknown_base is not None and p.step[0] == 0 for p in pieces):
        return []
    return [
        "no loss was measured before the first step: what the open model's is, is fitted from the "
        f"first steps (from step {min(int(p.step[0]) for p in late)} on). Evaluate at step 0 too."
    ]


def _in_order(study: Study) -> list[Run]:
    """Bases before what goes on from them, then by name."""

    def depth(run: Run) -> int:
        known = run.after is not None and run.unknown_base is None
        return 1 + depth(study.run(str(run.after))) if known else 0

    return sorted(study.runs, key=lambda run: (depth(run), run.name))


def _piece(
    study: Study,
    run: Run,
    curve: Curve,
    seen: dict[tuple[str, int], float],
    convention: Convention,
    notes: list[str],
) -> _Piece:
    history, start = study.history(run.name), study.before(run).steps
    seen_over = windows.windows_of(curve)
    if curve.is_mean:
        notes.append(
            f"run '{run.name}': training losses are {curve.words}; the law's loss is averaged "
            "likewise before it is compared with them."
        )
    keep = _of_the_run(run, curve, seen_over, notes)
    keep &= _after_warmup(run, history, start + windows.depends_from(seen_over), convention, notes)
    keep &= _counted_once(study, run, curve, seen, notes)
    return _Piece(
        run.name,
        history,
        curve.steps[keep],
        curve.loss[keep],
        _nodes(curve, seen_over.only(keep), history, start),
    )


def _nodes(curve: Curve, seen_over: Windows, history: History, start: int) -> Nodes:
    """The steps that stand for n rows."""
    if curve.is_mean and seen_over.last.size:
        return windows.nodes(seen_over, history, start)
    at, count = start + seen_over.last, seen_over.last.size
    return Nodes(at, np.ones(count), np.arange(count), at)


def _of_the_run(run: Run, curve: Curve, seen_over: Windows, notes: list[str]) -> BoolArray:
    """Leaves out means over steps before the run's first."""
    if not curve.is_mean or seen_over.some.all():
        return np.ones(len(curve), dtype=np.bool_)
    notes.append(
        f"run '{run.name}': the training loss at its start is a mean over steps before it: left "
        "out."
    )
    return seen_over.some


def _after_warmup(
    run: Run, history: History, at: IntArray, convention: Convention, notes: list[str]
) -> BoolArray:
    if history.unknown_base is not None:
        return np.ones(at.size, dtype=np.bool_)
    live = int(np.argmax(history.pt_lr > 0)) + 1  # S1 is 0 before
    first = max(convention.fit_from or warmup_steps(history.pt_lr), live)
    keep: BoolArray = (at >= first) | (at > history.pt_lr.size)
    if not keep.all():
        why = "the warm-up" if convention.fit_from is None else "fit_from"
        why = "the loss before the first" if first == 1 else why
        notes.append(
            f"run '{run.name}': {int((~keep).sum())} of {at.size} points before step {first} "
            f"({why}) are left out."
        )
    return keep


def _counted_once(
    study: Study,
    run: Run,
    curve: Curve,
    seen: dict[tuple[str, int], float],
    notes: list[str],
) -> BoolArray:
    """Leaves out a first loss that the base, or another continuation, has already."""
    keep = np.ones(len(curve), dtype=np.bool_)
    if curve.is_mean:
        return keep
    for step in study.left_at.get(run.name, ()):
        found = int(np.searchsorted(curve.steps, step))
        if found < curve.steps.size and curve.steps[found] == step:
            seen.setdefault((run.name, step), float(curve.loss[found]))
    if curve.steps[0] != 0 or run.after is None or run.unknown_base is not None:
        return keep
    place, loss = study.location(run, 0), float(curve.loss[0])
    if place not in seen:
        seen[place] = loss
        return keep
    keep[0] = False
    gap = abs(loss - seen[place])
    if gap > 0.01 * loss:
        notes.append(
            f"run '{run.name}': its first loss {loss:.4f} differs by {gap:.4f} from "
            f"{seen[place]:.4f}, measured at the same checkpoint ('{place[0]}', step {place[1]}); "
            "the latter is used. Are both on the same validation set?"
        )
    return keep


def _assembled(pieces: list[_Piece], convention: Convention, notes: list[str]) -> Observations:
    pieces.sort(key=lambda piece: piece.run)
    owner = np.repeat(np.arange(len(pieces)), [p.loss.size for p in pieces])
    return Observations(
        _points([p.history for p in pieces], owner, [p.nodes for p in pieces], convention),
        np.concatenate([p.loss for p in pieces]),
        tuple(p.run for p in pieces),
        owner,
        np.concatenate([p.step for p in pieces]),
        tuple(notes),
    )


def _points(
    histories: list[History], owner: IntArray, each: list[Nodes], convention: Convention
) -> Points:
    """Where the losses lie; plain places if each is that of a single step."""
    step = np.concatenate([nodes.step for nodes in each])
    if step.size == owner.size:
        return Points(histories, owner, step, convention)
    before = np.cumsum([0, *(nodes.step.size for nodes in each)])[:-1].tolist()
    first = np.concatenate([n.first + b for n, b in zip(each, before, strict=True)])
    weight = np.concatenate([nodes.weight for nodes in each])
    last = np.concatenate([nodes.last for nodes in each])
    return Averaged(histories, owner, Nodes(step, weight, first, last), convention)


def facts(role: str, points: Points) -> Facts:
    """What a law must know of these points before it is fitted to them."""
    cpt = [h for h in points.histories if h.is_cpt]
    areas = points.s1_cpt if cpt else points.s1_pt
    bases = sorted({h.unknown_base for h in points.histories if h.unknown_base})
    labels = sorted({group_label(h, "batch") for h in cpt})
    pt, cpt_by = what_is_said(points.histories)
    return Facts(
        role,
        reference_area=float(areas.max()) if areas.size and areas.max() > 0 else 1.0,
        longest=max(max(h.pt_lr.size, h.cpt_lr.size) for h in points.histories),
        bases=tuple(bases),
        batches=tuple(labels),
        has_cpt=bool(cpt),
        replay=len({h.replay for h in cpt}) > 1,
        sizes=len({h.model_size for h in points.histories if h.model_size is not None}) > 1,
        pt=pt,
        cpt=cpt_by,
        peak_lr=max(float(h.lr.max(initial=0.0)) for h in points.histories) or 1e-3,
    )
