import pickle
import subprocess
import sys
from functools import partial

import pytest

import experiments
from cptlaw.errors import DataError
from cptlaw.lab import experiment
from experiments import BASE, CPT, HEAD, names


@pytest.fixture
def read(tmp_path):
    return partial(experiments.read, tmp_path)


def test_a_base_and_a_continuation_with_defaults(read):
    found = read(HEAD + BASE + CPT)
    base, cpt = found.nodes
    assert (found.name, found.seed) == ("trial", 3)
    assert (base.data, base.after, base.after_step, base.model_name) == ("pt", None, None, "small")
    assert (cpt.data, cpt.after, cpt.after_step, cpt.model_name) == ("cpt", "base", 100, "small")
    assert (base.seed, cpt.seed, base.optimizer_state, cpt.replay) == (3, 3, "keep", 0.0)
    assert (base.batch_sequences, base.sequence_length, base.batch_tokens) == (8, 64, 512)
    assert (base.micro_batch, base.rope_theta, base.skip, base.keep) == (None, None, 0, ())
    assert base.shares == {"code": 0.25, "docs": 0.75}
    assert cpt.shares == {"code": 1.0}
    assert (base.steps, cpt.steps) == (100, 50)
    assert found.node("cpt") is cpt


def test_tables_with_defaults(read):
    text = HEAD.replace("[tokenizer]\nvocabulary = 512\n", "").replace(
        "[training]\nbatch_sequences = 8\nsequence_length = 64\n", ""
    )
    found = read(text.replace("[validation]\ntokens = 4096\n", "").replace("seed = 3\n", "") + BASE)
    assert (found.seed, found.tokenizer.vocabulary, found.validation.tokens) == (0, 2048, 32768)
    assert found.validation.near_duplicates == "drop"
    training = found.training
    assert (training.batch_sequences, training.sequence_length) == (32, 128)
    assert (training.evaluate_every, training.log_every, training.checkpoint_every) == (
        25,
        25,
        None,
    )
    assert (training.precision, training.compile, training.betas) == ("fp32", False, (0.9, 0.95))
    assert found.texts["docs"].tokens == 6_000_000
    assert found.texts["far"].path == ("data/far.jsonl", "data/more.jsonl")


@pytest.mark.parametrize(
    ("width", "feed_forward"), [(64, 176), (96, 256), (1024, 2736), (1536, 4096), (2048, 5504)]
)
def test_the_feed_forward_width_left_out(read, width, feed_forward):
    model = read(HEAD + BASE, {"width = 64": f"width = {width}"}).nodes[0].model
    assert (model.feed_forward, model.kv_heads) == (feed_forward, 2)


def test_an_open_model(read):
    text = HEAD.replace("vocabulary = 512", 'name = "meta/llama"')
    text = text.replace(
        "[model.small]\nwidth = 64\nlayers = 2\nheads = 2", '[model.llama]\nfrom = "meta/llama"'
    )
    found = read(
        text
        + '[[run]]\nname = "cpt"\ndata = "cpt"\nreplay = 0.5\nschedule = "constant 9 to 1e-4"\n'
    )
    node = found.nodes[0]
    assert (node.model_name, node.model.from_, node.model.width) == ("llama", "meta/llama", 0)
    assert node.shares == {"code": 0.625, "docs": 0.375}
    assert found.identity("cpt")["model"] == {"from": "meta/llama", "rope_theta": None}


def test_evaluations_and_columns(read):
    found = read(HEAD + BASE)
    assert found.evaluations == {
        "docs": {"docs": 1.0},
        "code": {"code": 1.0},
        "far": {"far": 1.0},
        "pt": {"docs": 0.75, "code": 0.25},
    }
    assert [found.column(key) for key in ("pt", "cpt", "far")] == [
        "eval_pt_loss",
        "eval_code_loss",
        "eval_far_loss",
    ]
    with pytest.raises(DataError, match=r"\[data\] has no 'fer'\. Did you mean 'far'\?"):
        found.column("fer")


def test_an_experiment_can_be_sent_to_another_process(read):
    found = read(HEAD + BASE + CPT)
    assert pickle.loads(pickle.dumps(found)) == found


def test_reading_loads_nothing_heavy(tmp_path):
    code = (
        "import sys; from cptlaw.lab import experiment; experiment.load('tiny'); "
        "print([m for m in ('torch', 'transformers', 'datasets', 'pandas') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout.strip() == "[]", ended.stderr


# --- errors --------------------------------------------------------------------------------------


def test_replay_needs_pt(read):
    text = HEAD.replace("pt = { docs = 0.75, code = 0.25 }\n", "")
    root = '[[run]]\nname = "cpt"\ndata = "cpt"\nreplay = 0.5\nschedule = "constant 9 to 1e-3"\n'
    with pytest.raises(DataError, match=r"run 'cpt': replay = 0\.5 needs pt in \[data\]"):
        read(text + root)
    assert names(read(text + root.replace("replay = 0.5", "replay = 0"))) == ["cpt"]


def test_pt_after_an_open_model(read):
    text = HEAD.replace("vocabulary = 512", 'name = "m"')
    text = text.replace("width = 64\nlayers = 2\nheads = 2", 'from = "m"')
    with pytest.raises(DataError, match="run 'base': data = \"pt\" with the open model 'small'"):
        read(text + BASE)


def test_a_mixture_may_not_be_named_like_a_text_but_a_text_may(read):
    found = read(HEAD + BASE, {'cpt = "code"': 'code = "code"\ncpt = "code"'})
    assert found.column("code") == found.column("cpt") == "eval_code_loss"


@pytest.mark.parametrize("key", ["text", "data", "model", "run"])
def test_a_missing_section(tmp_path, key):
    document = {"text": "[text.a]\nhub = 'x'", "data": "[data]\npt = 'a'", "run": BASE}
    document["model"] = "[model.m]\nwidth = 64\nlayers = 2\nheads = 2"
    path = tmp_path / "e.toml"
    path.write_text("\n".join(["name = 'e'", *document.values()]))
    assert names(experiment.load(path)) == ["base"]
    path.write_text("\n".join(["name = 'e'", *(t for k, t in document.items() if k != key)]))
    with pytest.raises(DataError, match=f"there is no {key}. An experiment needs"):
        experiment.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = ", "is not valid TOML: "),
        (b"name = '\xff'", "is not UTF-8 text, at byte 9."),
        (b"", "there is no text. An experiment needs"),
        (HEAD.encode() + b"[run]\nname = 'x'\n", "each run is a table [[run]]"),
        (
            b"data = 3\nrun = 1\ntext = 1\nmodel = 1\nname = 'x'",
            "[text]: every text is a table [text.NAME]",
        ),
    ],
)
def test_a_file_that_is_no_experiment(tmp_path, content, message):
    path = tmp_path / "e.toml"
    path.write_bytes(content)
    with pytest.raises(DataError) as raised:
        experiment.load(path)
    assert str(raised.value).startswith(f"{path}: {message}")


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match=r"no\.toml: there is no such file\. .* preset: .*tiny"):
        experiment.load(tmp_path / "no.toml")
    with pytest.raises(DataError, match="cannot be read"):
        experiment.load(tmp_path)


def test_an_unknown_run(read):
    with pytest.raises(DataError, match=r"trial\.toml: no run 'bas'\. Did you mean 'base'\?"):
        read(HEAD + BASE).node("bas")
