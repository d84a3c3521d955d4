"""Panels of a domain: the pre-training, narrow, and the CPT beside it, from the transfer on.

What a CPT does is small beside what the pre-training did; on one axis its curves would be a smear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cptlaw.output.curves import Phase
from cptlaw.output.plot import style, ticks, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

X_LABEL: dict[Phase, str] = {"pt": "step", "cpt": "step since the transfer"}

_WIDE, _NARROW = 4.2, 2.5  # inches of a panel
_LEAST = 8.0  # inches of a figure
_ACROSS = 2  # domains side by side


@dataclass(frozen=True)
class Column:
    """Two panels with one axis of steps.

    Args:
        role: the domain that they show.
        phase: the phase.
        above: the upper panel.
        below: the lower one.
        is_first: whether it is the first of its domain, then of its row.
    """

    role: str
    phase: Phase
    above: Axes
    below: Axes
    is_first: tuple[bool, bool]

    def label(self, above: str, below: str) -> None:
        """Labels of both panels.

        Args:
            above: what the upper one shows; said in the first column of a row only.
            below: what the lower one shows; the same.
        """
        of_domain, of_row = self.is_first
        title = words.domain_title(self.role) if of_domain else ""
        ticks.label_axes(self.above, "", above if of_row else "", title)
        ticks.label_axes(self.below, X_LABEL[self.phase], below if of_row else "")
        if of_row:
            style.whole_figure(self.above).align_ylabels([self.above, self.below])


def phase_columns(
    phases: Mapping[str, Sequence[Phase]], ratios: tuple[float, float]
) -> tuple[Figure, list[Column]]:
    """A figure with two panels, one above the other, for each phase of each domain.

    Two domains stand side by side, or one where the figure is narrow; more stand below those.

    Args:
        phases: which each domain has, one or both.
        ratios: heights of the two panels.
    """
    roles = list(phases)
    across = 1 if style.is_narrow() else _ACROSS
    rows = [roles[i : i + across] for i in range(0, len(roles), across)]
    wide = max(sum(_widths(phases, row)) for row in rows)
    figure = style.new_figure(style.within(max(wide + 0.8, _LEAST)), 6.5 * len(rows) ** 0.85)
    outer = figure.add_gridspec(len(rows), 1)
    columns: list[Column] = []
    for i, row in enumerate(rows):
        widths = _widths(phases, row)
        rest = [wide - sum(widths)] if sum(widths) < wide else []
        grid = outer[i].subgridspec(
            2, len(widths + rest), height_ratios=ratios, width_ratios=widths + rest
        )
        wanted: list[tuple[str, Phase]] = [(r, phase) for r in row for phase in phases[r]]
        for j, (role, phase) in enumerate(wanted):
            above = figure.add_subplot(grid[0, j])
            below = figure.add_subplot(grid[1, j], sharex=above)
            above.tick_params(labelbottom=False)
            columns.append(Column(role, phase, above, below, (phase == phases[role][0], j == 0)))
    return figure, columns


def _widths(phases: Mapping[str, Sequence[Phase]], roles: Sequence[str]) -> list[float]:
    wide, narrow = (_WIDE, _WIDE), (_NARROW, _WIDE)
    return [w for r in roles for w in (narrow if len(phases[r]) > 1 else wide)[: len(phases[r])]]


def in_order(handles: Mapping[str, Any], looks: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Handles of a legend by label: those of runs in their order, then the others."""
    named = [look["label"] for look in looks.values()]
    runs = [handles[label] for label in named if label in handles]
    return runs + [handle for label, handle in handles.items() if label not in named]
