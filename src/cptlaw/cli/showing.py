"""What there is: laws, published, and the demo."""

from __future__ import annotations

from pathlib import Path

import click

from cptlaw.cli.completing import BUNDLED, FOLDER
from cptlaw.cli.formats import JSON, Format, formatted, show
from cptlaw.cli.shared import examples, say


@click.command(epilog=examples("cptlaw laws", "cptlaw laws --format csv"))
@formatted
def laws(how: Format) -> None:
    """List the laws that can be fitted, with their equations.

    In an equation L is the loss, S the sum of the learning rates so far, S_cpt that of the new
    data alone; docs/laws.md explains every symbol.
    """
    from cptlaw.output.json.laws import laws_json
    from cptlaw.output.text.laws import laws_text

    show(how, laws_json, laws_text)


@click.command(epilog=examples("cptlaw published", "cptlaw published --format csv"))
@formatted
def published(how: Format) -> None:
    """List the coefficients that the paper prints, to use where a FIT is asked for."""
    from cptlaw.fitting import published as paper
    from cptlaw.output.text.laws import published_text

    fits = {name: paper.load(name) for name in paper.names()}
    show(
        how,
        lambda: {"fits": {name: fit.source for name, fit in fits.items()}},
        lambda: published_text(fits),
        lambda: [{"name": name, "source": fit.source} for name, fit in fits.items()],
    )
    say(
        "next: cptlaw forecast published:fineweb-kp-106m --base-schedule "
        '"warmup 500 to 2e-4 | constant 39500" --schedule "cosine 20000 to 0"'
    )


@click.command(
    epilog=examples("cptlaw demo", "cptlaw demo -o trial", "cptlaw demo --data tiny-cpt"),
)
@click.option(
    "-o",
    "--output",
    type=FOLDER,
    default=".",
    metavar="DIR",
    help="Where figures and files go; by default here.",
)
@click.option(
    "--data",
    type=BUNDLED,
    metavar="STUDY",
    help="Only copy a bundled study with its logs: grid-20m (that of the demo), grid-6m, "
    "starts-1m, tiny-cpt, tiny-grid, ...",
)
@JSON
def demo(output: str, data: str | None, as_json: bool) -> None:
    """Show the whole way on bundled real runs: backtest, fit, forecast, figures.

    It takes about half a minute and leaves fit.json, two figures, and the runs themselves in the
    folder grid-20m: the examples of all other commands use them.
    """
    from cptlaw.cli import demo as show_demo

    if data is None:
        show_demo.run(Path(output), say, as_json)
    else:
        show_demo.hand_over(data, Path(output), say, as_json)
