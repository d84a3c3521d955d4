import re
from functools import partial

import pytest

import experiments
from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from experiments import BASE, HEAD, bases, names, run


@pytest.fixture
def read(tmp_path):
    return partial(experiments.read, tmp_path)


# --- schedules and chains ----------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 10, 55, 100])
def test_a_schedule_starts_from_the_lr_of_the_base(read, step):
    found = read(HEAD + BASE + run("cpt", "constant 20", after_step=step))
    base, cpt = found.nodes
    assert (cpt.schedule.lr() == base.schedule.lr([step])).all()


def test_the_first_segment_may_say_its_own_start(read):
    cpt = read(HEAD + BASE + run("cpt", "linear 10 to 0 from=5e-4")).nodes[1]
    assert cpt.schedule == Schedule.linear(5e-4, 10)


def test_replay_mixes_pt_into_the_data(read):
    found = read(HEAD + BASE + run("cpt", data=["cpt", "far"], replay=[0.2, 1]))
    shares = {node.name: node.shares for node in found.nodes[1:]}
    assert {k: list(v) for k, v in shares.items()} == {
        "cpt-cpt-replay0.2": ["code", "docs"],
        "cpt-cpt-replay1": ["code", "docs"],
        "cpt-far-replay0.2": ["code", "docs", "far"],
        "cpt-far-replay1": ["code", "docs"],
    }
    assert shares["cpt-cpt-replay0.2"] == pytest.approx({"code": 0.85, "docs": 0.15})
    assert shares["cpt-far-replay0.2"] == pytest.approx({"code": 0.05, "docs": 0.15, "far": 0.8})
    assert shares["cpt-far-replay1"] == {"code": 0.25, "docs": 0.75}


def test_branches_of_pt_go_on_in_the_data_where_the_base_stood(read):
    text = HEAD + BASE
    text += run("decay", data="pt", after_step=60)
    text += run("more", data="pt", after="decay", after_step=30)
    text += run("cpt", after="more") + run("early", after_step=40)
    text += run("other", data="pt", seed=4) + run("long", data="pt", sequence_length=128)
    found = read(text)
    skip = {node.name: node.skip for node in found.nodes}
    assert skip == {
        "base": 0,
        "decay": 60 * 8,
        "more": (60 + 30) * 8,
        "cpt": 0,
        "early": 0,
        "other": 0,
        "long": 0,
    }
    keep = {node.name: node.keep for node in found.nodes}
    assert keep["base"] == (40, 60)
    assert keep["decay"] == (30,)
    assert keep["more"] == keep["cpt"] == ()


def test_a_branch_counts_the_batches_of_each_base(read):
    text = HEAD + BASE + run("wide", data="pt", batch_sequences=32)
    found = read(text + run("after", data="pt", after="wide"))
    assert found.node("wide").skip == 100 * 8
    assert found.node("after").skip == 100 * 8 + 50 * 32


def test_a_cpt_after_a_cpt_goes_on_in_its_data(read):
    text = HEAD + BASE + run("cpt", "constant 50", replay=0.5)
    found = read(text + run("tail", after="cpt", after_step=20, replay=0.5))
    assert found.node("tail").skip == 20 * 8
    assert found.node("cpt").keep == (20,)


def test_a_stream_is_taken_up_again_after_a_change_between(read):
    text = HEAD + BASE + run("long", data="pt", sequence_length=128)
    assert read(text + run("short", data="pt", after="long")).node("short").skip == 100 * 8


def test_the_order_of_the_shares_does_not_matter(read):
    one = read(HEAD + BASE)
    other = read(HEAD + BASE, {"docs = 0.75, code = 0.25": "code = 0.25, docs = 0.75"})
    assert list(one.nodes[0].shares) == list(other.nodes[0].shares)
    assert one.fingerprint("base") == other.fingerprint("base")


def test_bases_come_before_what_goes_on_from_them(read):
    found = read(HEAD + run("tail", after="cpt") + run("cpt", "constant 50") + BASE)
    assert names(found) == ["base", "cpt", "tail"]


def test_a_run_inherits_the_model_the_seed_and_the_rope_of_its_base(read):
    text = HEAD + run("base", "constant 9 to 1e-3", model="big", seed=7, rope_theta=5e5).replace(
        'after = "base"\n', ""
    )
    found = read(text + run("cpt") + run("reseeded", seed=8, rope_theta=1e4))
    cpt, reseeded = found.node("cpt"), found.node("reseeded")
    assert (cpt.model_name, cpt.seed, cpt.rope_theta) == ("big", 7, 5e5)
    assert (reseeded.seed, reseeded.rope_theta) == (8, 1e4)


# --- grids -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"replay": [0, 0.25]}, ["cpt-replay0", "cpt-replay0.25"]),
        ({"seed": [1, 2]}, ["cpt-seed1", "cpt-seed2"]),
        ({"after_step": [50, 100]}, ["cpt-at50", "cpt-at100"]),
        ({"batch_sequences": [8, 16]}, ["cpt-batch8", "cpt-batch16"]),
        ({"sequence_length": [64, 256]}, ["cpt-length64", "cpt-length256"]),
        ({"data": ["cpt", "far"]}, ["cpt-cpt", "cpt-far"]),
        ({"after": ["base"]}, ["cpt-base"]),
        ({"model": ["small"]}, ["cpt-small"]),
        ({"seed": [1], "replay": [0, 0.5]}, ["cpt-seed1-replay0", "cpt-seed1-replay0.5"]),
        ({"replay": [0, 0.5], "seed": [1]}, ["cpt-replay0-seed1", "cpt-replay0.5-seed1"]),
    ],
)
def test_a_list_is_one_run_each(read, keys, expected):
    assert names(read(HEAD + BASE + run("cpt", **keys)))[1:] == expected


def test_a_table_of_schedules_is_one_run_each(read):
    schedules = {"const": "constant 20", "decay": "linear 30 to 0"}
    found = read(HEAD + BASE + run("cpt", schedules, replay=[0, 0.25]))
    assert {n.name: (n.replay, n.steps) for n in found.nodes[1:]} == {
        "cpt-replay0-const": (0.0, 20),
        "cpt-replay0-decay": (0.0, 30),
        "cpt-replay0.25-const": (0.25, 20),
        "cpt-replay0.25-decay": (0.25, 30),
    }


def expanded(**keys):
    """A base of several variants."""
    return run("base", "constant 9 to 1e-3", **keys).replace('after = "base"\n', "")


def test_after_takes_the_variant_of_the_same_values(read):
    both = {"model": ["small", "big"], "seed": [1, 2]}
    found = read(HEAD + expanded(**both) + run("cpt", **both))
    for node in found.nodes[4:]:
        assert node.after == node.name.replace("cpt", "base")
        assert found.node(node.after).model_name == node.model_name
        assert found.node(node.after).seed == node.seed


def test_after_takes_one_value_for_a_list_of_the_base(read):
    text = HEAD + expanded(model=["small", "big"], seed=[1, 2])
    assert bases(read(text + run("cpt", model="big", seed=2)))["cpt"] == "base-big-seed2"


def test_after_names_a_variant(read):
    text = HEAD + expanded(model=["small", "big"])
    found = bases(read(text + run("cpt", after=["base-small", "base-big"])))
    assert (found["cpt-base-small"], found["cpt-base-big"]) == ("base-small", "base-big")


def test_after_follows_the_names_of_schedules(read):
    text = HEAD + BASE + run("cpt", {"slow": "constant 20", "fast": "constant 10"})
    tail = run("tail", {"slow": "linear 9 to 0", "fast": "linear 5 to 0"}, after="cpt")
    found = bases(read(text + tail))
    assert (found["tail-slow"], found["tail-fast"]) == ("cpt-slow", "cpt-fast")


def test_after_follows_replay_and_batch(read):
    grid = {"replay": [0, 0.5], "batch_sequences": [8, 16]}
    found = bases(
        read(HEAD + BASE + run("cpt", "constant 9", **grid) + run("t", after="cpt", **grid))
    )
    assert found["t-replay0.5-batch16"] == "cpt-replay0.5-batch16"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {},
            (
                "4 of its variants fit. Name one, or a list of them: base-small-seed1, "
                "base-small-seed2, base-big-seed1, base-big-seed2."
            ),
        ),
        (
            {"model": "big"},
            "2 of its variants fit. Name one, or a list of them: base-big-seed1, base-big-seed2.",
        ),
        (
            {"model": "big", "seed": 9},
            (
                "none of its variants has this run's model, seed. Name one, or a list of them: "
                "base-small-seed1"
            ),
        ),
    ],
)
def test_after_fits_none_or_several(read, keys, message):
    text = HEAD + expanded(model=["small", "big"], seed=[1, 2])
    with pytest.raises(DataError, match=re.escape(f"run 'cpt': after = \"base\": {message}")):
        read(text + run("cpt", **keys))
