from dataclasses import replace

import numpy as np
import pytest

from cptlaw.studies.runs import Curve, LoggedLR, Run
from cptlaw.studies.study_file.lineage import links


def run(name, steps, losses, lr=None):
    steps = np.array(steps)
    logged = None if lr is None else LoggedLR(steps, np.full(steps.size, lr))
    columns = {"pt": Curve(steps, losses), "law": Curve(steps, losses + 0.3)}
    return Run(name, columns, logged)


def base(last=2000, seed=0, name="base", lr=None):
    steps = np.arange(0, last + 1, 50)
    noise = np.random.default_rng(seed).normal(0, 0.01, steps.size)
    return run(name, steps, 3 + 5 / (1 + steps / 200) + noise, lr)


def later(start, base_run, at, name="later", rows=10, lr=None, jump=0.1):
    """A run whose first row is the base's at step `at`, and which then goes its own way."""
    steps = start + np.arange(rows + 1) * 50
    row = int(np.searchsorted(base_run.curves["pt"].steps, at))
    first = base_run.curves["pt"].loss[row]
    return run(name, steps, first + np.where(steps > start, jump + 1e-4 * (steps - start), 0), lr)


def tail(log, rows=1):
    keep = {k: c.only(np.arange(len(c)) >= rows) for k, c in log.curves.items()}
    return replace(log, curves=keep)


def found(*logs):
    return [(link.after, link.at, link.number) for link in links(logs)]


def test_a_lone_log_is_a_root():
    assert found(base()) == [(None, 0, 0)]


def test_two_seeds_are_two_roots():
    assert found(base(), base(1000, seed=1)) == [(None, 0, 0), (None, 0, 0)]


@pytest.mark.parametrize(("start", "at"), [(2000, 2000), (1500, 1500), (0, 2000), (0, 1500)])
def test_the_first_row_is_the_bases(start, at):
    root = base()
    assert found(later(start, root, at), root) == [(1, at, start), (None, 0, 0)]


def test_siblings_do_not_go_on_from_one_another():
    root = base()
    logs = [later(2000, root, 2000, jump=jump) for jump in (0.1, 0.2)]
    assert found(*logs, root) == [(2, 2000, 2000), (2, 2000, 2000), (None, 0, 0)]


def test_a_chain():
    root = base()
    branch = later(1500, root, 1500, jump=-0.2)
    assert found(root, branch, later(2000, branch, 2000)) == [
        (None, 0, 0),
        (0, 1500, 1500),
        (1, 2000, 2000),
    ]


def test_numbers_go_on_without_the_first_row():
    root, other = base(), base(4000, seed=1, name="other")
    other = run("other", other.curves["pt"].steps, other.curves["pt"].loss + 1)
    log = tail(later(2000, root, 2000, jump=0.05))
    assert found(other, root, log)[2] == (1, 2000, 2000)
    assert found(root, tail(later(1500, root, 1500)))[1] == (0, 1500, 1500)


def test_the_learning_rate_tells_bases_with_like_losses_apart():
    one, two = base(lr=1e-3), base(seed=1, lr=5e-4)
    log = tail(later(2000, two, 2000, lr=5e-4))
    assert found(one, two, log)[2] == (1, 2000, 2000)
    assert found(two, one, log)[2] == (0, 2000, 2000)


def test_first_losses_near_the_end_of_a_base():
    root = base()
    got = links([root, tail(later(0, root, 2000))])
    assert (got[1].after, got[1].at, got[1].number, got[1].sure) == (0, 2000, 0, False)


def test_a_resumed_log_repeats_the_rows_of_its_base():
    root = base()
    steps = np.arange(0, 3001, 50)
    losses = np.r_[root.curves["pt"].loss, np.full(steps.size - 41, 3.7)]
    assert found(run("resumed", steps, losses), root) == [(1, 2000, 2000), (None, 0, 0)]


def test_two_branches_of_one_trunk_join_it_where_each_left():
    trunk = base(4000)

    def branch(at, last):
        steps = np.arange(0, last + 1, 50)
        losses = np.where(steps <= at, trunk.curves["pt"].loss[: steps.size], 3.05)
        return run(f"branch-{at}", steps, losses)

    logs = [branch(1000, 3000), branch(2000, 2500), trunk]
    assert found(*logs) == [(2, 1000, 1000), (2, 2000, 2000), (None, 0, 0)]


def test_links_never_form_a_cycle():
    one = base(2000)
    two = run("two", one.curves["pt"].steps, np.r_[one.curves["pt"].loss[:30], np.full(11, 3.5)])
    assert found(one, two) == [(None, 0, 0), (0, 1450, 1450)]
    assert found(two, one) == [(None, 0, 0), (0, 1450, 1450)]
