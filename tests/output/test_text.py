"""The texts say what they must: conventions, what is not identified, warnings."""

from dataclasses import replace

import pytest

from bundled import GIVEN, REPLAY, default_fit, tiny
from cptlaw import backtest, catalog, fit, forecast, published
from cptlaw.output.text.backtest import backtest_text
from cptlaw.output.text.fit import fit_text
from cptlaw.output.text.forecast import forecast_text
from cptlaw.output.text.laws import laws_text


@pytest.fixture(scope="module")
def study():
    return tiny()


@pytest.fixture(scope="module")
def fits(study):
    return {None: default_fit(), "paper": fit(study, "paper")}


@pytest.fixture(scope="module")
def texts(fits):
    return {law: fit_text(fit, verbose=True) for law, fit in fits.items()}


def told(text, words):
    """Whether the words are there, wherever lines break."""
    return words in " ".join(text.split()) or words in text


@pytest.mark.parametrize("law", [None, "paper"], ids=["default", "paper"])
@pytest.mark.parametrize(
    "words",
    [
        "std. error",
        "the transfer once, in the base",
        "What these data do not tell",
        "slope per S1cpt",
        "Huber loss",
        "mixed-const-replay0.25",
    ],
)
def test_any_fit_in_words(texts, law, words):
    assert told(texts[law], words)


@pytest.mark.parametrize(
    "words",
    [
        "effective-LR law (this project; see docs/laws.md)",
        "pt: L = L0 + A*S^-alpha + C*n(zeta, kappa, rho, xi) + B*((1 + (E*S_cpt)^p)^b - 1)/b/",
        "cpt: L = L0 + A*S^-alpha + C*n(zeta, kappa, rho) + D*((c*S)^-beta + ((c*S_pt + S_cpt)^-",
        "learning rates: every one as it was, warm-ups too",
    ],
)
def test_the_default_law_in_words(texts, words):
    assert told(texts[None], words)


@pytest.mark.parametrize("words", ["lambda", "annealing area", "momentum", "without priors"])
def test_what_the_default_law_does_not_have_is_not_told(texts, words):
    assert words not in texts[None]


def test_a_fit_without_priors_says_so(fits):
    drawn = fits[None]
    free = replace(drawn, options=replace(drawn.options, prior_weight=0.0))
    assert "fitted without priors" in fit_text(free, verbose=True)


@pytest.mark.parametrize(
    "words",
    [
        "L = L0 + A*S1^-alpha - C1*S2pt",
        "arXiv:2505.07796",
        "initial warm-up: counted as if at the peak",
        "CPT re-warm-up: real",
        "momentum at the transfer: frozen",
        "lambda: pt",
        "at its bound",
        "held at 0",
    ],
)
def test_the_papers_law_in_words(texts, words):
    assert told(texts["paper"], words)


def test_eq8_is_written_for_each_domain(texts):
    assert "pt: L = L0" in texts["paper"]
    assert "cpt: L = L0" in texts["paper"]
    assert "exp(a1*r_cpt)" in texts["paper"]


def test_no_line_is_wider_than_the_page(texts):
    assert max(len(line) for text in texts.values() for line in text.splitlines()) <= 110


def test_a_published_fit_in_words():
    text = fit_text(published.load("fineweb-kp-594m"), verbose=True)
    assert "29.12" in text
    assert "What these data do not tell" in text


def test_a_forecast_in_words():
    text = forecast_text(forecast(default_fit(REPLAY), "constant 5000", after="base"))
    assert "5,000 steps, 41M tokens" in text
    assert "warning: A length of 5,000 steps lies outside" in text


def test_a_backtest_in_words():
    few = tiny(REPLAY, roles=("pt", "cpt"))
    tested = backtest(few, ["cpt-cosine", "hidden-pt-const"], laws=["eq4"], options=GIVEN)
    text = backtest_text(tested)
    assert "Held out: cpt-cosine, hidden-pt-const" in text
    assert "mean over runs" in text
    one = replace(tested, rows=tuple(row for row in tested.rows if row.run == "cpt-cosine"))
    assert "mean over runs" not in backtest_text(one)


def test_the_catalogue_in_words():
    text = " ".join(laws_text().split())
    for law in map(catalog.example, catalog.LAWS):
        assert f"{law.name}: {law.title}" in text
        assert law.source in text


def test_a_forecast_begins_with_what_to_expect_and_how_sure_it_is():
    fitted = default_fit(roles=("pt", "cpt"))
    text = forecast(fitted, "cosine 500 to 0", after="base").summary()
    assert text.startswith("Expect a final loss of ") and "+-" in text.splitlines()[0]
    assert told(text, "This rests on your runs alone.")


def test_a_fit_is_told_on_one_page(fits):
    text = fits[None].summary()
    lines = text.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 110
    assert text.startswith(("You can plan", "Do one more run"))
    assert "+-" in text and "R2" in text
    assert "With --verbose (verbose=True) also: " in text and "Notes" not in text
    assert len(fits[None].summary(verbose=True).splitlines()) > len(lines)
