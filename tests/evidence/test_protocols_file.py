"""The published list of protocols is what the code does.

Whoever changes a protocol on purpose raises `listed.VERSION` and writes the list anew:
`cptlaw bench task protocols --data DIR --write src/cptlaw_evidence/sources/protocols.json`.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from command import run
from cptlaw_evidence.sources import listed
from cptlaw_evidence.sources.loading import load, names

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_it_lists_every_protocol_of_this_version():
    assert listed.published()["version"] == listed.VERSION
    assert list(listed.published()["protocols"]) == list(names())


def test_bundled_protocols_are_those_of_the_list():
    assert listed.changed(load()) == []


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")
def test_protocols_on_curves_of_others_are_those_of_the_list():
    loaded = load((), DATA)
    assert listed.changed(loaded) == []
    if not loaded.left_out:
        assert listed.text(loaded) == listed.FILE.read_text()


def test_a_change_of_a_loss_or_a_split_is_seen():
    loaded = load(["grid-far"])
    (split,) = loaded.splits["grid-far"]
    other = replace(split, scored={"far-cosine": 100})
    assert listed.fingerprint([other]) != listed.fingerprint([split])
    changed = replace(loaded, splits={"grid-far": (other,)})
    assert listed.changed(changed) == ["grid-far"]
    run_ = split.study.run("far-cosine")
    column = split.study.domains["cpt"]
    curve = run_.curves[column]
    curves = {**run_.curves, column: replace(curve, loss=curve.loss + 1e-3)}
    runs = tuple(replace(r, curves=curves) if r is run_ else r for r in split.study.runs)
    louder = replace(split, study=replace(split.study, runs=runs))
    assert listed.fingerprint([louder]) != listed.fingerprint([split])


def test_the_command_prints_it_and_does_not_write_half_of_it(tmp_path):
    assert run("bench", "task", "protocols").stdout == listed.FILE.read_text()
    ended = run("bench", "task", "protocols", "--write", tmp_path / "p.json")
    assert ended.status == 2 and "the list needs all curves" in ended.stderr
