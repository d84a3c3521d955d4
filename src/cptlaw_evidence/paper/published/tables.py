"""Tables 1 and 2 as the paper prints them."""

from __future__ import annotations

from cptlaw.fitting import published
from cptlaw_evidence.paper.drawing import Drawing, Table

_VARIANTS = {
    "fineweb-kp-106m": "Eq. 4",
    "fineweb-kp-106m-eq9-0.1": "Eq. 9, LR weight 0.1",
    "fineweb-kp-106m-eq9-0.2": "Eq. 9, LR weight 0.2",
    "fineweb-kp-106m-eq10": "Eq. 10, powers of S2",
}


def table1() -> Drawing:
    """The settings of all runs."""
    headings = (
        "setting",
        "parameters (M)",
        "D_pt",
        "D_cpt",
        "peak LR",
        "tokens a step (M)",
        "sequence",
        "Adam betas",
        "weight decay",
        "gradient clip",
    )
    rows = tuple(
        (
            label,
            s["model_size"] / 1e6,
            s["pt"],
            s["cpt"],
            s["peak_lr"],
            s["batch_tokens"] / 1e6,
            s["sequence_length"],
            ", ".join(f"{b:g}" for b in s["adam_betas"]),
            s["weight_decay"],
            s["grad_clip"],
        )
        for label, s in published.settings().items()
    )
    return Drawing(
        "table1",
        "Settings of the paper's runs",
        "published",
        tables=(Table(headings, rows),),
        notes=(
            "The peak LR of LLaMA3.2-1B is in doubt: figure 18 shows up to 2e-4, and only near it "
            "do the coefficients give the losses in the plot.",
        ),
    )


def table2() -> Drawing:
    """The variants of the annealing term, with Huber loss and R2."""
    printed = published.table2()
    rows = tuple((_VARIANTS[n], *by["pt"], *by["cpt"]) for n, by in printed.items())
    numbers = {
        f"{what} of {_VARIANTS[name]} on {role}": value
        for name, by in printed.items()
        for role, pair in by.items()
        for what, value in zip(("Huber loss", "R2"), pair, strict=True)
    }
    return Drawing(
        "table2",
        "Variants of the annealing term, Knowledge-Pile, 106M parameters",
        "published",
        tables=(Table(("law", "D_pt Huber", "D_pt R2", "D_cpt Huber", "D_cpt R2"), rows),),
        numbers=numbers,
        notes=(
            "As printed, on the points that were fitted; the paper gives no error on held-out "
            "runs. On D_cpt Eq. 10 contains Eq. 4 and yet has the larger Huber loss.",
        ),
    )
