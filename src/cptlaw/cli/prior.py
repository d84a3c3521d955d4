"""A plan without any run of one's own: cptlaw plan --prior."""

from __future__ import annotations

from typing import Any

import click

from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import Many, say, such_as
from cptlaw.errors import DataError

FLAG = "--prior"


@click.command(
    "plan --prior",
    cls=Many,
    short_help="Ranges from other people's runs, without a fit.",
    epilog=such_as("cptlaw plan --prior --model-size 7e9 --domain-tokens 2e10"),
)
@click.option("--model-size", type=float, required=True, help="Non-embedding parameters.")
@click.option("--domain-tokens", type=float, required=True, help="Distinct tokens of D_cpt data.")
@click.option(
    "--goal",
    default="cpt=1 pt=0.3",
    show_default=True,
    metavar="TEXT",
    help="Weights of the final losses.",
)
@click.option("--pt-peak", type=float, help="Peak LR of the pre-training, from its report.")
@click.option(
    "--batch-tokens", type=float, default=4e6, show_default=True, help="Tokens per step of the CPT."
)
@click.option(
    "--loss",
    "losses",
    multiple=True,
    metavar="DOMAIN=N ...",
    help='The checkpoint\'s loss, such as "pt=2.4" and "cpt=2.1".',
)
@formatted
def prior(losses: tuple[str, ...], goal: str, how: Format, **given: Any) -> None:
    """Name peak LR, replay and passes as ranges from other people's runs, and what to run first.

    For a model of which there are no runs yet. No number here is from your model: the ranges are
    what fits of public runs leave, and the first runs narrow them.
    """
    from cptlaw.decisions.prior import PriorOptions, plan_prior
    from cptlaw.decisions.weights import Weights
    from cptlaw.output.json.prior import prior_json
    from cptlaw.output.tables import prior_rows
    from cptlaw.output.text.prior import prior_text

    options = PriorOptions(goal=Weights.parse(goal), losses=_losses(losses), **given)
    found = plan_prior(options, progress=doing)
    show(how, lambda: prior_json(found), lambda: prior_text(found), lambda: prior_rows(found))
    tokens = sum(pilot.cost for pilot in found.pilots)
    peak = max(pilot.run.schedule.peak for pilot in found.pilots if pilot.run.schedule)
    say(
        f"next: cptlaw pilot --new --unknown NAME --model-size {options.model_size:g} --budget "
        f"{tokens:g}tokens --batch-tokens {options.batch_tokens:g} --peak {peak:g} -o first"
    )


def _losses(texts: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        role, _, value = (part.strip() for part in text.partition("="))
        try:
            found[role] = float(value)
        except ValueError:
            raise DataError(f"--loss {text}: expected DOMAIN=NUMBER, such as cpt=2.1.") from None
    return found


class OrPrior(Many):
    """A command that is another one where --prior is given."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The context of the command that the arguments ask for."""
        if FLAG in args:
            rest = [arg for arg in args if arg != FLAG]
            return prior.make_context(f"{info_name} {FLAG}", rest, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)
