"""A run followed from outside: watch."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cptlaw.cli.completing import FILE, FIT, LAW
from cptlaw.cli.options import LEVEL, run_options
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import (
    DEMO,
    Many,
    check_figure,
    check_laws,
    check_writable,
    examples,
    load_fit,
    say,
    say_written,
    tell,
)
from cptlaw.ending import unwinding
from cptlaw.errors import DataError

if TYPE_CHECKING:
    from cptlaw.fitting.result import Fit
    from cptlaw.live.following import Follower
    from cptlaw.live.monitor import Monitor
    from cptlaw.live.outlook import Outlook
    from cptlaw.studies.study import Study

STOPPED = 3
"""Exit status where a rule, or an alarm of --stop-on, asks to stop the run."""
_PATIENCE = 5  # looks at a log that cannot be read before it is told


@click.command(
    cls=Many,
    epilog=examples(
        "cptlaw watch grid-20m/cpt-cosine.csv grid-20m/study.toml",
        "cptlaw watch grid-20m/cpt-const.csv fit.json --after base --once \\",
        '    --schedule "constant 1200" --rule "pt > 4.5 at 90 %"',
        after=DEMO,
    ),
)
@click.argument("log", metavar="LOG", type=FILE)
@click.argument("known", required=False, metavar="[STUDY|FIT]", type=FIT)
@click.option("--schedule", metavar="TEXT", help="Learning rates of the run, from its first step.")
@click.option("--run", "name", metavar="NAME", help="Name of the run in the study.")
@run_options
@click.option("--pt", metavar="COLUMN", help="Column of the loss on the pre-training data.")
@click.option("--cpt", metavar="COLUMN", help="Column of the loss on the new data.")
@click.option(
    "--rule",
    multiple=True,
    metavar="TEXT",
    help='Tell when the run will probably end so: "pt > 3.2 at 90 %"; "stop: cpt > 2.6 at 95 %" '
    "asks to stop it too.",
)
@click.option(
    "--stop-on",
    multiple=True,
    type=click.Choice(["off", "not-finite"]),
    help="Ask to stop the run when it is off its forecast, or its loss is not finite.",
)
@click.option("--law", type=LAW, metavar="NAME", help="The law to fit; by default the usual one.")
@LEVEL
@click.option("--once", is_flag=True, help="Look once, and tell of the last evaluation.")
@click.option("--every", type=float, default=10.0, show_default=True, help="Seconds between looks.")
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write a line of JSON for every evaluation.",
)
@click.option(
    "--figure", type=FILE, metavar="FILE", help="Draw the run and its forecast at the end."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a line of JSON for every evaluation, nothing else.",
)
def watch(
    log: str,
    known: str | None,
    name: str | None,
    once: bool,
    every: float,
    output: str | None,
    figure: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Follow a run while it trains, and forecast its end after every evaluation.

    LOG is any log that `cptlaw read` reads; it may grow, and need not be there yet. STUDY, or a FIT
    of one, has your earlier runs. The learning rates still to come are those of --schedule, or
    those that the study has for this log (or for --run).

    Each evaluation gets a line: the loss measured, the loss expected at the end, and a verdict.
    "on course": nothing unusual. "off its forecast": three evaluations in a row are farther from
    what was forecast for them than 1 in 100 should be. "a limit will be passed": a --rule holds.
    "stop": a rule or alarm asks to stop.

    Exit status: 0 at the end of the run, or after --once. 3 as soon as the run should stop. 2 for
    a mistake that you can mend. 130 after Ctrl-C.
    """
    from cptlaw.output.json.live import outlook_json
    from cptlaw.output.json.numbers import dumped

    check_writable(output, figure, reads=[log, *([] if known is None else [known])])
    check_figure(figure)
    check_laws([] if options["law"] is None else [options["law"]])
    if not every > 0:
        raise DataError(f"--every {every:g}: seconds between looks are above 0.")
    _wait_for(Path(log), every, once)
    monitor, follower = prepared(Path(log), known, name, options)
    last, known_alarms = None, set[tuple[str, str]]()
    if not once and not as_json:
        say(
            "each line: the loss measured -> the loss expected at the end "
            f"({100 * monitor.watching.level:g} % interval)"
        )
    with contextlib.ExitStack() as ends:
        ends.enter_context(unwinding())
        ends.callback(_draw, monitor, figure)
        ends.callback(say_written, output)
        lines = None if output is None else ends.enter_context(Path(output).open("w"))
        for last in _outlooks(monitor, follower, every, once):
            line = dumped(outlook_json(last))
            if lines is not None:
                print(line, file=lines, flush=True)
            if not once:
                _tell(last, line, as_json, known_alarms)
            if last.stops and not once:
                break
    if once and last is not None:
        line = dumped(outlook_json(last, curves=True))
        tell(line if as_json else last.summary())
    return STOPPED if last is not None and last.stops else 0


def _draw(monitor: Monitor, figure: str | None) -> None:
    """The figure, however the following ended."""
    if figure is None:
        return
    if not any(outlook.foresees for outlook in monitor.followed.outlooks):
        say("nothing is foreseen yet, so no figure was drawn.")
        return
    monitor.followed.plot(figure)
    say(f"wrote {figure}")


def _tell(outlook: Outlook, line: str, as_json: bool, known: set[tuple[str, str]]) -> None:
    """The line of an evaluation, and the alarms that the one before it did not have."""
    from cptlaw.live.telling import new_alarms
    from cptlaw.output.text.live import alarm_lines, outlook_line

    tell(line if as_json else outlook_line(outlook))
    for alarm in alarm_lines(new_alarms(outlook, known)):
        tell(alarm, err=as_json)
    sys.stdout.flush()


def _wait_for(log: Path, every: float, once: bool) -> None:
    """Until the log is there."""
    from cptlaw.studies.logs import file_and_part

    path, _ = file_and_part(log)
    if not path.exists() and once:
        raise DataError(f"{log}: there is no such log (yet).")
    if not path.exists():
        say(f"{log} is not there yet; waiting for it ...")
    while not path.exists():
        time.sleep(every)


# --- what is followed -------------------------------------------------------------------------


def prepared(
    log: Path, known: str | None, name: str | None, options: dict[str, Any]
) -> tuple[Monitor, Follower]:
    """The monitor, and who reads the log for it.

    Args:
        log: of the run.
        known: the study or fit of earlier runs.
        name: of the run in the study.
        options: those of the command; left out, as by default.

    Raises:
        DataError: the learning rates ahead are not known, or there is no such start.
    """
    from cptlaw.forecasting.intervals import LEVEL
    from cptlaw.live import following
    from cptlaw.live.monitor import Monitor, Watching
    from cptlaw.live.planned import Planned

    stops = {"off": "off its forecast", "not-finite": "not finite"}
    watching = Watching(
        rules=options.pop("rule", ()),
        level=options.pop("level", LEVEL),
        law=options.pop("law", None),
        share=None,
        stop_on=tuple(stops[one] for one in options.pop("stop_on", ())),  # type: ignore[misc]
    )
    asked = {role: options.pop(role, None) for role in ("pt", "cpt")}
    given = {role: column for role, column in asked.items() if column is not None}
    loaded, file = _loaded(known)
    mine = None if file is None else _run_of_study(log, file, loaded, name)
    planned = Planned(name=mine or name or log.stem or "this run", **options)
    told = file is not None and mine is not None and following.has_schedule(file, mine)
    if planned.schedule is None and not told:
        raise DataError(_unknown_schedule(mine))
    say("fitting the earlier runs ..." if loaded is not None else "reading the log ...")
    roles = given or ({} if loaded is not None else _roles(log))
    if loaded is None:
        say(_alone(roles))
    monitor = Monitor(loaded, planned, roles, watching)
    columns = {**monitor.columns, **given} if loaded is not None else roles
    base = following.base_of(loaded, planned.after)
    study = (file, mine) if file is not None and mine is not None else None
    return monitor, following.Follower(log, columns, base, monitor.steps, study)


def _loaded(known: str | None) -> tuple[Study | Fit | None, Path | None]:
    """The study or fit, and the file of the study."""
    from cptlaw.studies import study_file

    if known is None:
        return None, None
    if Path(known).suffix.lower() == ".toml" or Path(known).is_dir():
        return study_file.load(known, doing.later()), Path(known)
    return load_fit(known), None


def _run_of_study(log: Path, file: Path, study: Any, name: str | None) -> str | None:
    from cptlaw.live.following import run_of

    if name is not None:
        return name if study.has_run(name) else None
    found = run_of(log, file, study)
    return None if found is None else found.name


def _roles(log: Path) -> dict[str, str]:
    from cptlaw.live.following import roles_of
    from cptlaw.studies import logs

    return roles_of(logs.read(log))


def _alone(roles: dict[str, str]) -> str:
    """What is followed where no earlier runs are known."""
    told = ", ".join(f"column '{column}' as {role}" for role, column in roles.items())
    return (
        f"note: only this run is known, so early forecasts are weak. Give a study with its "
        "base and "
        f"earlier runs for better ones. Followed: {told} (others: --pt, --cpt)."
    )


def _unknown_schedule(run: str | None) -> str:
    where = "" if run is None else f" of run '{run}'"
    return (
        f"the learning rates ahead{where} are not known: a log tells those that were. Give them: "
        '--schedule "warmup 100 to 2e-4 | cosine 9900 to 2e-5", or schedule = "..." in the study.'
    )


# --- following --------------------------------------------------------------------------------


def _outlooks(monitor: Monitor, follower: Follower, every: float, once: bool) -> Iterator[Outlook]:
    """An outlook for every evaluation, until the run has ended."""
    done, failed, reached = -1, 0, 0
    wait: Callable[[float], None] = time.sleep
    while True:
        look = follower.look()
        if look is not None and look.trouble:
            failed += 1
            if once:
                raise DataError(look.trouble)
            if failed == _PATIENCE:
                say(f"the log cannot be read: {look.trouble}")
        elif look is not None:
            failed, reached = 0, look.reached
            if look.replaced:
                say("the log was replaced: the run is followed anew from its beginning.")
                done = -1
            for one in look.evaluations:
                if one.step > done:
                    done = one.step
                    yield monitor.update(one.step, one.losses, one.lr)
        if once or done >= monitor.steps:
            return
        if reached >= monitor.steps and look is None:  # nothing came after the last step
            return
        wait(every)
