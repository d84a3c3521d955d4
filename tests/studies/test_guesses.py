import numpy as np
import pytest

from cptlaw.errors import DataError
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study_file.guesses import data_of, roles
from cptlaw.studies.study_file.lineage import Link

STEPS = np.arange(0, 501, 50)


def run(source="validation", **changes):
    """Losses of 3 at the start that change by so much, relatively, to the end."""
    share = STEPS / 500
    return Run("r", {k: Curve(STEPS, 3 * (1 + c * share), source) for k, c in changes.items()})


BASE = run(pt=-0.3, law=-0.3, code=-0.3)
ROOT, AFTER = Link(), Link(0, 500, 0)


def kinds(log, **options):
    return data_of([BASE, log], [ROOT, AFTER], **options)[1]


@pytest.mark.parametrize(
    ("changes", "options", "data"),
    [
        ({"pt": 0.2, "law": -0.2}, {}, "cpt"),
        ({"pt": 0.03, "law": -0.1}, {}, "cpt"),
        ({"pt": -0.06, "law": -0.1}, {}, "pt"),
        ({"pt": 0.005, "law": -0.03}, {}, "pt"),
        ({"pt": 0.04, "law": 0.02}, {}, "pt"),
        ({"pt": 0.3, "law": 0.1}, {}, "pt"),
        ({"pt": 0.3, "law": 0.1}, {"pt": "pt"}, "cpt"),
        ({"pt": 0.3, "law": -0.2}, {"pt": "law"}, "pt"),
        ({"pt": 0.3, "law": -0.2}, {"cpt": "law"}, "cpt"),
        ({"pt": 0.2}, {}, "cpt"),
        ({"pt": -0.1}, {}, "pt"),
        ({"law": -0.1}, {"cpt": "law"}, "cpt"),
    ],
)
def test_losses_that_come_apart_are_cpt(changes, options, data):
    assert kinds(run(**changes), **options) == data


def test_what_goes_on_from_cpt_or_an_open_model_is_cpt():
    logs = [BASE, run(pt=0.2, law=-0.2), run(pt=-0.1, law=-0.1)]
    chain = [ROOT, AFTER, Link(1, 500, 0)]
    assert data_of(logs, chain) == ["pt", "cpt", "cpt"]
    assert data_of(logs[2:], [ROOT], unknown="llama") == ["cpt"]


def test_the_rows_of_a_resumed_base_do_not_count():
    falls = Run("r", {"pt": Curve(np.arange(6), [9.0, 8.0, 3.0, 3.3, 3.4, 3.5])})
    assert data_of([BASE, falls], [ROOT, Link(0, 2, 2)])[1] == "cpt"


def test_roles_by_rise_and_fall():
    found = roles([BASE, run(law=-0.2, pt=0.2, code=0.4)], [ROOT, AFTER], ["pt", "cpt"])
    assert dict(found.domains) == {"pt": "pt", "cpt": "law", "ood.code": "code"}
    assert found.why["pt"] == "rises along the CPT runs (+18.0%), and its name says so"
    assert found.why["cpt"] == "falls most along the CPT runs (-18.0%)"


def test_without_a_telling_name_d_pt_rises_most():
    logs = [run(a=-0.3, b=-0.3, c=-0.3), run(a=0.1, b=-0.2, c=0.3)]
    found = roles(logs, [ROOT, AFTER], ["pt", "cpt"])
    assert dict(found.domains) == {"pt": "c", "cpt": "b", "ood.a": "a"}
    assert "rises most" in found.why["pt"]


def test_d_pt_is_measured_in_the_base_too():
    logs = [run(a=-0.3, b=-0.3), run(a=0.1, b=-0.2, c=0.3)]
    assert roles(logs, [ROOT, AFTER], ["pt", "cpt"]).domains["pt"] == "a"


def test_given_columns_overrule():
    logs, links = [BASE, run(pt=0.1, law=-0.2, code=0.3)], [ROOT, AFTER]
    found = roles(logs, links, ["pt", "cpt"], pt="code", cpt="pt")
    assert dict(found.domains) == {"pt": "code", "cpt": "pt", "ood.law": "law"}
    assert found.why["pt"] == "as given"


def test_a_study_of_pre_training_has_one_loss():
    found = roles([BASE], [ROOT], ["pt"])
    assert dict(found.domains) == {"loss": "pt", "ood.law": "law", "ood.code": "code"}
    assert "No CPT run was found" in found.notes[0]
    assert roles([BASE], [ROOT], ["pt"], pt="code").domains["loss"] == "code"


def test_training_losses_are_a_last_resort():
    curves = {"train": Curve(STEPS, STEPS * 0 + 2.0, "training"), **BASE.curves}
    assert "train" not in roles([Run("r", curves)], [ROOT], ["pt"]).domains.values()
    found = roles([run("training", train=-0.3)], [ROOT], ["pt"])
    assert dict(found.domains) == {"loss": "train"}
    assert any("no validation loss" in note for note in found.notes)


def test_columns_that_only_some_logs_have_are_told():
    found = roles([run(a=-0.3, b=-0.3), run(a=-0.3)], [ROOT, ROOT], ["pt", "pt"])
    assert dict(found.domains) == {"loss": "a"}
    assert any("left out: b" in note for note in found.notes)


def test_names_of_other_domains_are_short_and_unique():
    log = run(**{"eval_general_loss": 0.1, "eval_code_loss": 0.1, "val/code": 0.1, "eval_loss": 0})
    domains = roles([log], [ROOT], ["pt"]).domains
    assert list(domains) == ["loss", "ood.code", "ood.code-2", "ood.eval-loss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cpt": "lawn"}, r"cpt = 'lawn': no log has it\. Did you mean 'law'\?"),
        ({"pt": "pt", "cpt": "pt"}, "cannot be the column of both"),
    ],
)
def test_bad_columns(options, message):
    with pytest.raises(DataError, match=message):
        roles([BASE], [ROOT], ["pt"], **options)


def test_logs_that_share_no_column_are_told():
    one, other = run(law=-0.3), run(code=-0.3)
    found = roles([one, other], [ROOT, ROOT], ["pt", "pt"])
    assert "The logs share no column; give them the same names for one study." in found.notes
    assert set(found.domains.values()) <= {"law", "code"}
