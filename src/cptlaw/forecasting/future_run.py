"""The run that a forecast is of: what was asked for, what is taken for given, what is refused."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.fitting.start import Start, open_models, start_from
from cptlaw.forecasting.extrapolation import fitted_range
from cptlaw.schedules.schedule import Schedule, as_schedule
from cptlaw.studies.runs import Data, Run

Batch = tuple[float | None, int | None]


def future_run(
    fit: Fit,
    start: Start,
    schedule: Schedule | str | ArrayLike,
    *,
    data: Data | None = None,
    replay: float | None = None,
    model_size: float | None = None,
    batch: Batch = (None, None),
    domain_tokens: float | None = None,
) -> Run:
    """The run to forecast; what was left out is as in the fitted runs, or as at its start.

    Args:
        fit: fitted or published coefficients.
        start: where it begins.
        schedule: its learning rates: a schedule, its text, or an array of shape (steps,).
        data: "cpt" (default after a base) or "pt" (default from scratch).
        replay: share of D_pt in the CPT data.
        model_size: non-embedding parameters.
        batch: tokens per step and per sequence.
        domain_tokens: distinct tokens of D_cpt data.

    Raises:
        DataError: a run that no law covers, or that the fit knows too little of.
    """
    phase: Data = data or ("pt" if start.is_scratch else "cpt")
    if start.history.is_cpt:
        _check_same_cpt(start, replay, batch)
        replay, batch = start.history.replay, start.history.batch
    batch = _fitted_batch(fit) if batch == (None, None) else batch
    run = Run(
        "forecast",
        schedule=_read(schedule, start),
        data=phase,
        replay=_replay(fit, phase, replay),
        model_size=model_size,
        batch_tokens=batch[0],
        sequence_length=batch[1],
        domain_tokens=domain_tokens,
    )
    _check_batch(fit, run)
    _check_phase(fit, start, run)
    _check_size(fit, start, run)
    _check_trains(run)
    return run


def _check_same_cpt(start: Start, replay: float | None, batch: Batch) -> None:
    """A run that goes on with a CPT keeps its replay share and batch."""
    words, before = start.words, start.history
    if not before.has_base:
        raise DataError(f"{words} is CPT from scratch (a hidden CPT curve); no law covers it.")
    if replay is not None and replay != before.replay:
        raise DataError(
            f"{words} has replay = {before.replay:g}; no law covers a share that changes along a "
            "CPT. Leave replay (--replay) out."
        )
    for name, value, own in zip(
        ("batch_tokens", "sequence_length"), batch, before.batch, strict=True
    ):
        if value is not None and value != own:
            was = "not said" if own is None else f"{own:g}"
            raise DataError(
                f"{words} has {name} {was}; no law covers a batch that changes along a CPT. "
                f"Leave {name} out."
            )


def _fitted_batch(fit: Fit) -> Batch:
    """The batch that all fitted CPT runs share, if they do."""
    runs = () if fit.study is None else fit.study.runs
    found = {(r.batch_tokens, r.sequence_length) for r in runs if r.data == "cpt"}
    return found.pop() if len(found) == 1 else (None, None)


def _read(schedule: Schedule | str | ArrayLike, start: Start) -> Schedule:
    """The schedule, with a hint at the base where it lacks a learning rate to start from."""
    if not start.is_scratch:
        return as_schedule(schedule, start.history.known_lr)
    try:
        return as_schedule(schedule)
    except DataError as error:
        as_schedule(schedule, 0.0)  # raises where more is amiss than the missing start
        raise DataError(
            f"{error} Or say what the run goes on from: after = 'RUN' (--after), or "
            "base_schedule (--base-schedule)."
        ) from None


def _replay(fit: Fit, phase: Data, replay: float | None) -> float:
    """The share that was asked for, or the one that all fitted CPT runs share."""
    if phase == "pt" and replay:
        raise DataError("replay belongs to a CPT run, but this one trains on D_pt data.")
    if phase == "pt":
        return 0.0
    if replay is not None:
        return replay
    shares = fitted_range(fit, "replay")
    return shares[0] if shares and shares[0] == shares[1] else 0.0


def _check_batch(fit: Fit, run: Run) -> None:
    """Whether a law that has a shift of its own for every batch was fitted to this one."""
    for domain in fit.domains.values():
        labels = domain.facts.batches
        if domain.law.sees("batch") and run.data == "cpt" and run.batch_label not in labels:
            raise DataError(
                f"a batch of {run.batch_label} (tokens x sequence length) was not fitted; "
                f"fitted: {', '.join(labels)}. Give --batch-tokens and --sequence-length."
            )


def _check_phase(fit: Fit, start: Start, run: Run) -> None:
    """Whether the law covers this data after that start."""
    if run.data == "pt" and start.history.is_cpt:
        raise DataError(f"{start.words} is a CPT checkpoint; no law covers D_pt training after it.")
    leaves = [leaf for domain in fit.domains.values() for leaf in domain.leaves]
    knows = any(term.part == "shift" for leaf in leaves for term in leaf.law.terms)
    if run.data == "cpt" and not knows:
        raise DataError(
            f"this fit is of pre-training alone ({leaves[0].law.name}); it knows no shift. Fit a "
            'study with CPT runs, or forecast D_pt training with data = "pt" (--data pt).'
        )
    models = open_models(fit)
    if models and start.kind != "open model":
        raise DataError(start_from(models))
    if run.data == "pt" and start.kind == "open model":
        raise DataError(
            "D_pt training of an open model cannot be forecast: its pre-training is unknown. "
            'Leave data = "pt" (--data pt) out.'
        )
    if run.data == "cpt" and start.is_scratch:
        raise DataError(
            "a CPT forecast needs its base: after = 'RUN' or 'RUN@STEP' (--after), or "
            "base_schedule (--base-schedule)."
        )


def _check_size(fit: Fit, start: Start, run: Run) -> None:
    known = run.model_size is not None or start.history.model_size is not None
    if any(domain.depends_on_size for domain in fit.domains.values()) and not known:
        raise DataError("this fit depends on the model size; give model_size (--model-size N).")


def _check_trains(run: Run) -> None:
    if run.schedule is None or not run.schedule.peak > 0:
        raise DataError(
            "the learning rate is 0 at every step, so nothing is trained. A schedule goes on from "
            "the last LR of its base; where that is 0, begin with a warmup, such as: "
            "warmup 100 to 1e-4 | cosine 1900 to 0"
        )
