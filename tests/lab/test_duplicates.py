import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cptlaw.lab import duplicates
from cptlaw.lab.document import Document
from cptlaw.lab.duplicates import Overlap, overlaps


def words(seed, count=200):
    return [f"w{number}" for number in np.random.default_rng(seed).integers(10**6, size=count)]


def document(name, found):
    return Document(name, found if isinstance(found, str) else " ".join(found))


def changed(found, places):
    return [f"x{place}" if place in places else word for place, word in enumerate(found)]


def share(validation, *training):
    """The share of one validation document, whatever it is."""
    found = overlaps(
        [document("v", validation)], [document(str(i), t) for i, t in enumerate(training)], 1e-9
    )
    return found[0].share if found else 0.0


def reference(validation, training, length=8):
    """The shares by sets of tuples."""

    def runs(text):
        padded = text.split()
        padded += [""] * (length - len(padded)) if padded else []
        return [tuple(padded[i : i + length]) for i in range(len(padded) - length + 1)]

    held = {run for text in training for run in runs(text)}
    return [np.mean([run in held for run in runs(t)]) if runs(t) else 0.0 for t in validation]


def test_an_exact_copy_is_told_with_its_length():
    found = overlaps([document("v", words(1))], [document("t", words(1))])
    assert found == (Overlap("v", 1.0, len(" ".join(words(1)))),)


def test_case_and_punctuation_do_not_matter():
    copy = ", ".join(word.upper() for word in words(1)) + "!"
    assert share(words(1), copy) == 1.0


def test_a_copy_with_a_few_words_changed():
    assert share(words(1), changed(words(1), {50, 100})) == pytest.approx(1 - 16 / 193)


def test_a_part_in_a_longer_document():
    assert share(words(1), words(2) + words(1)[:107] + words(3)) == pytest.approx(100 / 193)


def test_parts_in_several_documents_add_up():
    assert share(words(1), words(1)[:100], words(1)[93:]) == 1.0


def test_an_unrelated_text():
    assert share(words(1), words(2), words(3)) == 0.0


def test_a_run_does_not_reach_over_two_documents():
    assert share(words(1, 12), words(1, 12)[:6], words(1, 12)[6:]) == 0.0


def test_a_licence_that_all_begin_with_is_a_small_share():
    licence = words(0, 40)
    validation = [document("v", licence + words(1))]
    training = [document(str(seed), licence + words(seed)) for seed in range(2, 9)]
    assert overlaps(validation, training) == ()
    (found,) = overlaps(validation, training, threshold=0.1)
    assert found.share == pytest.approx(33 / 233)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (["One two, three."], 1.0),
        (["one two three four"], 0.0),
        (["one two"], 0.0),
        (["", "!"], 0.0),
    ],
)
def test_a_document_of_few_words_is_compared_whole(training, expected):
    assert share("one two three", *training) == expected


@pytest.mark.parametrize("text", ["", "!?"])
def test_a_document_without_words_is_never_held(text):
    assert overlaps([document("v", text)], [document("t", text)], threshold=0.0) == ()


def test_nothing_to_compare():
    assert overlaps([], [document("t", words(1))]) == ()
    assert overlaps([document("v", words(1))], []) == ()


def test_the_largest_share_comes_first_then_the_name():
    validation = [
        document("half", words(1, 107) + words(2, 100)),
        document("b", words(1)),
        document("none", words(3)),
        document("a", words(1)),
    ]
    found = overlaps(validation, [document("t", words(1))], threshold=0.45)
    assert [overlap.document for overlap in found] == ["a", "b", "half"]


def test_the_threshold_itself_is_told():
    validation = [document("v", words(1, 11) + words(2, 4))]
    training = [document("t", words(1, 11))]
    assert len(overlaps(validation, training, threshold=0.5)) == 1
    assert len(overlaps(validation, training, threshold=0.51)) == 0


def test_training_documents_are_taken_once():
    taken = []
    overlaps([document("v", words(1))], (taken.append(i) or document("t", "x") for i in range(5)))
    assert taken == [0, 1, 2, 3, 4]


TEXTS = st.lists(st.text("abc ", max_size=60), max_size=8)


@given(TEXTS, TEXTS, st.integers(1, 40), st.randoms(use_true_random=False))
def test_shares_are_those_of_sets_whatever_the_order_and_the_batches(held, texts, size, random):
    validation = [document(f"{number}", text) for number, text in enumerate(held)]
    training = [document("t", text) for text in texts]
    shares = zip(validation, reference(held, texts), strict=True)
    expected = {document.name: share for document, share in shares if share > 0}
    random.shuffle(training)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_BATCH", size)
        found = overlaps(validation, training, 1e-9)
    assert {overlap.document: overlap.share for overlap in found} == pytest.approx(expected)
