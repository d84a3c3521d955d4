"""Decimal numbers in text, many at once, each to the last bit the one that float() gives.

Eight digits are eight bytes of one 64-bit word, and three multiplications put them together. The
digits of a number, up to 19 of them, are a whole number w, and the number is w times a power of
ten. Both are exact in a double where w is below 2**53 and the power at most 10**22, and in the 80
bits of a long double up to 2**64 and 10**27: then one rounding is all there is, as in float().
What does not fit is left to float().

Source: W. Clinger, How to read floating point numbers accurately, PLDI 1990; the words of eight
digits as in D. Lemire, Number parsing at a gigabyte per second, arXiv:2101.11408, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cptlaw.arrays import BoolArray, FloatArray

PAD = 24
"""Bytes before the first number: its digits are taken eight at a time, from the last on."""

Places: TypeAlias = NDArray[np.int64]
_Words: TypeAlias = NDArray[np.uint64]
_AT_ONCE = 1 << 13  # numbers whose words fit the processor's cache
_WORDS = 3  # of eight digits: more are left to float()
_MINUS, _SPACE, _ZEROS = ord("-"), ord(" "), np.uint64(0x3030303030303030)
_WIDE = np.finfo(np.longdouble).nmant == 63
_MOST_WIDE, _MOST = (27, 22) if _WIDE else (22, 22)
_WIDE_TENS = np.cumprod(np.r_[[np.longdouble(1)], np.full(_MOST_WIDE, np.longdouble(10))])
_TENS = _WIDE_TENS[: _MOST + 1].astype(np.float64)
_WHOLE_TENS = 10 ** np.arange(20, dtype=np.uint64)


@dataclass(frozen=True)
class Spans:
    """Where numbers stand in a text, n of them.

    Args:
        starts, ends: of each, shape (n,); none is empty.
        dots: of its decimal point, shape (n,); where its digits end, if it has none.
        powers: of the e before its power of ten, shape (n,); its end, if it has none.
        simple: whether it may be decimal, shape (n,); others are not looked at.
    """

    starts: Places
    ends: Places
    dots: Places
    powers: Places
    simple: BoolArray

    def only(self, some: slice | BoolArray) -> Spans:
        """Some of them."""
        starts, ends, dots, powers = self.starts, self.ends, self.dots, self.powers
        return Spans(starts[some], ends[some], dots[some], powers[some], self.simple[some])


def decimals(text: bytes, spans: Spans) -> FloatArray:
    """The numbers, shape (n,).

    Args:
        text: with `PAD` bytes before the first number.
        spans: where they stand.

    Raises:
        ValueError: one of them is none.
    """
    octets = np.frombuffer(text, dtype=np.uint8)
    words: _Words = np.ndarray(octets.size - 7, dtype="<u8", buffer=text, strides=(1,))
    values = np.empty(spans.starts.size)
    for low in range(0, values.size, _AT_ONCE):
        some = slice(low, low + _AT_ONCE)
        values[some] = _numbers(text, octets, words, spans.only(some))
    return values


def _numbers(text: bytes, octets: NDArray[np.uint8], words: _Words, at: Spans) -> FloatArray:
    first = octets[at.starts]
    starts = at.starts
    if (first == _SPACE).any():
        starts = starts + (first == _SPACE)
        first = octets[np.minimum(starts, at.ends - 1)]
    negative = first == _MINUS
    starts = starts + negative
    whole, fraction = at.dots - starts, at.powers - at.dots - 1
    fraction = np.maximum(fraction, 0)
    fine = at.simple & (whole >= 0) & (whole + fraction > 0)
    size, digits = _digits(words, at.dots, whole)
    behind, more = _digits(words, at.powers, fraction)
    # Zeros in front of the digits cost nothing, but a digit in front moves them all.
    fine &= digits & more & ((whole + fraction < 20) | (size == 0))
    size = size * _WHOLE_TENS[np.minimum(fraction, 19)] + behind
    power, said = _powers(octets, words, at)
    values, exact = _scaled(size, power - fraction)
    values = np.where(negative, -values, values)
    for i in np.flatnonzero(~(fine & said & exact)).tolist():
        values[i] = float(text[at.starts[i] : at.ends[i]])
    return values


def _digits(words: _Words, ends: Places, lengths: Places) -> tuple[_Words, BoolArray]:
    """The whole numbers that end somewhere, and whether all their bytes are digits."""
    value = np.zeros(ends.size, dtype=np.uint64)
    longest = int(lengths.max(initial=0))
    fine = lengths <= 8 * _WORDS
    for i in range(min(_WORDS, -(-longest // 8))):
        word = words[np.maximum(ends - 8 * (i + 1), 0)] ^ _ZEROS
        # The earlier of the eight bytes, which are the lower ones, belong to what stands before.
        drop = np.minimum(np.maximum(64 * (i + 1) - 8 * lengths, 0), 64).astype(np.uint64)
        word = word >> drop << drop
        high = (word + np.uint64(0x7676767676767676)) | word
        fine &= (high & np.uint64(0x8080808080808080)) == 0
        word = word * np.uint64(2561) >> np.uint64(8)
        word = (word & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601) >> np.uint64(16)
        word = (word & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001) >> np.uint64(32)
        if i == 2:
            fine &= word < 1000  # 19 digits at most
        value += word * _WHOLE_TENS[8 * i] if i else word
    return value, fine


def _powers(octets: NDArray[np.uint8], words: _Words, at: Spans) -> tuple[Places, BoolArray]:
    """The powers of ten that stand behind an e, and whether they can be used; 0 where none is."""
    power = np.zeros(at.ends.size, dtype=np.int64)
    fine = np.ones(at.ends.size, dtype=bool)
    rows = np.flatnonzero(at.powers < at.ends)
    if rows.size:
        starts, ends = at.powers[rows] + 1, at.ends[rows]
        sign = octets[np.minimum(starts, ends - 1)]
        signed = (sign == _MINUS) | (sign == ord("+"))
        lengths = ends - starts - signed
        found, digits = _digits(words, ends, np.clip(lengths, 0, 8))
        power[rows] = np.where(sign == _MINUS, -1, 1) * found.astype(np.int64)
        fine[rows] = digits & (lengths > 0) & (lengths <= 8)
    return power, fine


def _scaled(size: _Words, power: Places) -> tuple[FloatArray, BoolArray]:
    """Whole numbers times powers of ten, and whether each is the double next to it."""
    exact = (size <= np.uint64(1 << 53)) & (np.abs(power) <= _MOST)
    near: Any = np.clip(power, -_MOST, _MOST)
    values = size.astype(np.float64)
    values = np.where(near < 0, values / _TENS[np.abs(near)], values * _TENS[np.abs(near)])
    rows = np.flatnonzero(~exact & (np.abs(power) <= _MOST_WIDE)) if _WIDE else np.empty(0, int)
    if rows.size:
        values[rows], exact[rows] = _scaled_wide(size[rows], power[rows])
    return values, exact


def _scaled_wide(size: _Words, power: Places) -> tuple[FloatArray, BoolArray]:
    wide, tens = size.astype(np.longdouble), _WIDE_TENS[np.abs(power)]
    wide = np.where(power < 0, wide / tens, wide * tens)
    # Rounded twice: wrong only where the first rounding ends half way between two doubles.
    lowest = np.ascontiguousarray(wide).view(np.uint64)[::2] & np.uint64(0x7FF)
    return wide.astype(np.float64), lowest != 0x400
