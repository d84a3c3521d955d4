"""A document: what every source of text is made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """One piece of text that stands alone.

    Args:
        name: where it comes from, such as "notes/a.txt", "rows.jsonl:17" or "builtin:json.decoder".
        text: its characters.
    """

    name: str
    text: str


def shuffled_key(name: str) -> bytes:
    """A sort key that puts names in a fixed pseudo-random order, so that the first are a sample.

    Args:
        name: the name to place; where it stands depends on no other name.
    """
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
