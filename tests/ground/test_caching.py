"""What an object keeps of a function's results."""

import gc
import pickle
import weakref

from cptlaw.caching import remembers


class Owner:
    """Something that lives and goes."""

    asked: list

    def __init__(self):
        self.asked = []

    @remembers(2)
    def double(self, value, more=0):
        """Twice the value."""
        self.asked.append(value)
        return 2 * value + more


@remembers(1)
def itself(owner):
    """A result that refers to its owner."""
    owner.asked.append(owner)
    return [owner]


def test_the_last_results_are_kept():
    owner = Owner()
    assert [owner.double(v) for v in (1, 2, 1, 2)] == [2, 4, 2, 4]
    assert owner.asked == [1, 2]
    assert owner.double(3) == 6  # the oldest goes
    assert [owner.double(v) for v in (2, 1)] == [4, 2]
    assert owner.asked == [1, 2, 3, 1]
    assert owner.double(1, more=1) == 3


def test_owners_do_not_share():
    one, other = Owner(), Owner()
    assert one.double(1) == other.double(1) == 2
    assert one.asked == other.asked == [1]


def test_what_refers_to_its_owner_is_freed_with_it():
    owner = Owner()
    assert itself(owner) is itself(owner)
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None


def test_an_owner_can_be_pickled():
    owner = Owner()
    owner.double(1)
    again = pickle.loads(pickle.dumps(owner))
    assert again.double(1) == 2
    assert again.asked == [1]
