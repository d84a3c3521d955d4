"""How well runs are followed."""

from __future__ import annotations

import click

from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.shared import Many, check_lab, examples, say
from cptlaw_evidence.cli import curves


@click.command(
    "live",
    cls=Many,
    short_help="How well runs under way are followed.",
    epilog=examples("cptlaw bench live --format csv", "cptlaw bench live --cost 40"),
)
@curves.PROTOCOLS
@curves.DATA
@click.option(
    "--cost",
    type=click.IntRange(min=20),
    metavar="STEPS",
    help="Instead: the time that the callback takes in a real run of STEPS steps of a small model.",
)
@formatted
def bench_live(protocol: tuple[str, ...], data: str | None, cost: int | None, how: Format) -> None:
    """Replay real curves evaluation by evaluation, as if their runs were under way.

    The runs are ones that the fit has not seen. The figures: how often the interval of the last
    loss holds, how it narrows, and how often an alarm comes, on the curves as they are and on
    copies with damage put in.
    `cptlaw bench accuracy --list` prints the protocols.
    """
    from cptlaw_evidence import replays

    if cost is not None:
        _cost(cost, how)
        return
    found = replays.measure(curves.words(protocol), curves.place(data), say)
    show(how, lambda: found, lambda: replays.to_text(found))


def _cost(steps: int, how: Format) -> None:
    check_lab()
    from cptlaw_evidence import live_cost

    found = live_cost.measure(steps, max(steps // 20, 1), say)
    show(how, lambda: found, lambda: live_cost.to_text(found))
