"""What a person sees of a run of the lab, on a terminal and elsewhere."""

import io
import sys
from types import SimpleNamespace

from cptlaw.lab.progress import Making, Progress
from terminals import Terminal

NODE = SimpleNamespace(name="base", steps=200, batch_tokens=1000.0)


def told(monkeypatch, clock, stream, watch):
    """What is shown of a run of two seconds a hundred steps."""
    monkeypatch.setattr(sys, "stderr", stream)
    for step in (0, 50, 100, 150, 200):
        watch(SimpleNamespace(global_step=step), {"eval_pt_loss": 3.0})
        clock[0] += 1.0
    return stream.getvalue()


def test_a_terminal_sees_a_bar_and_what_is_left(monkeypatch, clock):
    lines = told(monkeypatch, clock, Terminal(), Progress(NODE, 1, 3, later=400_000.0))
    shown = lines.split("\r\x1b[K")[1:]
    assert shown[0].startswith("[--------------------] run 1 of 3, base: step 0 of 200")
    assert shown[1].startswith(
        "[#####---------------] run 1 of 3, base: step 50 of 200  3 s left, 11 s in all  "
        "50,000 tokens/s"
    )
    assert "\n" not in lines


def test_a_line_is_no_longer_than_can_be_rewritten(monkeypatch, clock):
    node = SimpleNamespace(name="x" * 200, steps=200, batch_tokens=1000.0)
    lines = told(monkeypatch, clock, Terminal(), Progress(node))
    assert max(map(len, lines.split("\r\x1b[K"))) <= 98


def test_elsewhere_there_is_a_line_now_and_then_and_one_at_the_end(monkeypatch, clock):
    lines = told(monkeypatch, clock, io.StringIO(), Progress(NODE)).splitlines()
    assert [line.split("  ")[0].split(": ")[1] for line in lines] == [
        "step 0 of 200",
        "step 200 of 200",
    ]
    assert lines[-1].endswith("pt 3.0000")


def test_tokens_that_are_made_stand_in_one_line_of_a_terminal(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", Terminal())
    making = Making("law", None)
    for tokens in (0, 50_000, 90_000):
        making(tokens)
        clock[0] += 1.0
    making.clear()
    assert sys.stderr.getvalue().split("\r\x1b[K") == [
        "",
        "law: 50,000 tokens made, 50,000 tokens/s",
        "law: 90,000 tokens made, 45,000 tokens/s",
        "",
    ]
