"""The catalogue as one plain dict."""

from __future__ import annotations

from typing import Any

from cptlaw.laws import catalog


def laws_json() -> dict[str, Any]:
    """`{"laws": [{"name", "title", "source", "equation", "latex", "parameters"}]}`."""
    laws = [catalog.example(name) for name in catalog.LAWS]
    return {
        "laws": [
            {
                "name": law.name,
                "title": law.title,
                "source": law.source,
                "equation": law.text,
                "latex": law.latex,
                "parameters": list(law.parameters),
            }
            for law in laws
        ]
    }
