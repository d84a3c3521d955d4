"""A study whose losses are known, its fit, and a forecast."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import DomainFit, Fit, combination
from cptlaw.forecasting.forecast import Forecast, forecast
from cptlaw.laws.areas import Convention
from cptlaw.laws.catalog import Facts
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study
from figures import PARAMS, RUNS, domain_of, measured


@pytest.fixture(scope="module")
def study() -> Study:
    def with_curves(run: Run) -> Run:
        curves = {r: measured(bare, run, domain_of(r), 0.01) for r in PARAMS}
        both = Curve(curves["pt"].steps, 0.5 * curves["pt"].loss + 0.5 * curves["cpt"].loss)
        return replace(run, curves={**curves, "code": both})

    one = {"pt": Curve([1], [1.0])}
    bare = Study({"pt": "pt"}, tuple(replace(run, curves=one) for run in RUNS))
    domains = {"ood.code": "code", "cpt": "cpt", "pt": "pt"}
    return Study(domains, tuple(with_curves(run) for run in RUNS))


@pytest.fixture(scope="module")
def fitted(study: Study) -> Fit:
    pt, cpt = domain_of("pt"), domain_of("cpt")
    half = {"l_pt": 0.5, "l_cpt": 0.5}
    code = DomainFit("ood.code", combination(pt, cpt), Facts("ood.code"), half, combines=(pt, cpt))
    return Fit({"ood.code": code, "cpt": cpt, "pt": pt}, FitOptions(Convention()), study)


@pytest.fixture(scope="module")
def future(fitted: Fit) -> Forecast:
    found = forecast(fitted, "cosine 600 to 1e-5", after="base")
    curve = found.domains["pt"]
    banded = replace(curve, low=curve.loss - 0.05, high=curve.loss + 0.05)
    told = ("length 600 lies outside what was fitted.",)
    return replace(found, domains={**found.domains, "pt": banded}, warnings=told)
