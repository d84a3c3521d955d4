"""Models: their shapes and sizes, checkpoints continued, work."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from cptlaw.errors import DataError
from cptlaw.lab import model as models
from cptlaw.lab import tables
from cptlaw.lab.tables import Model

SMALL = Model(width=16, layers=2, heads=2)
TIED = Model(width=24, layers=3, heads=4, kv_heads=2, feed_forward=40, tied=True)


def hand_count(width, layers, kv_width, feed_forward):
    """Without embedding and output: four projections, the gated layer, three norms."""
    attention = 2 * width * width + 2 * width * kv_width
    return layers * (attention + 3 * width * feed_forward + 2 * width) + width


@pytest.mark.parametrize(
    "table, wanted", [(SMALL, hand_count(16, 2, 16, 48)), (TIED, hand_count(24, 3, 12, 40))]
)
def test_parameters_are_those_counted_by_hand(table, wanted):
    built = models.build(table, 300, 16, 0)
    assert models.non_embedding(built) == wanted
    tables = (1 if table.tied else 2) * 300 * table.width
    assert sum(p.numel() for p in built.parameters()) == wanted + tables


@pytest.mark.parametrize("table", [SMALL, TIED])
def test_work_is_six_a_parameter_and_the_attention(table):
    built = models.build(table, 300, 16, 0)
    multiplied = models.non_embedding(built) + 300 * table.width
    for length in (16, 64):
        attention = 12 * table.layers * table.width * length
        assert models.work(built, length) == 6 * multiplied + attention


def test_shape_is_that_of_the_table():
    table = Model(width=24, layers=3, heads=4, kv_heads=2, rope_theta=5e5)
    config = models.config(table, 300, 32)
    assert (config.hidden_size, config.num_hidden_layers) == (24, 3)
    assert (config.num_attention_heads, config.num_key_value_heads) == (4, 2)
    assert config.rope_parameters["rope_theta"] == 5e5
    assert config.max_position_embeddings == 32
    assert not config.tie_word_embeddings


def test_weights_are_decided_by_the_seed():
    one, same, other = (models.build(SMALL, 300, 16, seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["lm_head.weight"], other["lm_head.weight"])


def test_continued_has_the_weights_and_another_length_and_base(tmp_path):
    first = models.build(SMALL, 300, 16, 0)
    first.save_pretrained(tmp_path)
    rows = torch.arange(16)[None]
    same = models.continued(tmp_path, 16, None)
    assert torch.equal(same(rows).logits, first.eval()(rows).logits)
    longer = models.continued(tmp_path, 64, 1e6)
    assert longer.config.max_position_embeddings == 64
    assert longer.config.rope_parameters["rope_theta"] == 1e6
    assert all(torch.equal(v, longer.state_dict()[k]) for k, v in first.state_dict().items())
    assert not torch.allclose(longer(rows).logits, first(rows).logits)
    assert models.continued(tmp_path, 8, None).config.max_position_embeddings == 16
    other = models.continued(tmp_path, 16, 1e6)
    assert torch.equal(other(rows).logits, longer(rows).logits)


def test_open_model_is_taken_from_beside_the_experiment(tmp_path, monkeypatch):
    saved = models.build(SMALL, 300, 16, 3)
    saved.save_pretrained(tmp_path / "experiments" / "open")
    monkeypatch.chdir(tmp_path)
    table = Model.model_validate({"from": "open"})
    built = models.build(table, 300, 16, 0, folder=tmp_path / "experiments")
    for key, value in saved.state_dict().items():
        assert torch.equal(built.state_dict()[key], value)
    monkeypatch.chdir(tmp_path / "experiments")
    assert models.build(table, 300, 16, 0).config.hidden_size == 16


def test_name_that_is_no_folder_stays_a_name(tmp_path):
    assert tables.located("owner/model", tmp_path) == "owner/model"
    (tmp_path / "owner" / "model").mkdir(parents=True)
    assert tables.located("owner/model", tmp_path) == str(tmp_path / "owner" / "model")
    assert tables.located(str(tmp_path), tmp_path / "owner") == str(tmp_path)


def test_open_model_with_fewer_tokens_than_the_tokenizer(tmp_path):
    models.build(SMALL, 300, 16, 0).save_pretrained(tmp_path / "open")
    table = Model.model_validate({"from": "open"})
    with pytest.raises(DataError, match="from = 'open' has 300 tokens, the tokenizer 301"):
        models.build(table, 301, 16, 0, folder=tmp_path)


def test_open_model_that_is_not_there(tmp_path):
    table = Model.model_validate({"from": "./nothing"})
    with pytest.raises(DataError, match=r"./nothing cannot be loaded: .* Name a folder"):
        models.build(table, 300, 16, 0, folder=tmp_path)


def test_rope_base_of_a_new_and_of_an_open_model(tmp_path):
    new = models.build(SMALL, 300, 16, 0, rope_theta=5e5)
    assert new.config.rope_parameters["rope_theta"] == 5e5
    models.build(SMALL, 300, 16, 0).save_pretrained(tmp_path / "open")
    table = Model.model_validate({"from": "open"})
    kept = models.build(table, 300, 16, 0, folder=tmp_path)
    given = models.build(table, 300, 64, 0, rope_theta=5e5, folder=tmp_path)
    assert kept.config.rope_parameters["rope_theta"] == 10000.0
    assert given.config.rope_parameters["rope_theta"] == 5e5
    assert given.config.max_position_embeddings == 64
