"""A plan without any run of one's own: cptlaw plan --prior."""

from __future__ import annotations

from typing import Any

import click

from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import Many, examples, say
from cptlaw.errors import DataError
from cptlaw.page import typed

FLAG = "--prior"


@click.command(
    "plan --prior",
    cls=Many,
    short_help="Ranges from other people's runs, without a fit.",
    epilog=examples(
        "cptlaw plan --prior --model-size 7e9 --domain-tokens 2e10",
        "cptlaw plan --prior --model-size 1e9 --domain-tokens 5e9 --pt-peak 3e-4 \\",
        '    --goal "cpt=1 pt=1" --loss pt=2.4 cpt=2.1',
    ),
)
@click.option(
    "--model-size", type=float, required=True, help="Parameters of your model, without embeddings."
)
@click.option(
    "--domain-tokens",
    type=float,
    required=True,
    help="Different tokens of the new data that you have.",
)
@click.option(
    "--goal",
    default="cpt=1 pt=0.3",
    show_default=True,
    metavar="TEXT",
    help="What is to be low at the end, a weighted sum of losses.",
)
@click.option("--pt-peak", type=float, help="Peak LR of the pre-training, if its report says it.")
@click.option(
    "--batch-tokens", type=float, default=4e6, show_default=True, help="Tokens in a step."
)
@click.option(
    "--loss",
    "losses",
    multiple=True,
    metavar="DOMAIN=N ...",
    help='Losses of your checkpoint now, such as "pt=2.4 cpt=2.1".',
)
@formatted
def prior(losses: tuple[str, ...], goal: str, how: Format, **given: Any) -> None:
    """Name a peak LR, a replay share and a number of passes before you have any run.

    They are ranges from fits of other people's runs: no number here is from your model. The first
    runs that are named narrow them.
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
        f"next: cptlaw pilot --new --unknown NAME --model-size {typed(options.model_size)} "
        f"--budget {typed(tokens)}tokens --batch-tokens {typed(options.batch_tokens)} "
        f"--peak {typed(peak)} -o first"
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
