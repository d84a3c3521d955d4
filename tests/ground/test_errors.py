"""Messages of errors."""

from cptlaw.errors import DataError


def test_a_message_of_any_length_keeps_its_place_and_its_mend():
    text = str(
        DataError(f"a.csv, line 3: column '{'x' * 100_000}' holds no number. Mend the cell.")
    )
    assert len(text) < 3100
    assert text.startswith("a.csv, line 3: column 'xxx")
    assert text.endswith("xxx' holds no number. Mend the cell.")
    assert str(DataError("x" * 3000)) == "x" * 3000
