"""Draw the figures of README and docs from the bundled runs: `make docs`."""

from pathlib import Path

from cptlaw import Followed, Knobs, Monitor, Planned, Study, Watching, datasets, fit, plan, plot
from cptlaw.cli import demo
from cptlaw.output.plot.plans import plan_figure
from cptlaw_evidence import paper
from cptlaw_evidence.paper.figures import paper_figure

FOLDER = Path(__file__).parent / "figures"
OF_THE_PAPER = {"transfer": "fig1", "shift": "fig2", "replay": "fig19"}


def followed(study: Study, name: str = "cpt-cosine", until: int = 480) -> Followed:
    """A bundled run followed to a step of it, as if the rest were not there yet."""
    run, roles = study.run(name), ("pt", "cpt")
    known = Study({role: study.domains[role] for role in roles}, study.runs)
    monitor = Monitor(known, Planned(name=name), watching=Watching(rules=("pt > 3.14",)))
    curves = {role: run.curves[study.domains[role]] for role in roles}
    for i, step in enumerate(curves["pt"].steps.tolist()):
        if step <= until:
            monitor.update(step, {role: float(c.loss[i]) for role, c in curves.items()})
    return monitor.followed


def main() -> None:
    """Draw the demo's runs beside their forecasts, a plan, and three of the paper's figures."""
    FOLDER.mkdir(exist_ok=True)
    study = datasets.load(demo.STUDY).without(demo.OTHERS)
    fitted = fit(study.without(demo.HELD_OUT))
    held_out = plot.fit_figure(fitted, ("pt", "cpt"), study=study)
    plot.save(held_out, FOLDER / "held-out.png")
    knobs = Knobs(peak="1e-4..2e-3", steps="200..1500", after="base", replay="0..0.5")
    best = plan(fit(datasets.load("tiny-cpt")), "cpt=1 pt=0.3", knobs)
    plot.save(plan_figure(best), FOLDER / "plan.png")
    plot.save(plot.followed_figure(followed(datasets.load("tiny-cpt"))), FOLDER / "live.png")
    for name, figure in OF_THE_PAPER.items():
        (drawing,) = paper.draw(figure, "grid")
        plot.save(paper_figure(drawing), FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
