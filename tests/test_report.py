"""The texts say what they must: conventions, what is not identified, warnings."""

import pytest

from cptlaw import backtest, datasets, fit, forecast, published, report


@pytest.fixture(scope="module")
def study():
    return datasets.load("tiny-cpt")


@pytest.fixture(scope="module")
def text(study):
    return report.fit_text(fit(study))


@pytest.mark.parametrize(
    "words",
    [
        "L = L0 + A*S1^-alpha - C1*S2pt",
        "arXiv:2505.07796",
        "std. error",
        "initial warm-up: counted as if at the peak",
        "CPT re-warm-up: real",
        "momentum at the transfer: frozen",
        "the transfer once, in the base",
        "lambda: pt",
        "What these data do not tell",
        "at its bound",
        "held at 0",
        "slope per S1cpt",
        "objective",
        "mixed-const-replay0.25",
    ],
)
def test_a_fit_in_words(text, words):
    assert words in " ".join(text.split()) or words in text


def test_eq8_is_written_for_each_domain(text):
    assert "pt: L = L0" in text
    assert "cpt: L = L0" in text
    assert "exp(a1*r_cpt)" in text


def test_no_line_is_wider_than_the_page(text):
    assert max(map(len, text.splitlines())) <= 110


def test_a_published_fit_in_words():
    text = report.fit_text(published.load("fineweb-kp-594m"))
    assert "29.12" in text
    assert "What these data do not tell" in text


def test_a_forecast_in_words(study):
    fitted = fit(study.without(["mixed-const-replay0.25"]))
    text = report.forecast_text(forecast(fitted, "constant 5000", after="base"))
    assert "5000 steps, 4.1e+07 tokens" in text
    assert "warning: A length of 5000 steps lies outside" in text


def test_a_backtest_in_words(study):
    tested = backtest(study.without(["mixed-const-replay0.25"]), ["cpt-cosine", "hidden-pt-const"])
    text = report.backtest_text(tested)
    assert "Held out: cpt-cosine, hidden-pt-const" in text
    assert "mean over runs" in text
    assert "mean over runs" not in report.backtest_text(
        backtest(study.without(["mixed-const-replay0.25"]), ["cpt-cosine"])
    )


def test_the_catalogue_in_words():
    text = report.laws_text()
    assert text.count("arXiv:2505.07796") == 11
