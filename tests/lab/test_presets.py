import pytest

from cptlaw.errors import DataError
from cptlaw.lab import presets

NAMES = presets.names()


def test_the_smallest_is_there():
    assert "tiny" in NAMES
    assert presets.path("tiny").name == "tiny.toml"


def test_an_unknown_preset():
    with pytest.raises(DataError, match=r"no preset 'tinny'\. Did you mean 'tiny'\?"):
        presets.path("tinny")


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_loads_by_name_and_by_path(name):
    from cptlaw.lab import experiment

    by_name, by_path = experiment.load(name), experiment.load(presets.path(name))
    assert by_name == by_path
    assert by_name.name == name
    assert by_name.file == str(presets.path(name))


def test_tiny():
    from cptlaw.lab import experiment

    tiny = experiment.load("tiny")
    assert [(n.name, n.after, n.steps) for n in tiny.nodes] == [
        ("base", None, 1200),
        ("cpt-const", "base", 500),
        ("cpt-cosine", "base", 500),
    ]
    base, const, cosine = tiny.nodes
    assert base.shares == {"docs": 0.85, "code": 0.15}
    assert const.shares == cosine.shares == {"code": 1.0}
    assert (const.schedule.peak, const.schedule.final) == (2e-3, 2e-3)
    assert cosine.schedule.final == 2e-4
    assert (tiny.column("pt"), tiny.column("cpt")) == ("eval_pt_loss", "eval_code_loss")


def test_a_file_goes_before_a_preset_of_the_same_name(tmp_path, monkeypatch):
    from cptlaw.lab import experiment

    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").write_text("nothing = 1")
    with pytest.raises(DataError, match="key 'nothing' is unknown"):
        experiment.load("tiny")


@pytest.mark.parametrize("name", NAMES)
def test_what_a_preset_costs_is_told_without_a_network(name):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from cptlaw.lab import estimate, estimate_text, experiment

    loaded = experiment.load(name)
    told = estimate_text.text(estimate.estimate(loaded, [n.name for n in loaded.nodes], flops=1e14))
    assert all(node.name in told for node in loaded.nodes)
    assert ("one run after another" in told) == (name != "paper-llama")
