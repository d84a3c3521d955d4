"""Options that several commands have: what a run is, and how a law is fitted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

import click

from cptlaw.cli.completing import OOD_LAW, RUN
from cptlaw.errors import DataError

DATA = click.option(
    "--data",
    type=click.Choice(["pt", "cpt"]),
    help="Data the run trains on: pt (old) or cpt (new).",
)

LEVEL = click.option(
    "--level",
    type=float,
    default=0.9,
    show_default=True,
    help="Share of runs that the intervals should hold.",
)

_OF_RUN = (
    click.option(
        "--after",
        metavar="RUN[@STEP]",
        help="The run, or checkpoint of it, that it goes on from; or unknown:NAME.",
    ),
    click.option(
        "--base-schedule",
        metavar="TEXT",
        help="Learning rates of the pre-training, instead of --after.",
    ),
    DATA,
    click.option(
        "--replay", type=float, help="Share of the pre-training data in the batches, 0 to 1."
    ),
    click.option("--model-size", type=float, help="Parameters of the model, without embeddings."),
    click.option("--batch-tokens", type=float, help="Tokens in a step."),
    click.option("--sequence-length", type=int, help="Tokens in a sequence."),
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say what one run is, beside its schedule."""
    for option in reversed(_OF_RUN):
        command = option(command)
    return command


def fitting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every command that fits; it gets them as one value, `options`."""

    @functools.wraps(command)
    def with_options(
        lambda_: float | None,
        fix: tuple[str, ...],
        warmup: Literal["auto", "peak", "as-is"],
        tail: Literal["frozen", "carried"],
        fit_from: int | None,
        ood_law: str,
        target: Literal["any", "run", "horizon", "peak", "start"],
        no_priors: bool,
        weigh: bool | None,
        keep: tuple[str, ...],
        **rest: Any,
    ) -> None:
        from cptlaw.fitting.options import FitOptions
        from cptlaw.laws.areas import Convention

        _check_ood_law(ood_law)
        options = FitOptions(
            Convention(warmup, tail, fit_from),
            _fixed_shapes(fix, lambda_),
            ood_law,
            target,
            weigh=weigh,
            keep=keep,
        )
        command(options=replace(options, prior_weight=0.0) if no_priors else options, **rest)

    wrapped: Callable[..., None] = with_options
    for option in reversed(_FITTING):
        wrapped = option(wrapped)
    return wrapped


_FITTING = (
    click.option("--lambda", "lambda_", type=float, help="Give lambda this value; do not fit it."),
    click.option(
        "--fix",
        multiple=True,
        metavar="NAME=VALUE",
        help="Give a shape parameter this value; do not fit it.",
    ),
    click.option(
        "--warmup",
        type=click.Choice(["auto", "peak", "as-is"]),
        default="auto",
        show_default=True,
        help="How the first warm-up counts: as if at the peak LR, or as it was; auto: the better "
        "fit.",
    ),
    click.option(
        "--tail",
        type=click.Choice(["frozen", "carried"]),
        default="frozen",
        show_default=True,
        help="What becomes of the annealing of pre-training when the data change: it stays as it "
        "is, or is carried on.",
    ),
    click.option("--fit-from", type=int, help="Leave out pre-training losses before this step."),
    click.option(
        "--ood-law",
        default="auto",
        show_default=True,
        type=OOD_LAW,
        metavar="NAME",
        help="Law of out-of-domain sets: eq6 (a weighted sum of the pt and cpt losses), "
        "loss-to-loss (the same and a constant), auto (whichever forecasts runs better that were "
        "left out of the fit), or a law of `cptlaw laws`.",
    ),
    click.option(
        "--target",
        type=click.Choice(["any", "run", "horizon", "peak", "start"]),
        default="any",
        show_default=True,
        help="What you want to forecast; --law auto and average choose by it. run: a run like "
        "yours; horizon: a longer one; peak: another peak LR; start: another start; any: run and "
        "horizon.",
    ),
    click.option(
        "--no-priors", is_flag=True, help="Fit shape parameters without the built-in priors."
    ),
    click.option(
        "--weigh/--no-weigh",
        default=None,
        help="Count the points of a dense log for less; by default for all but the paper's laws.",
    ),
    click.option(
        "--keep",
        type=RUN,
        multiple=True,
        metavar="RUN",
        help="Fit this run even if it looks wrong (it diverged, has a jump, or is there twice).",
    ),
)


def _check_ood_law(law: str) -> None:
    """Whether a law of that name exists for out-of-domain sets.

    Raises:
        DataError: naming the laws there are.
    """
    from cptlaw.laws.catalog import BY_CROSS_VALIDATION, COMBINATIONS, LAWS, is_known

    sums = (*COMBINATIONS, BY_CROSS_VALIDATION)
    if law not in sums and not is_known(law):
        known = ", ".join((*sums, *LAWS))
        raise DataError(f"--ood-law {law}: law '{law}' is unknown. Known: {known}.")


def _fixed_shapes(pairs: Iterable[str], lambda_: float | None) -> dict[str, float]:
    """Shape parameters that keep a value, from --fix NAME=VALUE and --lambda.

    Raises:
        DataError: not of that form, or a parameter that is given twice.
    """
    fixed = {} if lambda_ is None else {"lambda": lambda_}
    for pair in pairs:
        name, _, value = (part.strip() for part in pair.partition("="))
        try:
            number = float(value)
        except ValueError:
            raise DataError(
                f"--fix {pair}: expected NAME=VALUE, such as --fix alpha=0.5."
            ) from None
        if name in fixed:
            raise DataError(f"--fix {pair}: {name} is given twice. Keep one value.")
        fixed[name] = number
    return fixed
