"""A hot list packed for a small machine: sorted numbers in two arrays, twelve bytes a card; and what changed between two.

A card number becomes one 64-bit number: 19 digits as they are, 16 digits plus 10^19, so that the two never meet. The moment
from which a card is not to be accepted is a 32-bit count of seconds since 1970 (UTC), good until the year 2106.

Whole list: all numbers ascending, 8 bytes each, then their moments in the same order, 4 bytes each, big-endian.
Difference: a 4-byte count, the cards added or changed as a whole list, then the numbers removed, ascending, 8 bytes each.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from terminals.wire.errors import WireError

NUMBER_BYTES: Final = 8
ENTRY_BYTES: Final = 12
COUNT_BYTES: Final = 4
_SHORT: Final = 10**19
_SHORT_DIGITS: Final = 16
_LONG_DIGITS: Final = 19


class PackedError(WireError):
    """Bytes are no packed list, or a difference does not fit the list it is applied to."""


@dataclass(frozen=True, slots=True)
class PackedCards:
    """Cards and the moments from which they are listed; look-up by binary search."""

    numbers: array[int]
    moments: array[int]

    @classmethod
    def pack(cls, cards: Mapping[str, datetime]) -> Self:
        """From card numbers (16 or 19 digits) and moments with an offset."""
        items = sorted((pack_number(card_no), int(since.timestamp())) for card_no, since in cards.items())
        return cls(array("Q", (number for number, _ in items)), array("I", (since for _, since in items)))

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read a whole list; PackedError when it is none."""
        count, rest = divmod(len(content), ENTRY_BYTES)
        if rest:
            raise PackedError(f"a list of {len(content)} bytes is not made of {ENTRY_BYTES}-byte entries")
        cut = count * NUMBER_BYTES
        cards = cls(_numbers("Q", content[:cut]), _numbers("I", content[cut:]))
        _check_order(cards.numbers)
        return cards

    def to_bytes(self) -> bytes:
        """As `from_bytes` reads it."""
        return _big_endian(self.numbers) + _big_endian(self.moments)

    def get(self, card_no: str) -> datetime | None:
        """When the card's listing takes effect; None when it is not listed."""
        number = pack_number(card_no)
        at = bisect_left(self.numbers, number)
        if at == len(self.numbers) or self.numbers[at] != number:
            return None
        return datetime.fromtimestamp(self.moments[at], UTC)

    def __len__(self) -> int:
        """How many cards."""
        return len(self.numbers)

    def items(self) -> Iterator[tuple[int, int]]:
        """Packed numbers with their moments, ascending."""
        return zip(self.numbers, self.moments, strict=True)

    def difference(self, newer: PackedCards) -> bytes:
        """What makes this list the newer one."""
        old, new = dict(self.items()), dict(newer.items())
        changed = [number for number in newer.numbers if old.get(number) != new[number]]
        added = PackedCards(array("Q", changed), array("I", [new[number] for number in changed]))
        return difference_of(added, (number for number in self.numbers if number not in new))

    def apply(self, difference: bytes) -> PackedCards:
        """The newer list; PackedError when the difference is damaged or removes what is not there."""
        end = COUNT_BYTES + ENTRY_BYTES * int.from_bytes(difference[:COUNT_BYTES])
        if len(difference) < end:
            raise PackedError("the difference is shorter than its count says")
        added = PackedCards.from_bytes(difference[COUNT_BYTES:end])
        removed = _numbers("Q", difference[end:])
        _check_order(removed)
        cards = dict(self.items())
        if not cards.keys() >= set(removed):
            raise PackedError("the difference removes a card that is not listed")
        gone = set(removed)
        kept = {number: since for number, since in cards.items() if number not in gone} | dict(added.items())
        return PackedCards(array("Q", sorted(kept)), array("I", (kept[number] for number in sorted(kept))))


def difference_of(added: PackedCards, removed: Iterable[int]) -> bytes:
    """A difference from what it adds or changes and the packed numbers it removes, ascending."""
    return len(added).to_bytes(COUNT_BYTES) + added.to_bytes() + _big_endian(array("Q", removed))


EMPTY: Final = PackedCards(array("Q"), array("I"))


def pack_number(card_no: str) -> int:
    """A card number as one 64-bit number; PackedError when it is not 16 or 19 digits."""
    if card_no.isascii() and card_no.isdigit():
        if len(card_no) == _LONG_DIGITS:
            return int(card_no)
        if len(card_no) == _SHORT_DIGITS:
            return _SHORT + int(card_no)
    raise PackedError("a card number has 16 or 19 digits")


def unpack_number(number: int) -> str:
    """The card number `pack_number` packed; PackedError beyond its range."""
    if number < _SHORT:
        return f"{number:019}"
    if number - _SHORT < 10**_SHORT_DIGITS:
        return f"{number - _SHORT:016}"
    raise PackedError("no card has this number")


def _numbers(kind: str, content: bytes) -> array[int]:
    numbers: array[int] = array(kind)
    if len(content) % numbers.itemsize:
        raise PackedError(f"{len(content)} bytes are not a row of {numbers.itemsize}-byte numbers")
    numbers.frombytes(content)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _big_endian(numbers: array[int]) -> bytes:
    ordered = array(numbers.typecode, numbers)
    if sys.byteorder == "little":
        ordered.byteswap()
    return ordered.tobytes()


def _check_order(numbers: array[int]) -> None:
    if any(numbers[at] >= numbers[at + 1] for at in range(len(numbers) - 1)):
        raise PackedError("the numbers do not ascend")
