import dataclasses
import json
import re
import subprocess
import sys
from functools import partial

import pytest

import experiments
from cptlaw.lab import experiment
from experiments import BASE, CPT, HEAD


@pytest.fixture
def read(tmp_path):
    return partial(experiments.read, tmp_path)


LOSSES = {
    'builtin = "python-docs"': 'builtin = "python-code"',
    "tokens = 6e6": "tokens = 5e6",
    'path = "data/code"': 'path = "data/codes"',
    '"data/more.jsonl"': '"data/less.jsonl"',
    'column = "body"': 'column = "text"',
    "docs = 0.75, code = 0.25": "docs = 0.7, code = 0.3",
    "vocabulary = 512": "vocabulary = 513",
    "tokens = 4096": "tokens = 8192",
    "[validation]": '[validation]\nnear_duplicates = "keep"',
    "seed = 3": "seed = 4",
    "width = 64": "width = 68",
    "layers = 2": "layers = 3",
    "heads = 2": "heads = 4",
    "heads = 2\n": "heads = 2\nkv_heads = 1\n",
    "[model.small]": "[model.small]\nfeed_forward = 100",
    "[model.small]\n": "[model.small]\nrope_theta = 1e5\n",
    "[model.small]\nwidth": "[model.small]\ntied = true\nwidth",
    "batch_sequences = 8": "batch_sequences = 9",
    "sequence_length = 64": "sequence_length = 65",
    "[training]": '[training]\nprecision = "bf16"',
    "[training]\n": "[training]\nweight_decay = 0\n",
    "[training]\nbatch": "[training]\nbetas = [0.9, 0.99]\nbatch",
    "[training]\nbatch_": "[training]\nclip = 0.5\nbatch_",
    "[training]\nbatch_s": "[training]\nevaluate_every = 20\nbatch_s",
    "[training]\nbatch_se": "[training]\nlog_every = 20\nbatch_se",
    "warmup 10 to 1e-3": "warmup 10 to 2e-3",
    'name = "base"': 'name = "base"\nrope_theta = 5e4',
}
SAME = {
    'name = "trial"': 'name = "other"',
    "[training]": "[training]\nmicro_batch = 4",
    "[training]\n": "[training]\ncompile = true\n",
    "[training]\nbatch": "[training]\ncheckpoint_every = 10\nbatch",
    "[training]\nbatch_": "[training]\nlog_every = 25\nbatch_",
    "heads = 2\n": "heads = 2\nkv_heads = 2\nfeed_forward = 176\nrope_theta = 10000\n",
    "tokens = 6e6": "tokens = 6_000_000",
    'cpt = "code"': "cpt = { code = 1 }",
    'path = "data/code"': 'path = ["./data/code"]',
    "warmup 10 to 1e-3": "warmup 10 to 0.001",
    "small": "little",
}
RUN_LOSSES = {
    "linear 50 to 0": "linear 51 to 0",
    'after = "base"': 'after = "base"\nafter_step = 50',
    'name = "cpt"': 'name = "cpt"\nreplay = 0.5',
    'name = "cpt"\n': 'name = "cpt"\nseed = 5\n',
    'name = "cpt"\na': 'name = "cpt"\ndata = "far"\na',
    'name = "cpt"\naf': 'name = "cpt"\nbatch_sequences = 4\naf',
    'name = "cpt"\naft': 'name = "cpt"\nsequence_length = 32\naft',
    'name = "cpt"\nafte': 'name = "cpt"\nrope_theta = 1e6\nafte',
    'name = "cpt"\nafter': 'name = "cpt"\noptimizer_state = "new"\nafter',
}
RUN_SAME = {
    'name = "cpt"': 'name = "cpt"\nreplay = 0',
    'name = "cpt"\n': 'name = "cpt"\nseed = 3\n',
    'after = "base"': 'after = "base"\nafter_step = 100',
    'name = "cpt"\na': 'name = "cpt"\nmicro_batch = 2\na',
    'name = "cpt"\naf': 'name = "cpt"\noptimizer_state = "keep"\naf',
}


@pytest.mark.parametrize(("old", "new"), LOSSES.items())
def test_what_changes_the_losses_of_a_base_changes_the_fingerprints(read, old, new):
    one, other = read(HEAD + BASE + CPT), read(HEAD + BASE + CPT, {old: new})
    assert one.fingerprint("base") != other.fingerprint("base")
    assert one.fingerprint("cpt") != other.fingerprint("cpt")


@pytest.mark.parametrize(("old", "new"), SAME.items())
def test_what_changes_no_losses_changes_no_fingerprint(read, old, new):
    one, other = read(HEAD + BASE + CPT), read(HEAD + BASE + CPT, {old: new}, "elsewhere.toml")
    assert one.identity("cpt") == other.identity("cpt")
    assert one.fingerprint("cpt") == other.fingerprint("cpt")


@pytest.mark.parametrize(("old", "new"), RUN_LOSSES.items())
def test_what_changes_the_losses_of_a_continuation(read, old, new):
    one, other = read(HEAD + BASE + CPT), read(HEAD + BASE + CPT, {old: new})
    assert one.fingerprint("base") == other.fingerprint("base")
    assert one.fingerprint("cpt") != other.fingerprint("cpt")


@pytest.mark.parametrize(("old", "new"), RUN_SAME.items())
def test_what_changes_no_losses_of_a_continuation(read, old, new):
    one, other = read(HEAD + BASE + CPT), read(HEAD + BASE + CPT, {old: new})
    assert one.fingerprint("cpt") == other.fingerprint("cpt")


def test_the_names_of_runs_are_in_no_identity(read):
    one = read(HEAD + BASE + CPT)
    text = HEAD + BASE.replace('"base"', '"start"') + CPT.replace('"base"', '"start"')
    assert read(text).fingerprint("cpt") == one.fingerprint("cpt")


def test_absolute_folders_are_in_no_identity(read):
    old = 'path = "data/code"'
    one = read(HEAD + BASE, {old: 'path = "/home/me/code"'})
    other = read(HEAD + BASE, {old: 'path = "/scratch/you/code"'})
    assert one.fingerprint("base") == other.fingerprint("base")
    assert "home" not in json.dumps(one.identity("base"))


def test_the_identity_is_the_same_in_another_process(read):
    found = read(HEAD + BASE + CPT)
    code = (
        "import sys; from cptlaw.lab import experiment; "
        "print(experiment.load(sys.argv[1]).fingerprint('cpt'))"
    )
    for salt in ("1", "2"):
        ended = subprocess.run(
            [sys.executable, "-c", code, found.file],
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": salt, "PYTHONPATH": ":".join(sys.path)},
        )
        assert ended.stdout.strip() == found.fingerprint("cpt"), ended.stderr
    assert re.fullmatch(r"[0-9a-f]{16}", found.fingerprint("cpt"))


def test_every_field_of_a_node_is_in_the_identity_or_left_out_on_purpose(read):
    found = read(HEAD + BASE + CPT)
    left_out = {"name", "data", "replay", "model_name", "micro_batch", "keep"}
    inside = {"after": "base", "rope_theta": "model", "before": "read_before"}
    for field in dataclasses.fields(experiment.Node):
        key = inside.get(field.name, field.name)
        assert (key in found.identity("cpt")) == (field.name not in left_out), field.name
