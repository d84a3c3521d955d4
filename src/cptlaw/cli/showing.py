"""What there is: laws, published, and the demo."""

from __future__ import annotations

from pathlib import Path

import click

from cptlaw.cli.formats import JSON, Format, formatted, show
from cptlaw.cli.shared import say


@click.command()
@formatted
def laws(how: Format) -> None:
    """List the laws of the catalogue with their equations."""
    from cptlaw.output.json.laws import laws_json
    from cptlaw.output.text.laws import laws_text

    show(how, laws_json, laws_text)


@click.command()
@formatted
def published(how: Format) -> None:
    """List the paper's coefficients that can be used as fits."""
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


@click.command()
@click.option("-o", "--output", default=".", metavar="DIR", help="Where figures and files go.")
@click.option(
    "--data",
    metavar="STUDY",
    help="Only copy a bundled study with its logs: grid-20m (that of the demo), grid-6m, "
    "starts-1m, tiny-cpt, tiny-grid, ...",
)
@JSON
def demo(output: str, data: str | None, as_json: bool) -> None:
    """The whole way on bundled real runs: fit, backtest, forecast, figures."""
    from cptlaw.cli import demo as show_demo

    if data is None:
        show_demo.run(Path(output), say, as_json)
    else:
        show_demo.hand_over(data, Path(output), say, as_json)
