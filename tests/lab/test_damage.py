"""Files of the lab that something else has changed, and an environment that says odd things."""

import json
import os
import pickle

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasets")

import torch

import cptlaw
from cptlaw import packages
from cptlaw.errors import DataError
from cptlaw.lab import model, processes, records, tokenizer
from labs import BASE, CPT


def test_a_base_that_changed_is_not_gone_on_from(lab):
    base = lab.finished() / "base" / "checkpoint-12"
    assert "model.safetensors" in json.loads((base / "complete").read_text())
    (lab.out() / "cpt" / "run.json").unlink()
    for path in (lab.out() / "cpt").iterdir():
        path.rename(lab.out() / f"moved-{path.name}")
    weights = bytearray((base / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (base / "model.safetensors").write_bytes(weights)
    swept = lab.sweep(BASE, CPT)
    assert "model.safetensors of " in swept.failed["cpt"]
    assert "changed since it was written" in swept.failed["cpt"]


def test_a_checkpoint_of_an_earlier_version_has_an_empty_mark(tmp_path):
    (tmp_path / "complete").write_text("")
    records.check_whole(tmp_path, "run 'cpt'")
    (tmp_path / "complete").write_text('{"optimizer.pt": "0"}')
    records.check_whole(tmp_path, "run 'cpt'")
    (tmp_path / "complete").write_text("[]")
    with pytest.raises(DataError, match=r"run 'cpt': .* cannot be checked"):
        records.check_whole(tmp_path, "run 'cpt'")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"status": 1}', "[" * 100_000])
def test_a_damaged_record_is_named(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match=r"run\.json: .*Remove the folder to train again"):
        records.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"checksums": 5}'])
def test_damaged_tokens_are_named(lab, text):
    lab.finished()
    for path in (lab.out() / "data").glob("*/tokens.json"):
        path.write_text(text)
    with pytest.raises(DataError, match=r"tokens\.json: .*Remove the folder"):
        lab.sweep()


def test_a_damaged_mark_of_the_experiment_is_named(lab):
    lab.finished()
    (lab.out() / "experiment.json").write_text("[1")
    with pytest.raises(DataError, match=r"experiment\.json: is not JSON"):
        lab.sweep()


def test_a_second_sweep_of_the_same_folder_is_refused_at_once(lab):
    lab.finished()
    with (
        records.alone(lab.out(), "experiment 'tiny'"),
        pytest.raises(DataError, match="experiment 'tiny': another process is at work on it"),
    ):
        lab.sweep()


def test_a_models_own_code_is_not_run(tmp_path):
    code = tmp_path / "model"
    code.mkdir()
    ran = tmp_path / "ran"
    (code / "own.py").write_text(f"open({str(ran)!r}, 'w')\n")
    own = {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M", "AutoTokenizer": ["own.T", None]}
    (code / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": own}))
    (code / "tokenizer_config.json").write_text(json.dumps({"auto_map": own}))
    with pytest.raises(DataError, match="own"):
        model.continued(code, 8, None)
    with pytest.raises(DataError, match="cannot be loaded"):
        tokenizer.load(str(code), tmp_path)
    assert not ran.exists()


def test_a_rank_without_torchrun_changes_nothing(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert processes.leads()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not processes.leads()
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(DataError, match="WORLD_SIZE = 'many'"):
        processes.world()


def test_our_own_version_is_that_of_the_code(monkeypatch):
    def missing(name):
        raise packages.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packages.metadata, "version", lambda name: "0.0.1")
    assert packages.version_of("cptlaw") == cptlaw.__version__
    monkeypatch.setattr(packages.metadata, "version", missing)
    assert packages.version_of("cptlaw") == cptlaw.__version__
    assert packages.version_of("torch") == torch.__version__
    assert packages.version_of("no such package") is None


def test_weights_are_never_unpickled(tmp_path):
    class Code:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    folder = tmp_path / "model"
    models = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8}
    shape = {"num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**models, **shape, "vocab_size": 16}))
    torch.save(Code(), folder / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"cannot be loaded: .*safetensors"):
        model.continued(folder, 8, None)
    torch.save(Code(), folder / "optimizer.pt")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(folder / "optimizer.pt", weights_only=True)
    assert not (tmp_path / "ran").exists()


def test_attention_that_is_code_of_the_hub_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    shape = {"model_type": "llama", "attn_implementation": "someone/kernel"}
    (folder / "config.json").write_text(json.dumps(shape))
    with pytest.raises(DataError, match="its attention, 'someone/kernel', is code of its own"):
        model.continued(folder, 8, None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model_type": 5}', '{"model_type": "llama"}'])
def test_a_damaged_model_is_named(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 50)
    with pytest.raises(DataError, match=f"{tmp_path} cannot be loaded"):
        model.continued(tmp_path, 8, None)


def test_a_checkpoint_that_was_changed_is_not_gone_on_from(lab):
    lab.finished()
    folder = lab.out() / "cpt"
    (folder / "checkpoint-8").rename(folder / "checkpoint-4")
    (folder / "checkpoint-4" / "model.safetensors").write_bytes(b"\xff" * 50)
    swept = lab.sweep()
    assert "model.safetensors of" in swept.failed["cpt"]
    assert "Remove that folder" in swept.failed["cpt"]


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_RANK"])
def test_what_a_launcher_left_is_taken_away_where_a_process_is_alone(monkeypatch, name):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv(name, "3")
    processes.prepare()
    assert name not in os.environ


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"RANK": "2", "LOCAL_RANK": "0"}, "RANK = '2'"),
        ({"RANK": "x", "LOCAL_RANK": "0"}, "RANK = 'x'"),
        ({"RANK": "1"}, "LOCAL_RANK = ''"),
        ({"RANK": "1", "LOCAL_RANK": "1"}, "no MASTER_ADDR"),
    ],
)
def test_several_processes_need_to_be_told_apart(monkeypatch, given, told):
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"WORLD_SIZE": "2"} | given).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DataError, match=told):
        processes.prepare()
