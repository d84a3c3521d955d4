"""Fits whose parts do not go together, as those of a damaged file may not."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from bundled import REPLAY, default_fit, given_fit
from cptlaw import DataError, published
from cptlaw.fitting.consistency import check, scored_today


def test_whole_fits_are_taken():
    for whole in (default_fit(REPLAY), given_fit(REPLAY), published.load("fineweb-kp-106m")):
        check(whole)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"params": lambda p: {**p, "L0": 1.01 * p["L0"]}}, "its parameters miss the study by"),
        ({"params": lambda p: {**p, "L0": 1e300}}, "its parameters miss the study by"),
        ({"params": lambda p: {n: v for n, v in p.items() if n != "L0"}}, "its law needs L0"),
        ({"params": lambda p: {**p, "lambda": 1.0}}, "lambda cannot be 1"),
        ({"kept": lambda _: ("Run",)}, "kept names Run, which is no parameter"),
        ({"stderr": lambda s: {**s, "L0": -1.0}}, "the standard error of L0 cannot be -1"),
        ({"covariance": lambda c: -c}, "variance that is below 0"),
        ({"ranges": lambda r: {**r, "cpt_steps": (0.0, 3.0)}}, "range of cpt_steps cannot be 0 to"),
        ({"ranges": lambda r: {**r, "cpt_steps": (9.0, 3.0)}}, "range of cpt_steps cannot be 9 to"),
        ({"scores": lambda s: replace(s, n=9)}, "its scores are those of 9 points"),
        ({"scores": lambda s: replace(s, rmse=1.0)}, "its scores say 1"),
    ],
)
def test_parts_that_do_not_go_together(changed, words):
    whole = given_fit(REPLAY)
    domain = whole.domain("cpt")
    parts = {name: change(getattr(domain, name)) for name, change in changed.items()}
    if "L0" not in parts.get("params", domain.params):
        parts["covariance"] = np.empty((0, 0))
    with pytest.raises(DataError, match=rf"domain 'cpt': .*{words}"):
        check(replace(whole, domains={"cpt": replace(domain, **parts)}))


def test_scores_of_an_earlier_version_are_about_the_same():
    whole = given_fit(REPLAY)
    domain = whole.domain("cpt")
    rmse = domain.scores.rmse
    for other, words in ((1.5 * rmse, ""), (0.4 * rmse, "its parameters miss the study")):
        scores = replace(domain.scores, n=9, rmse=other)
        changed = replace(whole, domains={"cpt": replace(domain, scores=scores)})
        with pytest.raises(DataError, match=words) if words else nullcontext():
            check(changed, alike=False)


def test_a_fit_of_an_earlier_version_is_scored_by_the_points_of_today():
    """Then it can be stored again; a fit that gives its own scores is left as it is."""
    whole = given_fit(REPLAY)
    domain = whole.domain("cpt")
    other = replace(domain, scores=replace(domain.scores, n=9, rmse=1.5 * domain.scores.rmse))
    earlier = replace(whole, domains={**whole.domains, "cpt": other})
    check(earlier, alike=False)
    today = scored_today(earlier)
    check(today)
    assert today.domain("cpt").scores.n == domain.scores.n
    (told,) = set(today.notes) - set(whole.notes)
    assert told.startswith("Domain 'cpt' was fitted to 9 points by an earlier version")
    assert scored_today(whole).notes == whole.notes
    law = published.load("fineweb-kp-106m")
    assert scored_today(law) is law
