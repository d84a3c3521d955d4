"""Ways in which logs get damaged."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from random import Random
from typing import TypeAlias

Mutation: TypeAlias = Callable[[Random, bytes], bytes]

_LARGEST = 1 << 26  # bytes; long words put in everywhere, twice, would make gigabytes
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_NUMBERS = (
    b"nan",
    b"NaN",
    b"inf",
    b"-inf",
    b"-Infinity",
    b"1e400",
    b"-1e400",
    b"0",
    b"-0",
    b"-3.5",
)
_NUMBERS += (b"9" * 400, b"1e-400", b"12345678901234567890", b"1_000", b"1,000", b"0x10", b"null")
_NUMBERS += (b'"2.5"', b"true", b"{}", b"[1]", b"1.5", b"", b"4294967296", b"9223372036854775808")


def cut(rng: Random, data: bytes) -> bytes:
    """The file ends early."""
    return data[: rng.randrange(len(data) + 1)]


def flip(rng: Random, data: bytes) -> bytes:
    """Some bits are others."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 30)) if out else 0):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def splice(rng: Random, data: bytes) -> bytes:
    """A stretch is lost, doubled, or overwritten with noise."""
    if not data:
        return data
    at = rng.randrange(len(data))
    to = min(len(data), at + rng.randrange(1, 200))
    noise = rng.randbytes(rng.randrange(1, 40))
    return data[:at] + rng.choice((b"", data[at:to] * 2, noise)) + data[to:]


def lines(rng: Random, data: bytes) -> bytes:
    """Lines are shuffled, doubled, dropped or joined."""
    each = data.splitlines(keepends=True)
    if not each:
        return data
    at = rng.randrange(len(each))
    match rng.randrange(6):
        case 0:
            rng.shuffle(each)
        case 1:
            each[at:at] = each[at : at + rng.randrange(1, 5)] * rng.choice((1, 2, 50))
        case 2:
            del each[at : at + rng.randrange(1, 5)]
        case 3:
            each[at] = each[at].rstrip(b"\r\n")
        case 4:
            each[at] = rng.choice(
                (b"\n", b"\r", b"# note\n", b"Traceback (most recent call last):\n")
            )
        case _:
            each = each + each
    return b"".join(each)


def numbers(rng: Random, data: bytes) -> bytes:
    """Some numbers are others, or none."""
    found = list(_NUMBER.finditer(data))
    for match in sorted(
        rng.sample(found, min(len(found), rng.choice((1, 1, 3, 20)))), key=lambda m: -m.start()
    ):
        data = data[: match.start()] + rng.choice(_NUMBERS) + data[match.end() :]
    return data


def encodings(rng: Random, data: bytes) -> bytes:
    """The text is of another encoding, or has another's mark or line ends."""
    text = data.decode("latin-1")
    ends = rng.choice(("\n", "\r\n", "\r", "\n\n", "\u2028"))
    kind = rng.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1"))
    return text.replace("\n", ends).encode(kind, "replace")


def zeros(rng: Random, data: bytes) -> bytes:
    """Zero bytes, as a disk that was full leaves them."""
    at = rng.randrange(len(data) + 1)
    count = rng.choice((1, 8, 4096))
    return data[:at] + bytes(count) + rng.choice((b"", data[at:], data[at + count :]))


def lengths(rng: Random, data: bytes) -> bytes:
    """What may be a length is another, often a huge one."""
    if not data:
        return data
    at = rng.randrange(len(data))
    said = rng.choice(
        (b"\xff" * 8, b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\x0f", b"\0" * 4, b"\x80" * 10)
    )
    said = rng.choice((said, rng.randbytes(4), (1 << rng.randrange(40)).to_bytes(8, "little")))
    return data[:at] + said + data[at + len(said) :]


def nesting(rng: Random, data: bytes) -> bytes:
    """Brackets, quotes or separators without end."""
    at = rng.randrange(len(data) + 1)
    part = rng.choice(
        (b"[", b"{", b'{"a":', b"(", b'"', b"'", b",", b"\t", b"{'loss': ", b"\x1b[", b"|")
    )
    return data[:at] + part * rng.choice((1, 3, 5_000, 100_000)) + data[at:]


def keys(rng: Random, data: bytes) -> bytes:
    """A word is another's twin, or a very long one."""
    words = list(re.finditer(rb"[A-Za-z_/]{2,}", data))
    if not words:
        return data
    one, other = rng.choice(words), rng.choice(words)
    new = rng.choice(
        (other.group(), other.group(), b"", b"x" * 100_000, b"\xff\xfe", b"step", b"loss")
    )
    return (
        data.replace(one.group(), new)
        if rng.random() < 0.5
        else data[: one.start()] + new + data[one.end() :]
    )


def long(rng: Random, data: bytes) -> bytes:
    """The log again and again, or one of its lines without its end."""
    if rng.random() < 0.8:
        return data * rng.choice((2, 10))
    return data.replace(b"\n", b" ") * rng.choice((1, min(500, (1 << 24) // (len(data) + 1))))


def packed(rng: Random, data: bytes) -> bytes:
    """The log packed, perhaps damaged then; seldom a bomb."""
    if rng.random() < 0.02:
        return gzip.compress(data[:100] + bytes([rng.choice(b"0 \n,x")]) * (1 << 26), 1)
    return rng.choice((flip, cut, lambda _, d: d))(rng, gzip.compress(data))


MUTATIONS: tuple[Mutation, ...] = (
    cut,
    cut,
    flip,
    splice,
    lines,
    numbers,
    encodings,
    zeros,
    lengths,
    nesting,
    keys,
    long,
    packed,
)


def mutated(rng: Random, data: bytes) -> tuple[str, bytes]:
    """A damaged log, and what was done to it: one thing, or two."""
    done: list[str] = []
    for _ in range(rng.choice((1, 1, 2))):
        mutation = rng.choice(MUTATIONS)
        done.append(mutation.__name__)
        data = mutation(rng, data)[:_LARGEST]
    return " + ".join(done), data
