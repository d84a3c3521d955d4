"""Fill the tables that pages take from accuracy.md and coverage.md: `make docs`.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; TABLES says what is in it. So a
figure that was measured anew is new everywhere.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent
DEFAULT = "effective"
LAWS = (DEFAULT, "paper", "multi-power", "functional", "relaxing")
COMPARED = {
    "100M: other schedules (nats)": "multipower-three",
    "124M: twice the peak": "peak-up",
    "124M: half the peak": "peak-down",
    "124M: up to eight times the length": "horizon-124m",
    "190M, 370M: other lengths": "olmo-lengths",
    "190M, 370M: each size from the other, web text": "olmo-size, c4_en",
    "0.15M, mild shift: other schedules": "grid-schedule",
    "0.15M: a start never fitted": "grid-start",
    "20M, strong shift: other schedules": "20m-near",
    "20M: a start never fitted": "20m-start",
    "20M: twice the peak": "20m-peak-up",
    "20M: three times the length": "20m-longer",
    "20M: another replay share": "20m-replay",
    "20M: replay where none was fitted": "20m-replay-new",
    "3.4B: another peak": "delphi-peak",
    "3.4B: another replay share": "delphi-replay",
}
FAR = {
    "three times the length under a strong shift": "20m-longer",
    "twice the peak under a strong shift": "20m-peak-up",
    "replay where none was fitted, strong shift": "20m-replay-new",
    "a start never fitted, 1M": "1m-start",
    "the same with two starts fitted": "1m-two-starts",
    "a start never fitted, 20M": "20m-start",
    "a decaying LR from constant runs alone, 20M": "no-drop-20m",
    "the rest of a run on a far domain": "beginning-20m-far",
    "another size, 0.15M and below": "grid-size",
    "another size, 50M to 2B": "gemstones-size",
    "190M from 370M and back, web text": "olmo-size, c4_en",
    "the same on code": "olmo-size, dolma_stack",
}
NO_DROP = {
    "100M (nats)": "no-drop-multipower",
    "124M": "no-drop-124m",
    "190M, 370M, text": "no-drop-olmo",
    "0.15M": "no-drop-grid",
    "0.8M": "no-drop-tiny",
    "1M": "no-drop-1m",
    "20M": "no-drop-20m",
    "50M to 2B": "no-drop-gemstones",
}
FINAL = ("unseen schedule", "unseen peak", "unseen start", "longer horizon", "replay never fitted")

Rows = Mapping[str, Mapping[str, str]]


def rows(page: str, heading: str) -> Rows:
    """The first table below a heading of a page: row -> column -> cell, as plain text."""
    text = (FOLDER / page).read_text(encoding="utf-8")
    below = text[text.index(f"\n{heading}\n") :]
    lines = re.search(r"(?:^\|.*\n)+", below, flags=re.MULTILINE)
    assert lines is not None, heading
    head, _, *body = (_cells(line) for line in lines[0].splitlines())
    return {cells[0]: dict(zip(head[1:], cells[1:], strict=True)) for cells in body}


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("**", "") for cell in line.strip().strip("|").split("|")]


def errors() -> Rows:
    """Held-out errors: protocol and domain -> law -> error."""
    return rows("accuracy.md", "## Error on what was not fitted")


def found(table: Rows, protocol: str, law: str) -> str:
    """A law's error on both domains of a protocol, such as "1.37 / .51"; on the one that it has."""
    own = re.compile(rf"{re.escape(protocol)}(, (pt|cpt|\d+ sets))? \((%|nats)\)")
    cells = [row[law] for name, row in table.items() if own.fullmatch(name)]
    if not cells:
        raise KeyError(f"accuracy.md has no row of {protocol}")
    return " / ".join(cells)


def table(head: Sequence[str], body: Sequence[Sequence[str]], words: int = 1) -> str:
    """A Markdown table whose first columns are words."""
    lines = [head, ["---"] * words + ["---:"] * (len(head) - words), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def compared() -> str:
    """Errors of the laws that `auto` weighs, on what each kind of question is like."""
    return _of_laws("forecast of", COMPARED)


def no_drop() -> str:
    """Errors of the same where no LR falls in what is fitted, and it falls in what is asked for."""
    return _of_laws("fitted: constant runs alone", NO_DROP)


def _of_laws(what: str, protocols: Mapping[str, str]) -> str:
    known = errors()
    body = [[words, *(found(known, p, law) for law in LAWS)] for words, p in protocols.items()]
    return table([what, *LAWS], body)


def far() -> str:
    """Where the default law was furthest off, and how often its intervals held."""
    known, held = errors(), rows("coverage.md", f"### {DEFAULT}: by protocol")
    body = [
        [what, f"`{name}`", found(known, name, DEFAULT), _share(held[name.partition(",")[0]])]
        for what, name in FAR.items()
    ]
    head = ["asked for", "protocol", "error, %: D_pt / D_cpt", "90 % intervals held"]
    return table(head, body, words=2)


def _share(row: Mapping[str, str]) -> str:
    return f"{row['90 %'].split()[0]} %"


def final() -> str:
    """How often 90 % intervals held all losses of a run, and its last one."""
    every = rows("coverage.md", f"### {DEFAULT}: all held-out losses")
    last = rows("coverage.md", f"### {DEFAULT}: final losses")
    body = [[name, last[name]["runs"], _share(every[name]), _share(last[name])] for name in FINAL]
    return table(["forecast of an", "runs", "all losses", "final loss"], body)


TABLES: Mapping[str, Callable[[], str]] = {
    "compared": compared,
    "no_drop": no_drop,
    "far": far,
    "final": final,
}
_PLACE = re.compile(r"(<!-- table: (\w+) -->\n)(?:.*?)(\n<!-- end -->)", flags=re.DOTALL)


def filled(text: str) -> str:
    """A page with its tables as they are to be."""
    return _PLACE.sub(lambda m: f"{m[1]}\n{TABLES[m[2]]()}\n{m[3]}", text)


if __name__ == "__main__":
    for page in FOLDER.rglob("*.md"):
        told = page.read_text(encoding="utf-8")
        if _PLACE.search(told):
            page.write_text(filled(told), encoding="utf-8")
