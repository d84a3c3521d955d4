import gzip
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cptlaw.errors import DataError, MissingExtra
from cptlaw.lab.builtin import documents as builtin_documents
from cptlaw.lab.document import Document, shuffled_key
from cptlaw.lab.text import documents

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
Text = importlib.import_module("cptlaw.lab.tables").Text

ROWS = [{"text": "one", "id": 1}, {"text": "two", "id": 2}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def read(folder, notes=None, **text):
    return list(documents(Text(**text), folder, notes))


def named(folder, **text):
    return {document.name: document.text for document in read(folder, **text)}


def write_zst(path, content):
    with pa.output_stream(str(path), compression="zstd") as file:
        file.write(content)


def test_a_file_is_one_document(tmp_path):
    (tmp_path / "a.md").write_bytes("\ufeffL₀ = 3\r\n".encode())
    assert read(tmp_path, path="a.md") == [Document("a.md", "L₀ = 3\r\n")]


def test_a_folder_is_read_to_its_depth(tmp_path):
    (tmp_path / "top/deep").mkdir(parents=True)
    (tmp_path / "top/a.txt").write_text("a")
    (tmp_path / "top/deep/b.py").write_text("b")
    (tmp_path / "top/deep/rows.jsonl").write_bytes(LINES)
    assert named(tmp_path, path="top") == {
        "a.txt": "a",
        "deep/b.py": "b",
        "deep/rows.jsonl:1": "one",
        "deep/rows.jsonl:2": "two",
    }


def test_files_stand_in_one_shuffled_order(tmp_path):
    names = [f"{number:02}.txt" for number in range(20)]
    for name in reversed(names):
        (tmp_path / name).write_text(name)
    found = [document.name for document in read(tmp_path, path=".")]
    assert sorted(found) == names
    assert found == sorted(names, key=shuffled_key) != names


def test_several_sources_are_told_apart_by_their_own_names(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(folder)
    (tmp_path / "b.txt").write_text("b")
    found = named(tmp_path, path=["x", "y", "b.txt"])
    assert found == {"x/a.txt": "x", "y/a.txt": "y", "b.txt": "b"}


def test_what_a_folder_holds_besides_text_is_skipped_and_told(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_text("no")
    (tmp_path / "a.txt").write_text("yes")
    (tmp_path / "blank.txt").write_text(" \n")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x00\x00")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    notes = []
    assert [d.name for d in read(tmp_path, notes, path=".")] == ["a.txt"]
    assert sorted(notes) == [
        "Skipped as binary: image.png.",
        "Skipped as empty: blank.txt.",
        "Skipped as hidden: .git.",
        "Skipped as not UTF-8: latin.txt (byte 3).",
    ]


def test_links_to_folders_and_to_nowhere_are_skipped_and_told(tmp_path):
    texts, notes = tmp_path / "texts", []
    (texts / "in").mkdir(parents=True)
    (texts / "in" / "a.txt").write_text("one")
    (texts / "again").symlink_to(texts / "in")
    (texts / "lost.txt").symlink_to(tmp_path / "nowhere")
    (texts / "b.txt").symlink_to(texts / "in" / "a.txt")
    assert {d.name for d in read(tmp_path, notes, path="texts")} == {
        "in/a.txt",
        "b.txt",
    }
    assert any(note.startswith("Skipped as a link to a folder: ") for note in notes)
    assert any(note.startswith("Skipped as a link that leads nowhere: ") for note in notes)


def test_skipped_rows_are_counted_among_other_notes_even_if_the_reading_stops(tmp_path):
    rows = [{"text": None} for _ in range(7)] + [{"text": "a"}, {"text": None}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    notes = ["Another note."]
    found = documents(Text(path="a.jsonl"), tmp_path, notes)
    assert next(found).name == "a.jsonl:8"
    told = ", ".join(f"a.jsonl:{number}" for number in range(1, 6))
    assert notes == ["Another note.", f"Skipped as without 'text': {told} and 2 more."]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", lambda path: path.write_bytes(LINES)),
        ("a.JSON", lambda path: path.write_bytes(b"\xef\xbb\xbf" + LINES)),
        ("a.json", lambda path: path.write_text(json.dumps(ROWS, indent=1))),
        ("a.jsonl.gz", lambda path: path.write_bytes(gzip.compress(LINES))),
        ("a.json.gz", lambda path: path.write_bytes(gzip.compress(json.dumps(ROWS).encode()))),
        ("a.jsonl.zst", lambda path: write_zst(path, LINES)),
        ("we[ir]d *.parquet", lambda path: parquet.write_table(pa.Table.from_pylist(ROWS), path)),
    ],
)
def test_rows(tmp_path, name, write):
    write(tmp_path / name)
    expected = [Document(f"{name}:1", "one"), Document(f"{name}:2", "two")]
    assert read(tmp_path, path=name) == expected


def test_the_column_may_have_any_name(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"content": "c", "text": "t"}\n\n{"content": "d"}\n')
    found = named(tmp_path, path="a.jsonl", column="content")
    assert found == {"a.jsonl:1": "c", "a.jsonl:3": "d"}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b'{"texts": "a"}', ("a.jsonl, row 1", "no column 'text'", "Did you mean 'texts'?")),
        (b'{"text": "a"}\n{"text": 3}', ("a.jsonl, row 2", "'text' is int 3", "expected text")),
        (b'{"text": "a"}\n\n{"text": \n', ("a.jsonl, line 3", "malformed JSON", "one object a")),
        (b'{"text": "caf\xe9"}', ("a.jsonl, line 1", "malformed JSON", "0xe9")),
        (b'["a"]', ("a.jsonl, row 1", 'is str "a"', "expected an object with 'text'")),
        (b'[{"text": "a"}', ("a.jsonl: malformed JSON", "Mend the file")),
        (b"", ("a.jsonl: holds no text",)),
        (b'{"text": null}', ("holds no text", "Skipped as without 'text': a.jsonl:1.")),
    ],
)
def test_rows_that_cannot_be_used(tmp_path, content, parts):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(DataError) as error:
        read(tmp_path, path="a.jsonl")
    assert all(part in str(error.value) for part in parts), str(error.value)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
@pytest.mark.parametrize(
    "content", [b"not what the name says", b"PAR1", gzip.compress(LINES, mtime=0)[:20]]
)
def test_damaged_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: cannot be read.*Restore the file\."):
        read(tmp_path, path=".")


def test_a_parquet_file_without_the_column(tmp_path):
    parquet.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: there is no column 'tex'.*mean 'text'"):
        read(tmp_path, path="a.parquet", column="tex")


def test_a_file_asked_for_must_be_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=r"a\.txt: byte 3 is not UTF-8.*Convert"):
        read(tmp_path, path="a.txt")


@pytest.mark.parametrize(
    ("path", "mend"),
    [("notes", "Did you mean 'note'?"), ("no/where", "cannot be read either: correct the path")],
)
def test_a_missing_path_is_told_at_once(tmp_path, path, mend):
    (tmp_path / "note").mkdir()
    with pytest.raises(DataError) as error:
        documents(Text(path=path), tmp_path)
    assert "does not exist; expected a file or a folder" in str(error.value)
    assert mend in str(error.value)


def test_a_built_in_text(tmp_path):
    found = documents(Text(builtin="bytecode"), tmp_path)
    assert next(found) == next(builtin_documents("bytecode"))


def hub(monkeypatch, load):
    module = ModuleType("datasets")
    monkeypatch.setattr(module, "load_dataset", load, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", module)


def test_the_hub_is_streamed(monkeypatch):
    asked = []

    def load(*names, **options):
        asked.append((names, options))
        return [{"body": "one"}, {"body": None}, {"body": "three"}]

    hub(monkeypatch, load)
    notes = []
    found = read(Path(), notes, hub="some/set", config="small", split="test", column="body")
    assert found == [
        Document("some/set/small/test:1", "one"),
        Document("some/set/small/test:3", "three"),
    ]
    assert asked == [(("some/set", "small"), {"split": "test", "streaming": True})]
    assert notes == ["Skipped as without 'body': some/set/small/test:2."]


@pytest.mark.parametrize(
    ("raised", "mend"),
    [
        (ConnectionError("Couldn't reach it.\nTraceback"), "Couldn't reach it. Check the network"),
        (ValueError("Bad split: trian."), "Bad split: trian. Check the data set's name, its"),
        (RuntimeError(), "RuntimeError. Check the data set's name"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_hub_that_fails(monkeypatch, raised, mend, late):
    def rows():
        yield {"text": "one"}
        raise raised

    def load(*_names, **_options):
        if late:
            return rows()
        raise raised

    hub(monkeypatch, load)
    with pytest.raises(DataError) as error:
        read(Path(), hub="some/set")
    assert f"some/set/train: cannot be read from the hub: {mend}" in str(error.value)


def test_a_hub_set_without_the_column(monkeypatch):
    hub(monkeypatch, lambda *_names, **_options: [{"content": "one"}])
    with pytest.raises(DataError, match=r"some/set/train, row 1: there is no column 'text'.*Known"):
        read(Path(), hub="some/set")


@pytest.mark.parametrize(
    ("package", "text"),
    [
        ("datasets", {"hub": "some/set"}),
        ("pyarrow", {"path": "a.parquet"}),
        ("pyarrow", {"path": "a.jsonl.zst"}),
    ],
)
def test_a_package_that_is_missing(tmp_path, monkeypatch, package, text):
    (tmp_path / text.get("path", "other")).write_text("x")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"needs {package}.*cptlaw\[lab\]"):
        read(tmp_path, **text)
