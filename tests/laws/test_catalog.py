import re

import pytest

from cptlaw import catalog
from cptlaw.errors import DataError
from cptlaw.laws.catalog import Facts
from cptlaw.laws.law import Law, Term
from cptlaw.laws.symbols import latex_name
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study
from laws import EVERY

CURVE = Curve([5, 10], [3.5, 3.2])
MANY = Facts("pt", 2.0, 1000, bases=("llama_3.2-1b", "qwen"), batches=("4e+06x4096", "?x?"))


def run(name, **more):
    curves = more.pop("curves", {"general": CURVE})
    return Run(name, curves, schedule=Schedule.constant(1e-3, 10), **more)


def cpt(name, **more):
    return run(name, **{"after": "base", "data": "cpt", **more})


def study(*runs):
    return Study({"pt": "general"}, runs)


UNKNOWN = {"after": "unknown:llama"}
BIG = (run("big", model_size=2e8), cpt("big-cpt", after="big"))
STUDIES = {
    "pt": study(run("base"), run("branch", after="base")),
    "plain": study(run("base"), cpt("a"), cpt("b")),
    "replay": study(run("base"), cpt("a"), cpt("b", replay=0.5)),
    "one share": study(run("base"), cpt("a", replay=0.5), cpt("b", replay=0.5)),
    "size": study(run("base", model_size=1e8), cpt("a"), *BIG),
    "size unsaid": study(run("base"), cpt("a"), *BIG),
    "size of some": study(run("base"), run("small", model_size=1e8), *BIG),
    "both": study(run("base", model_size=1e8), cpt("a", replay=0.5), *BIG),
    "batch": study(run("base"), cpt("a", batch_tokens=4e6), cpt("b", batch_tokens=8e6)),
    "length": study(run("base"), cpt("a", sequence_length=4096), cpt("b", sequence_length=8192)),
    "batch of the pt": study(run("base", batch_tokens=1e6), cpt("a", batch_tokens=8e6)),
    "unknown": study(cpt("a", **UNKNOWN), cpt("b", after="unknown:qwen")),
    "unknown, replay": study(cpt("a", **UNKNOWN), cpt("b", replay=0.5, **UNKNOWN)),
    "mixed": study(run("base"), cpt("a"), cpt("b", **UNKNOWN)),
    "replay, batch": study(run("base"), cpt("a", batch_tokens=4e6), cpt("b", replay=0.5)),
    "no curves": study(run("base"), cpt("a"), cpt("b", replay=0.5, curves={})),
    "hidden": study(run("base"), cpt("a", replay=0.5), run("h", data="cpt", model_size=1e9)),
    "only hidden": study(run("base"), run("h", data="cpt"), cpt("more", after="h")),
}


# --- which law a study asks for ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "default", "papers"),
    [
        ("pt", "effective", "eq1"),
        ("plain", "effective", "eq4"),
        ("replay", "effective", "eq8"),
        ("one share", "effective", "eq4"),
        ("size", "effective", "eq7"),
        ("both", "effective", "eq7+eq8"),
        ("batch", "eq4-batch", "eq4-batch"),
        ("length", "eq4-batch", "eq4-batch"),
        ("batch of the pt", "effective", "eq4"),
        ("unknown", "effective+unknown", "unknown-pt"),
        ("no curves", "effective", "eq4"),
        ("hidden", "effective", "eq4"),
        ("only hidden", "effective", "eq1"),
    ],
)
def test_which_law_a_study_asks_for(which, default, papers):
    study = STUDIES[which]
    assert catalog.default_name(study) == catalog.resolve(None, study) == default
    assert catalog.paper_name(study) == catalog.resolve("paper", study) == papers
    for law in (default, papers):
        assert catalog.resolve(law, study) == law
        catalog.check(law, study)


def test_the_default_law_sees_the_replay_after_an_open_model():
    study = STUDIES["unknown, replay"]
    assert catalog.default_name(study) == "effective+unknown"
    catalog.check("effective+unknown", study)
    with pytest.raises(DataError, match="vary in replay and go on from an unknown base"):
        catalog.paper_name(study)


@pytest.mark.parametrize("choose", [catalog.default_name, catalog.paper_name])
@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("mixed", "run 'b' goes on from an unknown base, and run 'base' has a known"),
        ("replay, batch", "vary in batch and replay; no law covers these together"),
    ],
)
def test_no_law_covers_it(choose, which, words):
    with pytest.raises(DataError, match=words):
        choose(STUDIES[which])


@pytest.mark.parametrize(
    ("name", "what", "seen"),
    [
        ("eq4", "cpt", True),
        ("eq1", "cpt", False),
        ("eq8", "replay", True),
        ("eq7", "replay", False),
        ("effective", "size", True),
        ("effective", "batch", False),
        ("effective", "repetition", False),
        ("effective+repetition", "repetition", True),
    ],
)
def test_what_laws_see(name, what, seen):
    assert catalog.example(name).sees(what) is seen
    assert (name in catalog.that_see(what)) is seen


def test_a_law_of_somebody_else_sees_cpt_alone():
    law = Law("of somebody else", "a law", "an example", (Term("L0"),))
    assert law.sees("cpt") and not any(law.sees(w) for w in ("replay", "size", "batch"))


@pytest.mark.parametrize(
    ("law", "which", "words"),
    [
        ("eq5", "plain", r"law 'eq5' is unknown\. Did you mean"),
        ("eq1", "plain", "eq1 has no shift, but the study has CPT runs"),
        (
            "eq4",
            "replay",
            r"differ in replay, which law eq4 does not see\. .*one replay only, or use effective",
        ),
        ("eq7", "replay", "which law eq7 does not see"),
        ("eq4", "size", r"differ in size, which law eq4 does not see\. .*, or use effective \(the"),
        ("eq4", "both", r"differ in replay.* use effective"),
        ("eq8", "both", r"differ in size, which law eq8 does not see\. .* use effective"),
        ("effective", "size of some", "effective needs model_size of run 'base'"),
        ("eq7", "size unsaid", "eq7 needs model_size of run 'base'"),
        ("eq7+eq8", "plain", "needs model_size of run 'base'"),
        ("eq4", "unknown", "needs the pre-training, .* Leave --law out for effective.unknown"),
        (
            "effective",
            "unknown",
            "effective needs the pre-training, .* schedule and no log",
        ),
        ("effective", "batch", r"which law effective does not see\. Use eq4-batch"),
        ("unknown-pt", "plain", r"this study knows its pre-training\. Leave --law out"),
        ("unknown-pt", "unknown, replay", r"one replay only, or use effective\+unknown \(the"),
        ("unknown-pt", "mixed", "no law covers both"),
        ("eq4", "mixed", "no law covers both"),
        ("eq10", "batch", r"differ in batch_tokens or sequence_length.* Use eq4-batch"),
    ],
)
def test_check_refuses(law, which, words):
    with pytest.raises(DataError, match=words):
        catalog.check(law, STUDIES[which])


@pytest.mark.parametrize(
    ("law", "which"),
    [
        ("eq8-printed", "replay"),
        ("eq8", "plain"),
        ("eq9", "plain"),
        ("eq4-batch", "batch"),
        ("eq4-anchored", "one share"),
        ("eq7", "size"),
        *(("effective", which) for which in ("pt", "plain", "replay", "size", "both")),
    ],
)
def test_check_allows(law, which):
    catalog.check(law, STUDIES[which])


# --- the laws ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "parameters"),
    [
        ("eq1", "L0 A C alpha lambda"),
        ("eq4", "L0 A C1 C2 B alpha lambda E beta"),
        ("eq4-anchored", "L0 A C1 C2 D alpha lambda K beta"),
        ("eq7", "L0 A C1 C2 B F alpha lambda gamma1 gamma2 E beta gamma3"),
        ("eq8", "L0 A C1 C2 B alpha lambda a1 E beta a2"),
        ("eq8-printed", "L0 A C1 C2 B alpha lambda a1 E beta a2"),
        ("eq7+eq8", "L0 A C1 C2 B F alpha lambda gamma1 gamma2 a1 E beta a2 gamma3"),
        ("eq9", "L0 A C1 C2 B alpha lambda epsilon E beta"),
        ("eq10", "L0 A C1 C2 B alpha lambda zeta1 zeta2 E beta"),
        ("unknown-pt", "L0 A C2 B alpha S1_pt lambda E beta"),
        (
            "effective+unknown",
            "L0 A C B alpha S_pt sigma decay q w zeta kappa rho xi E b p h k",
        ),
        (
            "eq4-batch",
            "L0 A C1 C2 B[4e+06x4096] B[8e+06x8192] alpha lambda "
            "E[4e+06x4096] beta[4e+06x4096] E[8e+06x8192] beta[8e+06x8192]",
        ),
    ],
)
def test_parameters(law, parameters):
    assert catalog.example(law).parameters == tuple(parameters.split())
    assert law in catalog.LAWS


def test_an_unknown_area_for_each_open_model():
    law = catalog.get("unknown-pt", MANY)
    assert {"S1_pt[llama_3.2-1b]", "S1_pt[qwen]"} <= set(law.parameters)


EFFECTIVE = "alpha sigma decay zeta kappa rho"


@pytest.mark.parametrize(
    ("facts", "parameters"),
    [
        ({"has_cpt": False}, f"L0 A C {EFFECTIVE}"),
        ({"has_cpt": False, "sizes": True}, f"L0 A C F {EFFECTIVE} gamma1 gamma3"),
        ({}, f"L0 A C B {EFFECTIVE} xi E b p"),
        ({"role": "ood.code"}, f"L0 A C B {EFFECTIVE} E b p"),
        ({"role": "cpt"}, f"L0 A C D {EFFECTIVE} c beta"),
        ({"replay": True}, f"L0 A C B {EFFECTIVE} xi E b p h k"),
        ({"role": "cpt", "replay": True}, f"L0 A C D {EFFECTIVE} c beta h k"),
        (
            {"sizes": True, "replay": True},
            f"L0 A C F B {EFFECTIVE} xi gamma1 gamma3 E b p h k gamma4",
        ),
    ],
)
def test_parameters_of_the_default_law(facts, parameters):
    law = catalog.get("effective", Facts(**{"role": "pt"} | facts))
    assert law.parameters == tuple(parameters.split())
    assert all(shape.prior for shape in law.shapes)
    assert law.depends_on_size == ("gamma3" in parameters)


def test_which_laws_depend_on_how_the_warm_up_is_counted():
    papers = [name for name in EVERY if catalog.find(name).source.startswith(catalog.PAPER)]
    assert len(papers) == 11
    for name in EVERY:
        assert catalog.example(name).counts_warmup_as_it_was == (name not in papers)


@pytest.mark.parametrize(
    ("role", "bound"),
    [("pt", "nonnegative"), ("cpt", "nonpositive"), ("ood.code", "free"), ("loss", "free")],
)
def test_the_sign_of_the_shift(role, bound):
    term = catalog.get("eq4", Facts(role)).terms[-1]
    assert (term.part, term.bound) == ("shift", bound)


@pytest.mark.parametrize("law", ["eq8", "eq8-printed", "eq7+eq8"])
def test_replay_has_no_form_out_of_domain(law):
    with pytest.raises(DataError, match=r"none for 'ood\.code'"):
        catalog.get(law, Facts("ood.code"))


def test_an_unknown_law():
    with pytest.raises(DataError, match="law 'eq99' is unknown"):
        catalog.get("eq99", Facts("pt"))


# --- how they are written ---------------------------------------------------------------------

SEE_ALL = [name for name in EVERY if {"replay", "size"} <= catalog.find(name).traits.sees]
LAWS = [catalog.example(name) for name in EVERY] + [
    catalog.get("eq4-batch", MANY),
    catalog.get("eq8", Facts("cpt")),
    catalog.get("eq8-printed", Facts("cpt")),
    *(catalog.get(name, Facts("cpt", replay=True, sizes=True)) for name in SEE_ALL),
]
IDS = [f"{law.name}-{i}" for i, law in enumerate(LAWS)]


# symbols that stand for a parameter too
INSIDE = {"lambda": "S2", "sigma": "S", "decay": "S", "q": "S"}


@pytest.mark.parametrize("law", LAWS, ids=IDS)
def test_every_parameter_is_written(law):
    words = re.findall(r"[A-Za-z]\w*(?:\[[^\]]*\])?", law.text)
    for name in law.parameters:
        if name in words:
            assert law.symbols[name] in law.latex
        else:
            assert any(word.startswith(INSIDE[name]) for word in words), name
    assert "<" not in law.text + law.latex


@pytest.mark.parametrize("law", [*LAWS, catalog.get("unknown-pt", MANY)], ids=[*IDS, "bases"])
def test_matplotlib_reads_the_latex(law):
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    parser.parse(f"${law.latex}$")
    for name in law.parameters:
        parser.parse(f"${law.symbols[name]}$")


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("L0", "L_{0}"),
        ("A", "A"),
        ("alpha", r"\alpha"),
        ("lambda", r"\lambda"),
        ("kappa", r"\kappa"),
        ("rho", r"\rho"),
        ("sigma", r"\sigma"),
        ("nu", r"\nu"),
        ("gamma1", r"\gamma_{1}"),
        ("a2", "a_{2}"),
        ("omega", r"\omega"),
        ("decay", "decay"),
        ("l_pt", "l_{pt}"),
        ("l_cpt", "l_{cpt}"),
        ("E[4e+06x4096]", r"E^{(\mathrm{4e+06x4096})}"),
    ],
)
def test_names_in_latex(name, latex):
    assert latex_name(name) == latex


@pytest.mark.parametrize(
    ("bases", "name", "latex"),
    [
        (("llama",), "S1_pt", r"S_1^{\mathrm{pt}}"),
        (("llama_3", "qwen"), "S1_pt[llama_3]", r"S_{1,\mathrm{llama\_3}}^{\mathrm{pt}}"),
    ],
)
def test_a_parameter_may_have_a_symbol_of_its_own(bases, name, latex):
    assert catalog.get("unknown-pt", Facts("pt", bases=bases)).symbols[name] == latex


def test_the_text_of_eq4():
    assert catalog.example("eq4").text == (
        "L = L0 + A*S1^-alpha - C1*S2pt - C2*S2cpt + B*(1 - (1 + E*S1cpt)^-beta)"
    )
