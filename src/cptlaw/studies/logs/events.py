"""One TensorBoard event file -> the scalars in it.

An event is a protobuf message: wall_time = 1, step = 2, summary = 5 with a `Value` in each of its
fields 1: tag = 1, simple_value = 2, tensor = 8, metadata = 9.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.studies.logs import protobuf, tfrecords
from cptlaw.studies.logs.protobuf import BYTES, FIXED32, VARINT, Field, Malformed

# What a tensor of one number may be: dtype -> how its bytes read, the field that may hold it.
_TENSORS = {1: ("<f", 5), 2: ("<d", 6), 3: ("<i", 7), 9: ("<q", 10)}
_HALF, _TEXT, _BFLOAT16 = 19, 7, 14
_FLOAT32 = 4
_LONGEST_TEXT = 1_000_000
_SHORT = 1024  # bytes of a record that may have held scalars


@dataclass(frozen=True)
class Events:
    """The scalars of one event file.

    Args:
        tags: of each value, shape (n,), in the order of the file.
        steps: shape (n,).
        values: shape (n,).
        records: which record each is in, shape (n,), from 0.
        began: the time of the first event, in seconds; 0 if it has none.
        ended: the time of the last.
        texts: by tag: what was logged as text.
        notes: what could not be read, each a sentence.
    """

    tags: list[str]
    steps: IntArray
    values: FloatArray
    records: IntArray
    began: float
    ended: float
    texts: dict[str, str]
    notes: tuple[str, ...]


@dataclass
class _Found:
    """What has been read so far; values that end their record wait to be read all at once."""

    tags: list[str] = field(default_factory=list[str])
    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    ends: array[int] = field(default_factory=lambda: array("q"))  # 0: the value is there already
    records: array[int] = field(default_factory=lambda: array("q"))
    texts: dict[str, str] = field(default_factory=dict[str, str])
    malformed: list[int] = field(default_factory=list[int])

    def add(self, record: int, tag: str, step: int, value: float, end: int = 0) -> None:
        self.tags.append(tag)
        self.steps.append(step)
        self.values.append(value)
        self.ends.append(end)
        self.records.append(record)


def read_events(data: bytes) -> Events:
    """The scalars of an event file, up to where it is damaged.

    Args:
        data: the file's bytes.
    """
    places = tfrecords.records(data)
    found = _scan(data, places)
    notes: list[str] = []
    ends, values = np.array(found.ends, dtype=np.int64), np.array(found.values, dtype=float)
    late = np.flatnonzero(ends)
    values[late] = _floats_before(data, ends[late])
    records = np.array(found.records, dtype=np.int64)
    # What damage has made of a record may be one without scalars.
    checked = np.union1d(records, np.flatnonzero(places.sizes <= _SHORT))
    fine = tfrecords.intact(data, places, checked)
    good = fine[np.searchsorted(checked, records)]
    lost = np.union1d(checked[~fine], np.array(found.malformed, dtype=np.int64)).size
    if lost:
        notes.append(f"Records with a wrong checksum or content left out: {lost}.")
    if places.end < len(data):
        notes.append(_cut(places, len(data), int(good.sum())))
    times = _times(data, places)
    return Events(
        [tag for tag, fine in zip(found.tags, good.tolist(), strict=True) if fine],
        np.array(found.steps, dtype=np.int64)[good],
        values[good],
        records[good],
        times[0],
        times[-1],
        found.texts,
        tuple(notes),
    )


def _cut(places: tfrecords.Records, size: int, points: int) -> str:
    return (
        f"The file is cut or damaged from byte {places.end} of {size} on, as after a kill; the "
        f"{places.starts.size} records before it were read, with {points} values."
    )


def _times(data: bytes, places: tfrecords.Records) -> list[float]:
    """When the first and the last event happened."""
    ends = (places.starts + places.sizes).tolist()
    pairs = list(zip(places.starts.tolist(), ends, strict=True))
    times = [
        protobuf.float64(data, start + 1)
        for start, end in (*pairs[:1], *pairs[-1:])
        if end - start >= 9 and data[start] == 9
    ]
    return times or [0.0]


def _floats_before(data: bytes, ends: IntArray) -> FloatArray:
    octets = np.frombuffer(data, dtype=np.uint8)
    found = octets[ends[:, None] + np.arange(-_FLOAT32, 0)].view("<f4")[:, 0]
    with np.errstate(invalid="ignore"):  # signalling NaNs are NaNs
        return found.astype(float)


# --- records -----------------------------------------------------------------------------------


def _scan(data: bytes, places: tfrecords.Records) -> _Found:
    """Read every record.

    Records of one series differ in time, step and value alone. So what stands between step and
    value is looked up, and a record is taken apart field by field only the first time.
    """
    found, known = _Found(), dict[bytes, str]()
    sizes = places.sizes.tolist()
    for record, start in enumerate(places.starts.tolist()):
        end = start + sizes[record]
        at, step = start + 9, 0
        try:
            if data[start] == 0x09 and data[at] == 0x10:
                step = data[at + 1]
                at += 2
                if step >= 0x80:
                    step, at = protobuf.varint(data, at - 1)
                    step = protobuf.signed(step)
            body = data[at : end - _FLOAT32]
            tag = known.get(body)
            if tag is not None and data[start] == 0x09:
                found.add(record, tag, step, 0.0, end)
                continue
            _one_by_one(data, start, end, record, found, known if at < end else {}, body)
        except (Malformed, IndexError, struct.error):
            if end > start:
                found.malformed.append(record)
    return found


def _one_by_one(
    data: bytes,
    start: int,
    end: int,
    record: int,
    found: _Found,
    known: dict[bytes, str],
    body: bytes,
) -> None:
    """Take one event apart, and remember its layout if it ends in its only value."""
    step, values = 0, list[tuple[str, float, int]]()
    for each in protobuf.fields(data, start, end):
        if each.number == 2 and each.kind == VARINT:
            step = protobuf.signed(each.start)
        elif each.number == 5 and each.kind == BYTES:
            values += _summary(data, each, found.texts)
    for tag, value, _ in values:
        found.add(record, tag, step, value)
    if len(values) == 1 and values[0][2] == end and data[start] == 0x09:
        known[body] = values[0][0]


def _summary(
    data: bytes, summary: Field, texts: dict[str, str]
) -> Iterator[tuple[str, float, int]]:
    """Tag, value, and where a 32-bit value ends (0 for others), of each scalar."""
    for value in protobuf.fields(data, summary.start, summary.end):
        if value.number != 1 or value.kind != BYTES:
            continue
        tag, number, end = "", None, 0
        for each in protobuf.fields(data, value.start, value.end):
            if each.number == 1 and each.kind == BYTES:
                tag = protobuf.text(data, each)
            elif each.number == 2 and each.kind == FIXED32:
                number, end = protobuf.float32(data, each.start), each.end
            elif each.number == 8 and each.kind == BYTES:
                said, end = _tensor(data, each)
                if isinstance(said, str):
                    texts.setdefault(tag, said)
                else:
                    number = said
        if number is not None and tag:
            yield tag, number, end


# --- tensors -----------------------------------------------------------------------------------


def _tensor(data: bytes, tensor: Field) -> tuple[float | str | None, int]:
    """What a tensor of one element holds, and where a 32-bit number in it ends (else 0)."""
    kind, held, size = 0, dict[int, list[Field]](), 1
    for each in protobuf.fields(data, tensor.start, tensor.end):
        if each.number == 1 and each.kind == VARINT:
            kind = each.start
        elif each.number == 2 and each.kind == BYTES:
            size = _size(data, each)
        else:
            held.setdefault(each.number, []).append(each)
    if kind == _TEXT:
        return _only_text(data, held.get(8, [])), 0
    if size != 1:
        return None, 0
    content = held.get(4, [])
    if content and content[-1].kind == BYTES:
        return _from_content(data, kind, content[-1])
    if kind in (_HALF, _BFLOAT16):
        return _from_bits(kind, _integer(data, held.get(13, []))), 0
    if kind not in _TENSORS:
        return None, 0
    form, number = _TENSORS[kind]
    found = held.get(number, [])
    return _from_field(data, form, found[-1]) if found else (0.0, 0)  # zero is left unsaid


def _size(data: bytes, shape: Field) -> int:
    """How many elements a tensor of this shape has."""
    size = 1
    for dim in protobuf.fields(data, shape.start, shape.end):
        if dim.number == 2 and dim.kind == BYTES:
            length = [f.start for f in protobuf.fields(data, dim.start, dim.end) if f.number == 1]
            size *= length[-1] if length else 0
    return size


def _from_content(data: bytes, kind: int, content: Field) -> tuple[float | None, int]:
    raw = data[content.start : content.end]
    if kind in (_HALF, _BFLOAT16) and len(raw) == 2:
        return _from_bits(kind, int.from_bytes(raw, "little")), 0
    if kind not in _TENSORS or struct.calcsize(_TENSORS[kind][0]) != len(raw):
        return None, 0
    return float(struct.unpack(_TENSORS[kind][0], raw)[0]), content.end if kind == 1 else 0


def _from_field(data: bytes, form: str, each: Field) -> tuple[float | None, int]:
    """A number from its field, which may be a packed list of one."""
    if each.kind == VARINT:
        return float(protobuf.signed(each.start)), 0
    if form in ("<i", "<q"):
        packed = _integer(data, [each])
        return None if packed is None else float(protobuf.signed(packed)), 0
    if each.end - each.start != struct.calcsize(form):
        return None, 0
    value = float(struct.unpack_from(form, data, each.start)[0])
    return value, each.end if form == "<f" else 0


def _integer(data: bytes, held: list[Field]) -> int | None:
    """A varint from its field, alone or packed."""
    if not held:
        return 0
    if held[-1].kind == VARINT:
        return held[-1].start
    value, end = protobuf.varint(data, held[-1].start)
    return value if end == held[-1].end else None


def _from_bits(kind: int, bits: int | None) -> float | None:
    if bits is None or bits >> 16:
        return None
    if kind == _BFLOAT16:
        return float(struct.unpack("<f", (bits << 16).to_bytes(4, "little"))[0])
    return float(struct.unpack("<e", bits.to_bytes(2, "little"))[0])


def _only_text(data: bytes, held: list[Field]) -> str | None:
    if len(held) != 1 or held[0].kind != BYTES or held[0].end - held[0].start > _LONGEST_TEXT:
        return None
    return protobuf.text(data, held[0])
