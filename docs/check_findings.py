"""Findings 1 and 2 of arXiv:2505.07796 on the bundled runs: figures and tables for findings.md.

python docs/check_findings.py
"""

from pathlib import Path

import numpy as np

from cptlaw import datasets, plot
from cptlaw.plot import style

FOLDER = Path(__file__).parent / "figures"
TRANSFER = 2000
TITLES = {"pt": "D_pt", "cpt": "D_cpt"}
# A continuation, the D_pt training on the same schedule, and the step it leaves the base at.
PAIRS = {
    "constant": ("cpt-const", "hidden-pt-const", TRANSFER),
    "cosine": ("cpt-cosine", "hidden-pt-cosine", TRANSFER),
    "two-stage": ("cpt-twostage", "hidden-pt-twostage", TRANSFER),
    "early start": ("early-const", "base", 1000),
    "annealed start": ("rewarmed-const", "hidden-rewarmed", 0),
}


def curve(study, run, role):
    """Steps of the run's own and losses on a domain."""
    found = study.run(run).curves[study.domains[role]]
    return found.steps, found.loss


def at(study, run, role, steps):
    """Losses of a run at given own steps."""
    own, loss = curve(study, run, role)
    return np.interp(steps, own, loss)


def transfer(study, role):
    """Finding 1: losses along the transfer, and on both hidden curves at the same steps."""
    steps, loss = curve(study, "cpt-const", role)
    before = at(study, "hidden-pt-const", role, steps)
    after = at(study, "hidden-cpt", role, steps + TRANSFER)
    return steps, loss, before, after


def shift(study, pair, role):
    """Finding 2: S1cpt and the loss above the hidden PT curve, on one schedule from one start."""
    run, hidden, start = PAIRS[pair]
    steps, loss = curve(study, run, role)
    offset = start if hidden == "base" else 0
    keep = steps + offset <= curve(study, hidden, role)[0][-1]
    steps, loss = steps[keep], loss[keep]
    area = np.concatenate([[0.0], np.cumsum(study.run(run).schedule.lr())])
    return area[steps], loss - at(study, hidden, role, steps + offset)


def tell_transfer(study):
    """How much of the way from one hidden curve to the other is gone, around each step."""
    print("| steps after the transfer | " + " | ".join(TITLES.values()) + " |")
    print("|---|---|---|")
    for step in (40, 100, 200, 400, 600, 750):
        cells = []
        for role in TITLES:
            steps, loss, before, after = transfer(study, role)
            near = abs(steps - step) <= min(50, step / 2)
            cells.append(f"{np.mean((loss - before)[near]) / np.mean((after - before)[near]):.0%}")
        print(f"| {step} | {' | '.join(cells)} |")


def tell_shift(study):
    """The shift around the same S1cpt from every pair: the mean over 0.1 of area."""
    areas = (0.1, 0.2, 0.3, 0.4, 0.6)
    for role, title in TITLES.items():
        print(f"\n{title}\n\n| S1cpt | " + " | ".join(f"{a:g}" for a in areas) + " |")
        print("|---|" + "---|" * len(areas))
        for pair in PAIRS:
            area, lift = shift(study, pair, role)
            near = [lift[abs(area - a) <= 0.05] if a <= area[-1] else [] for a in areas]
            cells = [f"{np.mean(lifts):+.3f}" if len(lifts) else "" for lifts in near]
            print(f"| {pair} | {' | '.join(cells)} |")


@style.styled
def draw_transfer(study):
    """Both hidden curves and the transfer between them."""
    figure = style.new_figure(12, 5)
    for ax, (role, title) in zip(figure.subplots(1, 2), TITLES.items(), strict=True):
        base = curve(study, "base", role)
        late = base[0] >= TRANSFER // 2
        ax.plot(base[0][late], base[1][late], color=style.BLUE, label="pre-training")
        steps, loss = curve(study, "hidden-pt-const", role)
        ax.plot(steps + TRANSFER, loss, color=style.BLUE, ls=style.DASHED, label="hidden PT curve")
        steps, loss = curve(study, "hidden-cpt", role)
        late = steps >= TRANSFER // 2
        ax.plot(
            steps[late], loss[late], color=style.GREEN, ls=style.DASHED, label="hidden CPT curve"
        )
        steps, loss = curve(study, "cpt-const", role)
        ax.plot(steps + TRANSFER, loss, color=style.VERMILION, label="CPT")
        style.label_axes(ax, title=title)
    ax.legend()
    plot.save(figure, FOLDER / "transfer.png")


@style.styled
def draw_shift(study):
    """The shift against S1cpt, from every schedule and start."""
    figure = style.new_figure(12, 5)
    for ax, (role, title) in zip(figure.subplots(1, 2), TITLES.items(), strict=True):
        for color, marker, pair in zip(style.PALETTE, style.MARKERS, PAIRS, strict=False):
            area, lift = shift(study, pair, role)
            ax.plot(area, lift, marker, color=color, ls="-", lw=1, label=pair)
        style.label_axes(ax, "S1cpt", "shift (nats)", title)
    ax.legend()
    plot.save(figure, FOLDER / "shift.png")


def main():
    """Print the tables of findings.md and draw its figures."""
    study = datasets.load("tiny-grid")
    tell_transfer(study)
    tell_shift(study)
    draw_transfer(study)
    draw_shift(study)


if __name__ == "__main__":
    main()
