"""A run that is followed, as text."""

from __future__ import annotations

from collections.abc import Iterable

from cptlaw.live.outlook import Ahead, Alarm, DomainOutlook, Followed, Outlook
from cptlaw.page import bullets, table, wrapped


def outlook_line(outlook: Outlook) -> str:
    """One evaluation in one line: measured, foreseen at the end, the verdict."""
    told = [
        f"{role} {_measured(domain)}{_end(domain)}"
        for role, domain in outlook.domains.items()
        if not role.startswith("ood.")
    ] or [f"{role} {_measured(d)}{_end(d)}" for role, d in outlook.domains.items()]
    return f"step {outlook.step:,} of {outlook.steps:,}: {'; '.join(told)}; {outlook.verdict}"


def alarm_lines(alarms: Iterable[Alarm]) -> list[str]:
    """Every alarm in a line of its own."""
    return [f"{'STOP' if alarm.stop else 'ALARM'}: {alarm.words}" for alarm in alarms]


def outlook_text(outlook: Outlook) -> str:
    """What is foreseen of the end, domain by domain, and what is wrong."""
    head = [
        f"{outlook.run} at step {outlook.step:,} of {outlook.steps:,}: {outlook.verdict}.",
        wrapped(f"This rests on {outlook.basis}."),
        "",
    ]
    rows = [_cells(role, domain) for role, domain in outlook.domains.items()]
    share = f"{100 * outlook.level:g} %"
    headers = [
        "loss, nats",
        "measured",
        "forecast for it",
        "expected at the end",
        f"{share} interval",
    ]
    told = [i for i in range(len(headers)) if i == 0 or any(row[i] for row in rows)]
    shown = table([headers[i] for i in told], [[row[i] for i in told] for row in rows])
    return "\n".join([*head, shown, *bullets(a.words for a in outlook.alarms)])


def followed_text(followed: Followed) -> str:
    """A line for every evaluation, and the last outlook."""
    if not followed.outlooks:
        return "nothing measured yet."
    lines = [line for o in followed.outlooks for line in (outlook_line(o), *alarm_lines(o.alarms))]
    told = [wrapped(line, others="    ") for line in lines]
    return "\n".join([*told, "", outlook_text(followed.outlooks[-1])])


def _measured(domain: DomainOutlook) -> str:
    return "not measured" if domain.loss is None else f"{domain.loss:.4f}"


def _end(domain: DomainOutlook) -> str:
    if domain.ahead is None:
        return ""
    return f" -> {domain.ahead.final:.4f} ({_interval(domain.ahead)})"


def _interval(ahead: Ahead) -> str:
    return f"{ahead.low[-1]:.4f} to {ahead.high[-1]:.4f}"


def _cells(role: str, domain: DomainOutlook) -> list[str]:
    then = domain.foreseen
    return [
        role,
        "" if domain.loss is None else f"{domain.loss:.4f}",
        "" if then is None else f"{then[0]:.4f} ({then[1]:.4f} to {then[2]:.4f})",
        "" if domain.ahead is None else f"{domain.ahead.final:.4f}",
        "" if domain.ahead is None else _interval(domain.ahead),
    ]
