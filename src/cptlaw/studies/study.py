"""Runs that belong together, and which of their columns measures which domain."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from cptlaw.caching import remembers
from cptlaw.errors import DataError, suggestion
from cptlaw.page import typed
from cptlaw.shown import Shown
from cptlaw.studies.bases import bases_first
from cptlaw.studies.differences import told_differences
from cptlaw.studies.history import History
from cptlaw.studies.optimization import NOT_SAID
from cptlaw.studies.runs import Diverged, Run
from cptlaw.visible import visible


@dataclass(frozen=True)
class Study(Shown):
    """Runs that belong together, and which of their columns measures which domain.

    Args:
        domains: role ("pt", "cpt", "loss" or "ood.NAME") -> column of the logs.
        runs: every run has a schedule; `after` names another run of the study.
        origin: the study file, if there is one.
        notes: what was found and done while putting it together.
        faults: what is wrong with its data and what was done about it (`faults.sound`).

    Raises:
        DataError: a missing run or column, a cycle in `after`, PT after CPT or after an open
            model, a replay share that changes along a CPT, a model size that is not the base's, a
            start past the end of the run it goes on from.
    """

    domains: Mapping[str, str]
    runs: tuple[Run, ...]
    origin: str = ""
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", MappingProxyType(dict(self.domains)))
        if not self.domains:
            raise DataError("a study needs at least one domain.")
        for role in self.domains:
            if role not in ("pt", "cpt", "loss") and not role.startswith("ood."):
                raise DataError(f"domain role '{role}': expected pt, cpt, loss or ood.NAME.")
        if not self.runs:
            raise DataError("a study needs at least one run.")
        names = [run.name for run in self.runs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"two runs are named '{twice[0]}'; every run needs its own name.")
        for run in self.runs:
            self._check_run(run)
        self._check_bases()
        for role, column in self.domains.items():
            if not any(column in run.curves for run in self.runs):
                known = sorted({c for run in self.runs for c in run.curves})
                raise DataError(
                    f"domain '{role}': no log has a column '{column}'. {suggestion(column, known)}"
                )

    def __repr__(self) -> str:
        phases = [run.data for run in self.runs]
        counts = ", ".join(f"{phases.count(d)} {d}" for d in ("pt", "cpt") if d in phases)
        return visible(f"<Study: runs {counts}; domains {', '.join(self.domains)}>")

    def _check_run(self, run: Run) -> None:
        if run.schedule is None:
            raise DataError(
                f"run '{run.name}': its log has no learning rate. Give schedule = \"...\" or "
                'lrs = "FILE.json" in the study.'
            )
        for curve in run.curves.values():
            if curve.steps[-1] > run.schedule.steps:
                raise DataError(
                    f"run '{run.name}': its log goes to step {curve.steps[-1]}, but its schedule "
                    f"ends at {run.schedule.steps}. Mend the schedule, or first_step."
                )
        if run.unknown_base is not None and run.data == "pt":
            raise DataError(
                f"run '{run.name}' is PT data after the open model '{run.unknown_base}'; no law "
                'covers that. Leave it out, or give data = "cpt".'
            )

    def _check_bases(self) -> None:
        """Each run against the one it goes on from, whose model size it takes over."""
        after = {run.name: self._base(run) for run in self.runs}
        sized: dict[str, Run | None] = {}  # the run whose model size holds for each
        for name in bases_first(after):
            run, base = self.run(name), after[name]
            sized[name] = None if run.model_size is None else run
            if base is not None:
                self._check_step(run, self.run(base))
                sized[name] = _of_one_size(sized[name], sized[base])

    def _base(self, run: Run) -> str | None:
        """The name of the run that a run goes on from; None for a root or an open model."""
        if run.after is None or run.unknown_base is not None:
            return None
        return self.run(run.after, asked_by=run.name).name

    def _check_step(self, run: Run, parent: Run) -> None:
        if run.after_step is not None and not 1 <= run.after_step <= parent.steps:
            raise DataError(
                f"run '{run.name}': after_step = {run.after_step}, but run '{parent.name}' "
                f"has steps 1 to {parent.steps}."
            )
        if run.data == "pt" and parent.data == "cpt":
            raise DataError(
                f"run '{run.name}' is PT data after the CPT run '{parent.name}'; no law covers "
                "that. Leave it out."
            )
        if run.data == parent.data == "cpt" and run.replay != parent.replay:
            raise DataError(
                f"run '{run.name}' has replay = {typed(run.replay)} and goes on from "
                f"'{parent.name}' "
                f"with {typed(parent.replay)}; no law covers a share that changes along a CPT."
            )
        if run.data == parent.data == "cpt" and run.batch_label != parent.batch_label:
            raise DataError(
                f"run '{run.name}' has a batch of {run.batch_label} (tokens x sequence length) "
                f"and goes on from '{parent.name}' with {parent.batch_label}; no law covers a "
                "batch that changes along a CPT."
            )

    def run(self, name: str, asked_by: str = "") -> Run:
        """The run of that name.

        Raises:
            DataError: there is none.
        """
        if name in self._named:
            return self._named[name]
        who = f"run '{asked_by}': after = '{name}'" if asked_by else f"'{name}'"
        models = sorted({str(r.after) for r in self.runs if r.unknown_base is not None})
        open_ = f" Its runs go on from {' or '.join(models)}." if models else ""
        raise DataError(
            f"{who}: the study has no such run. "
            f"{suggestion(name, [r.name for r in self.runs])}{open_}"
        )

    def has_run(self, name: str) -> bool:
        """Whether the study has a run of that name."""
        return name in self._named

    @cached_property
    def _named(self) -> dict[str, Run]:
        return {run.name: run for run in self.runs}

    def history(self, name: str, step: int | None = None) -> History:
        """Learning rates from the first step of all up to `step` of run `name`, or to its end.

        Raises:
            DataError: no such run, or a step past its end.
        """
        run = self.run(name)
        if step is not None and not 0 <= step <= run.steps:
            raise DataError(f"run '{name}' has steps 0 to {run.steps}, not {step}.")
        return self.before(run).then(run, step)

    def before(self, run: Run) -> History:
        """Learning rates before the first step of `run`."""
        if run.after is None or run.unknown_base is not None:
            empty = np.empty(0)
            return History(empty, empty, unknown_base=run.unknown_base)
        return self._base_history(run.after, run.after_step)

    @remembers(64)  # many runs go on from a few bases, and share those learning rates then
    def _base_history(self, name: str, step: int | None) -> History:
        return self.history(name, step)

    def location(self, run: Run, step: int) -> tuple[str, int]:
        """Where (run, step) really is: step 0 of a continuation is a step of its base."""
        if step > 0 or run.after is None or run.unknown_base is not None:
            return run.name, step
        parent = self.run(run.after)
        at = parent.steps if run.after_step is None else run.after_step
        return self.location(parent, at)

    @cached_property
    def left_at(self) -> Mapping[str, tuple[int, ...]]:
        """The steps of each run after which others go on from it."""
        found: dict[str, set[int]] = defaultdict(set)
        for run in self.runs:
            name, step = self.location(run, 0)
            if name != run.name:
                found[name].add(step)
        return {name: tuple(sorted(steps)) for name, steps in found.items()}

    @property
    def has_cpt(self) -> bool:
        """Whether any run goes on from a base on CPT data."""
        return any(run.data == "cpt" and not self.is_hidden_cpt(run) for run in self.runs)

    @property
    def diverged(self) -> tuple[Diverged, ...]:
        """The runs that diverged, with the highest LR that each had been trained at by then."""
        return tuple(
            Diverged(run.name, run.diverged, float(run.schedule.lr()[: max(run.diverged, 1)].max()))
            for run in self.runs
            if run.diverged is not None and run.schedule is not None and not run.keep
        )

    @property
    def peak_limit(self) -> float | None:
        """The lowest LR at which a run diverged while none on its data went well; else None."""
        well: dict[str, float] = {}
        for run in self.runs:
            if run.curves and run.diverged is None and run.schedule is not None:
                well[run.data] = max(well.get(run.data, 0.0), run.schedule.peak)
        peaks = [d.peak for d in self.diverged if d.peak > well.get(self.run(d.run).data, 0.0)]
        return min(peaks, default=None)

    def is_hidden_cpt(self, run: Run) -> bool:
        """Whether a run is CPT from scratch, or goes on from one; no law of a CPT covers it."""
        return run.data == "cpt" and not self.before(run).has_base

    def without(self, names: Iterable[str]) -> Study:
        """The same histories, with the losses of the named runs taken out."""
        dropped = set(names)
        for name in sorted(dropped):
            self.run(name)
        runs = tuple(replace(r, curves={}) if r.name in dropped else r for r in self.runs)
        if not any(run.curves for run in runs):
            raise DataError("every run is held out; leave some to fit on.")
        return replace(self, runs=runs)

    def beginning(self, share: float) -> Study:
        """The study with the curves of its last runs cut after a share of their steps.

        Runs that others go on from stay whole.

        Raises:
            DataError: a share that is not between 0 and 1.
        """
        if not 0 < share < 1:
            raise DataError(
                f"fit_steps = {typed(share)} is a share of the steps, above 0 and below 1."
            )
        bases = {run.after for run in self.runs}

        def cut(run: Run) -> Run:
            if run.name in bases:
                return run
            last = share * run.steps
            curves = {
                column: curve.only(curve.steps <= last)
                for column, curve in run.curves.items()
                if curve.steps[0] <= last
            }
            return replace(run, curves=curves)

        return replace(self, runs=tuple(cut(run) for run in self.runs))

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What was found while reading the runs and putting them together, each said once."""
        said: dict[str, list[str]] = {}
        for run in self.runs:
            for note in filter(self._concerns_a_domain, run.notes):
                said.setdefault(note, []).append(f"'{run.name}'")
        every = len(self.runs)
        grouped = [
            f"{'every run' if len(names) == every > 1 else 'run ' + ', '.join(names)}: {note}"
            for note, names in said.items()
        ]
        return (*self.notes, *told_differences(self.runs, self.before), *grouped)

    def _concerns_a_domain(self, note: str) -> bool:
        """Whether a note is about a column that is used, or about no single column."""
        begins = re.match(r"((?:'[^']+'(?:, | and )?)+): ", note)
        if not begins:
            return True
        return bool(set(re.findall(r"'([^']+)'", begins[1])) & set(self.domains.values()))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every number a fit uses, whatever the order of the runs."""
        digest = hashlib.sha256()
        for role in sorted(self.domains):
            digest.update(f"{role}={self.domains[role]};".encode())
        for run in sorted(self.runs, key=lambda r: r.name):
            meta = (
                run.name,
                run.data,
                run.after,
                run.after_step,
                run.replay,
                run.model_size,
                run.batch_tokens,
                run.sequence_length,
                *(() if run.domain_tokens is None else (run.domain_tokens,)),
                *(() if run.optimization == NOT_SAID else (run.optimization,)),
            )
            digest.update(repr(meta).encode())
            if run.schedule is not None:
                digest.update(run.schedule.lr().tobytes())
            for column in sorted(set(run.curves) & set(self.domains.values())):
                curve = run.curves[column]
                ema = f",{curve.ema}" if curve.ema else ""
                digest.update(f"{column},{curve.window}{ema}".encode())
                digest.update(curve.steps.tobytes() + curve.loss.tobytes())
        return digest.hexdigest()


def _of_one_size(run: Run | None, base: Run | None) -> Run | None:
    """The one whose model size holds, after both were compared."""
    if run is None or base is None:
        return run or base
    assert run.model_size is not None
    assert base.model_size is not None
    if run.model_size != base.model_size:
        raise DataError(
            f"run '{run.name}' has model_size = {typed(run.model_size)}, but it goes on from run "
            f"'{base.name}' with {typed(base.model_size)}. Mend one of them."
        )
    return run
