"""Figures of a run that is followed: its curve so far and ahead, and the forecast narrowing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cptlaw.errors import DataError
from cptlaw.live.outlook import Ahead, Followed, Outlook
from cptlaw.output.plot import style, ticks, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STEP = "step of the run"
_BAND: dict[str, Any] = {"alpha": 0.3, "linewidth": 0, "color": style.BLUE}


@style.styled
def outlook_figure(outlook: Outlook, roles: Sequence[str] | None = None) -> Figure:
    """What is foreseen from a step of a run on, one column a domain.

    Args:
        outlook: of the run at that step.
        roles: up to four domains; left out, the first four, D_pt and D_cpt first.

    Raises:
        DataError: nothing is foreseen yet, no such domain, or too many.
    """
    return _figure(Followed((outlook,)), roles)


@style.styled
def followed_figure(followed: Followed, roles: Sequence[str] | None = None) -> Figure:
    """Losses measured and foreseen above; below, the forecast of the end, step by step.

    Args:
        followed: a run.
        roles: up to four domains; left out, the first four, D_pt and D_cpt first.

    Raises:
        DataError: nothing is foreseen yet, no such domain, or too many.
    """
    return _figure(followed, roles)


def _figure(followed: Followed, roles: Sequence[str] | None) -> Figure:
    if not any(outlook.foresees for outlook in followed.outlooks):
        raise DataError("nothing is foreseen of this run yet, so there is nothing to draw.")
    shown = words.shown(followed.roles, roles)
    figure, rows = style.columns(len(shown), (2.0, 1.4))
    handles: dict[str, Any] = {}
    for (above, below), role in zip(rows.T, shown, strict=True):
        first = role == shown[0]
        named = [*_draw_course(above, followed, role), *_draw_ends(below, followed, role)]
        handles.update({str(handle.get_label()): handle for handle in named})
        ticks.label_axes(above, "", style.LOSS if first else "", words.domain_title(role))
        ticks.label_axes(below, _STEP, "foreseen at the end" if first else "")
    style.legend_below(figure, list(handles.values()), _alarms(followed))
    figure.align_ylabels(rows[:, 0])
    return figure


def _draw_course(ax: Axes, followed: Followed, role: str) -> list[Any]:
    """What was measured, what is foreseen now, and the evaluations that were off."""
    handles: list[Any] = []
    step, loss = followed.measured(role)
    marks: dict[str, Any] = {"marker": "o", "linestyle": "", "color": style.GREY, "markersize": 4}
    drawn = [(step, loss)] if step.size else []
    if step.size:
        handles += ax.plot(step, loss, **marks, label="measured", zorder=3)
    last = next((a for o in reversed(followed.outlooks) if (a := _ahead(o, role))), None)
    if last is not None:
        ax.fill_between(last.step, last.low, last.high, **_BAND)
        handles += ax.plot(last.step, last.loss, color=style.BLUE, label="foreseen", zorder=4)
        drawn += [(last.step, last.low), (last.step, last.high)]
    if drawn:
        steps = np.concatenate([s for s, _ in drawn])
        losses = np.concatenate([x for _, x in drawn])
        style.tell(ax, words.points_text(style.frame_losses(ax, steps, losses), "above"))
    return handles


def _draw_ends(ax: Axes, followed: Followed, role: str) -> list[Any]:
    """The loss foreseen at the end, outlook by outlook, with its interval and limits."""
    from matplotlib.patches import Patch

    each = [(o.step, a) for o in followed.outlooks if (a := _ahead(o, role)) is not None]
    if not each:
        return []
    step = np.array([s for s, _ in each])
    low, high = (np.array([float(getattr(a, end)[-1]) for _, a in each]) for end in ("low", "high"))
    ax.fill_between(step, low, high, **_BAND, step="post" if len(each) > 1 else None)
    final = [a.final for _, a in each]
    (line,) = ax.plot(step, final, color=style.BLUE, drawstyle="steps-post")
    line.set_marker("o" if len(each) == 1 else "")
    handles: list[Any] = [Patch(**_BAND, label="interval")]
    outlook = followed.outlooks[-1]
    dots: dict[str, Any] = {"color": style.VERMILION, "linestyle": style.DASHED, "linewidth": 1.5}
    for one in (r for r in outlook.rules if r.role == role):
        handles.append(ax.axhline(one.limit, **dots, label="limit of a rule"))
    measured, loss = followed.measured(role)
    if measured.size and measured[-1] == outlook.steps:
        handles += ax.plot(
            measured[-1:], loss[-1:], "D", color=style.BLACK, label="measured at the end"
        )
    ax.set_xlim(0, outlook.steps * 1.02)
    return handles


def _ahead(outlook: Outlook, role: str) -> Ahead | None:
    return outlook.domains[role].ahead if role in outlook.domains else None


def _alarms(followed: Followed) -> str:
    return " ".join(alarm.words for alarm in followed.outlooks[-1].alarms)
