"""The paper's figures 1 to 22 and table 2 on the bundled real runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cptlaw_evidence.paper import (
    grid_curves,
    grid_ood,
    grid_plans,
    grid_settings,
    grid_shift,
    grid_surface,
    grid_turning,
    grid_variants,
)
from cptlaw_evidence.paper.drawing import Drawing

FIGURES: Mapping[str, Callable[[], Drawing]] = MappingProxyType(
    {
        "fig1": grid_curves.fig1,
        "fig2": grid_shift.fig2,
        "fig3": grid_curves.fig3,
        "fig4": grid_surface.fig4,
        "fig5": grid_plans.fig5,
        "fig6": grid_curves.fig6,
        "fig7": grid_turning.fig7,
        "fig8": grid_plans.fig8,
        "fig9": grid_ood.fig9,
        "fig10": grid_curves.fig10,
        "fig11": grid_settings.fig11,
        "fig12": grid_settings.fig12,
        "fig13": grid_turning.fig13,
        "fig14": grid_shift.fig14,
        "fig15": grid_settings.fig15,
        "fig16": grid_settings.fig16,
        "fig17": grid_shift.fig17,
        "fig18": grid_variants.fig18,
        "fig19": grid_settings.fig19,
        "fig20": grid_variants.fig20,
        "fig21": grid_ood.fig21,
        "fig22": grid_ood.fig22,
        "table2": grid_variants.table2,
    }
)
"""Name -> what makes it; fits are made once and shared."""
