"""Ways in which what people write is wrong: other values, other words, other types."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

Mutation: TypeAlias = Callable[[Random, bytes], bytes]

ODD: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 0.0, 1, 2, 1e-320, 1e308, 20_000_001, 10**30, 10**308, 10**400),
    *("x", "", "nan", " ", "\x1b[2J", "a\n[[run]]\nname='b'", "../../x", "\u202e\u2028"),
    *([], [1.0], [[]], ["x", 1], {}, {"a": 1}, float("nan"), float("inf"), 0.5, 1e-4, 1e6),
    *("x" * 5000, "step", "loss", "pt", "base", "base@10"),
)
_WORDS = (
    *("nan", "inf", "-inf", "1e400", "-1", "0", "1e-5", "1e9", "1e25", "9" * 300, "3.7"),
    *("|", "||", "=", "to", "from=0", "until=5", "power=0", "first=9", "ratio=2", "timescale=0"),
    *("constant", "cosine", "warmup", "transformers:cosine", "torch:x", ":", "\x00", "\u00b5", "+"),
    *("@", "1_0", "0x10", "1,000", "\u221e", "'", '"'),
)


_NUMBER = re.compile(rb"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_QUOTED = re.compile(rb'"[^"\n]*"')


def nudged(rng: Random, data: bytes) -> bytes:
    """Some numbers are others that might be meant, some words of quotes those of other quotes."""
    found = list(_NUMBER.finditer(data))
    for match in sorted(rng.sample(found, min(len(found), rng.choice((1, 1, 2)))), key=_behind):
        factor = rng.choice((-1.0, 0.0, 0.1, 0.5, 1.01, 2.0, 10.0, 1e3, 1e-6, 1e7))
        value = float(match.group()) * factor
        whole = match.group().isdigit() and abs(value) < 1e15
        new = str(round(value)) if whole else f"{value:.6g}"
        if rng.random() < 0.2:
            new = rng.choice(found).group().decode()
        data = data[: match.start()] + new.encode() + data[match.end() :]
    quoted = list(_QUOTED.finditer(data))
    if quoted and rng.random() < 0.3:
        at = rng.choice(quoted)
        data = data[: at.start()] + rng.choice(quoted).group() + data[at.end() :]
    return data


def _behind(match: re.Match[bytes]) -> int:
    return -match.start()


def words(rng: Random, data: bytes) -> bytes:
    """Words of a text are others, gone, doubled or joined."""
    text = re.split(r"(\s+)", data.decode("utf-8", "replace"))
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(text))
        other = rng.choice((rng.choice(_WORDS), rng.choice(text)))
        match rng.randrange(5):
            case 0:
                text[at] = other
            case 1:
                text[at] = ""
            case 2:
                text[at:at] = [" ", other, " "]
            case 3:
                text[at] = text[at] + other
            case _:
                key, _, _ = text[at].partition("=")
                text[at] = f"{key}={other}"
    return "".join(text).encode("utf-8", "replace")


def toml_values(rng: Random, data: bytes) -> bytes:
    """Values of a TOML file are others, keys other keys, tables other tables."""
    lines = data.decode("utf-8", "replace").split("\n")
    told = [i for i, line in enumerate(lines) if "=" in line or line.startswith("[")]
    for _ in range(rng.choice((1, 1, 1, 2, 4)) if told else 0):
        at = rng.choice(told)
        key, mark, value = lines[at].partition("=")
        other = lines[rng.choice(told)]
        match rng.randrange(6):
            case 0 | 1 | 2 if mark:
                lines[at] = f"{key}= {_toml(rng.choice(ODD))}"
            case 3 if mark:
                lines[at] = f"{other.partition('=')[0].strip('[] ') or 'x'} ={value}"
            case 4:
                lines[at] = ""
            case _:
                lines[at] = f"{lines[at]}\n{other}"
    return "\n".join(lines).encode("utf-8", "replace")


def _toml(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return "{ a = 1 }" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")


def json_values(rng: Random, data: bytes) -> bytes:
    """Values of a JSON document are others, or those of another place; keys are gone or doubled."""
    document = json.loads(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        ways = _places(document)
        if not ways:
            break
        holder, key = rng.choice(ways)
        other, place = rng.choice(ways)
        match rng.randrange(6):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(rng.choice(ODD))
            case 3:
                holder[key] = json.loads(json.dumps(other[place]))
            case 4:
                del holder[key]
            case _ if isinstance(holder, dict):
                holder[rng.choice(("x", "type", "items", "", str(key) + "2"))] = holder[key]
            case _:
                holder.append(holder[key])
    return json.dumps(document).encode("utf-8", "replace")


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every holder within a document, with each of its keys; of long lists a few."""
    found: list[tuple[Any, Any]] = []
    rest = [value]
    while rest:
        holder = rest.pop()
        if isinstance(holder, dict):
            keys: list[Any] = list(holder)
        elif isinstance(holder, list):
            keys = sorted(
                {*range(min(3, len(holder))), *range(max(0, len(holder) - 2), len(holder))}
            )
        else:
            continue
        found += [(holder, key) for key in keys]
        rest += [holder[key] for key in keys]
    return found


def query(rng: Random, data: bytes) -> bytes:
    """Values of a query are others, keys gone or doubled."""
    path, _, asked = data.decode().partition("?")
    pairs = [pair.partition("=") for pair in asked.split("&")]
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.randrange(len(pairs))
        key, mark, value = pairs[at]
        odd = str(rng.choice((*ODD, *_WORDS))).replace("&", "")
        match rng.randrange(4):
            case 0 | 1:
                pairs[at] = (key, "=", odd)
            case 2:
                pairs[at] = (rng.choice(pairs)[0], mark, value)
            case _:
                pairs.append((key, "=", odd))
    return f"{path}?{'&'.join(map(''.join, pairs))}".encode("utf-8", "replace")
