"""Draw the figures of README and docs from the bundled runs: `make docs`."""

from pathlib import Path

from cptlaw import datasets, fit, plot

FOLDER = Path(__file__).parent / "figures"
HELD_OUT = ("cpt-cosine", "hidden-pt-const")


def main() -> None:
    """Fit without two runs and draw them beside their forecast."""
    FOLDER.mkdir(exist_ok=True)
    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    fitted = fit(study.without(HELD_OUT))
    plot.save(plot.fit_figure(fitted, ("pt", "cpt"), study=study), FOLDER / "held-out.png")


if __name__ == "__main__":
    main()
