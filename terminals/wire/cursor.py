"""Reading many lines side by side: a position in each of them, moved on by the same step for all.

A line that does not have what a step expects is out (`good` is False) and stays out; the others do not notice. Nobody looks
at what else the steps found in it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from terminals.wire.columns import Octets

MARGIN: Final = 512
"""Octets behind the last line that a position may run into: more than all steps of a form together move it."""

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_HEX: Final = np.full(256, 255, np.uint8)
_HEX[np.frombuffer(b"0123456789ABCDEF", np.uint8)] = np.arange(16)
_ZERO: Final = ord("0")
_SHORT, _LONG = 16, 19
"""Digits of a card number."""


class Cursor:
    """Positions in `octets`, one a line."""

    def __init__(self, octets: Octets, starts: Numbers) -> None:
        """Stand at the starts of lines; MARGIN octets must follow the last line."""
        self._octets = octets
        self.at = starts
        self.good: Flags = np.ones(len(starts), np.bool_)

    def expect(self, text: bytes) -> None:
        """Step over this very text."""
        self.demand(self.sees(text))
        self.at = self.at + len(text)

    def sees(self, text: bytes) -> Flags:
        """Which lines go on with this text; nothing moves."""
        return np.equal(self.texts(len(text)), text)

    def skip(self, text: bytes) -> Flags:
        """Step over this text where it stands; tells where it did."""
        found = self.sees(text)
        self.at = self.at + len(text) * found
        return found

    def sign(self) -> Flags:
        """Step over a plus or a minus; tells where it was a minus."""
        minus = self.sees(b"-")
        self.demand(minus | self.sees(b"+"))
        self.at = self.at + 1
        return minus

    def texts(self, width: int) -> NDArray[np.bytes_]:
        """So many octets of each line as one text; nothing moves."""
        overlapping = np.ndarray((len(self._octets) - width + 1,), f"S{width}", self._octets, strides=(1,))
        found: NDArray[np.bytes_] = overlapping[self.at]
        return found

    def take(self, width: int) -> Octets:
        """Step over so many octets of each line."""
        found: Octets = sliding_window_view(self._octets, width)[self.at]
        self.at = self.at + width
        return found

    def until(self, mark: bytes, which: Flags, most: int) -> Numbers:
        """Step these lines on to where the mark stands, at most so many octets away; tells how many they were."""
        length, moved = np.zeros(len(self.at), np.int64), np.flatnonzero(which)
        ahead = sliding_window_view(self._octets, most + 1)[self.at[moved]] == ord(mark)
        length[moved] = ahead.argmax(axis=1)
        self.at = self.at + length
        return length

    def card_number(self) -> NDArray[np.bytes_]:
        """16 or 19 digits."""
        texts = self.texts(_LONG)
        digits = texts.view(np.uint8).reshape(-1, _LONG) - _ZERO < 10
        long = _all(digits)
        self.demand(_all(digits[:, :_SHORT]))
        self.at = self.at + np.where(long, _LONG, _SHORT)
        return np.where(long, texts, texts.astype(f"S{_SHORT}"))

    def number(self, digits: int, low: int, high: int) -> Numbers:
        """A decimal number as JSON writes it, of at most so many digits, within its bounds."""
        start, value = self.at, np.zeros(len(self.at), np.int64)
        for _ in range(digits):
            digit = self._octets[self.at] - _ZERO  # anything before "0" wraps around to beyond 9
            more = digit < 10
            if not more.any():
                break
            value = np.where(more, value * 10 + digit, value)
            self.at = self.at + more
        self.demand((self.at > start) & ((self._octets[start] != _ZERO) | (self.at == start + 1)))
        return self.within(value, low, high)

    def digits(self, width: int, low: int, high: int) -> Numbers:
        """A decimal number of exactly so many digits, within its bounds."""
        digits = self.take(width) - _ZERO
        self.demand(_all(digits < 10))
        return self.within(_weighed(digits, 10), low, high)

    def hexadecimal(self, width: int) -> Numbers:
        """Exactly so many upper-case hex digits, at most 15, as a number."""
        nibbles = _HEX[self.take(width)]
        self.demand(_all(nibbles < 16))
        return _weighed(nibbles, 16)

    def within(self, value: Numbers, low: int, high: int) -> Numbers:
        """The value, demanded to lie between the bounds."""
        self.demand((low <= value) & (value <= high))
        return value

    def demand(self, holds: Flags) -> None:
        """Lines for which this does not hold are out."""
        self.good = self.good & holds

    def seconds(
        self, date: tuple[Numbers, Numbers, Numbers], time: tuple[Numbers, Numbers, Numbers]
    ) -> Numbers:
        """Seconds since 1970 of year, month, day and hour, minute, second on one clock; out when there is no such day."""
        year, month, day = date
        months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
        first = months.astype("M8[D]").astype(np.int64)
        following = (months + 1).astype("M8[D]").astype(np.int64)
        self.demand(first + day <= following)
        hour, minute, second = time
        return (first + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second


def _all(each: NDArray[np.bool_]) -> Flags:
    found: Flags = np.logical_and.reduce(each, axis=1)
    return found


def _weighed(digits: Octets, base: int) -> Numbers:
    powers = base ** np.arange(digits.shape[1] - 1, -1, -1, dtype=np.int64)
    value: Numbers = digits.astype(np.int64) @ powers
    return value
