"""What is new in a forecast, kind by kind, and the protocols that ask for it."""

from __future__ import annotations

CLASSES: dict[str, tuple[str, ...]] = {
    "unseen schedule": (
        "multipower-three",
        "two-peaks",
        "stable-prefix-124m",
        "olmo-lengths",
        "stable-prefix-olmo",
        "grid-schedule",
        "grid-far",
        "tiny",
        "grid-two-starts",
        "tiny-replay",
        "20m-near",
        "20m-two-starts",
        "6m-near",
        "muon-length",
        "gemstones-branches",
        "1m-near",
        "1m-two-starts",
    ),
    "unseen peak": (
        "peak-up",
        "peak-down",
        "grid-peak",
        "grid-peak-up",
        "tiny-peak-up",
        "20m-peak-up",
        "delphi-one-peak",
        "delphi-peak",
        "delphi-peak-down",
        "gemstones-peak",
        "1m-peak-up",
    ),
    "re-warmed": ("grid-rewarmed", "20m-rewarmed", "tiny-rewarmed"),
    "no LR drop fitted": (
        "no-drop-multipower",
        "no-drop-124m",
        "no-drop-olmo",
        "no-drop-grid",
        "no-drop-20m",
        "no-drop-1m",
        "no-drop-tiny",
        "no-drop-gemstones",
    ),
    "longer horizon": (
        "horizon-multipower",
        "horizon-124m",
        "horizon-50k-124m",
        "horizon-olmo",
        "grid-longer",
        "20m-longer",
        "tiny-longer",
        "1m-longer",
        "horizon-gemstones",
    ),
    "unseen start": ("grid-start", "20m-start", "1m-start"),
    "unseen replay share": ("grid-replay", "20m-replay", "delphi-replay"),
    "replay never fitted": ("grid-replay-new", "20m-replay-new", "tiny-replay-new"),
    "unseen size": ("grid-size", "20m-size", "olmo-size", "gemstones-size"),
    "base going on": ("grid-hidden", "20m-hidden", "tiny-hidden"),
    "repeated run": ("grid-repeat", "20m-repeat", "1m-repeat"),
    "first 10, 25, 50 % of a run": (
        "beginning-124m",
        "beginning-grid",
        "beginning-20m",
        "beginning-20m-far",
    ),
    "the same without other runs": (
        "beginning-alone-124m",
        "beginning-alone-grid",
        "optimizer-half",
    ),
    "open model, another schedule": (
        "open-grid-schedule",
        "open-annealed-schedule",
        "open-6m-schedule",
        "open-20m-schedule",
    ),
    "open model, another peak": (
        "open-grid-peak",
        "open-annealed-peak",
        "open-6m-peak",
        "open-20m-peak",
        "delphi-open",
    ),
    "open model, replay never fitted": (
        "open-grid-replay-new",
        "open-6m-replay-new",
        "open-20m-replay-new",
    ),
    "open model, another replay share": ("open-grid-replay", "open-20m-replay"),
    "open model, longer": (
        "open-grid-longer",
        "open-annealed-longer",
        "open-6m-longer",
        "open-20m-longer",
    ),
    "one run only": ("one-run-124m", "one-run-multipower", "multipower-one"),
}
"""What is new in a forecast -> the protocols that ask for it."""

_KINDS = {protocol: kind for kind, some in CLASSES.items() for protocol in some}


def kind_of(protocol: str) -> str:
    """What is new in a protocol's forecasts."""
    return _KINDS.get(protocol, protocol)
