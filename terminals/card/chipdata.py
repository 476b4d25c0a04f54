"""What a chip tells about its own making: life-cycle state and keys present (GET DATA, ISO/IEC 7816-4).

A personalisation broken off in the middle asks for these to find out what stands already. Card operating systems answer
such questions each in its own way; ours uses the tags 0100 and 0101, which ISO/IEC 7816-4 leaves to the maker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from terminals.card.apdu import Command
from terminals.card.errors import FormatError

KEY_INFORMATION: Final = 0x0100
LIFE_CYCLE: Final = 0x0101
CHECK_VALUE_BYTES: Final = 3
_ENTRY_BYTES: Final = 3 + CHECK_VALUE_BYTES


class LifeCycle(IntEnum):
    """Life-cycle status byte (ISO/IEC 7816-4, table 14)."""

    INITIALISATION = 0x03
    """Blank, or begun: the transport key still opens the chip."""
    DEACTIVATED = 0x04
    """Blocked for a time."""
    ACTIVATED = 0x05
    TERMINATED = 0x0C
    """Blocked for good."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One key present: type1 | index1 | version1 | KCV3. The check value identifies a key and reveals nothing usable."""

    kind: int
    version: int
    check_value: bytes
    index: int = 1

    def to_bytes(self) -> bytes:
        """The entry as the chip answers it."""
        return bytes([self.kind, self.index, self.version]) + self.check_value

    @classmethod
    def parse(cls, entry: bytes) -> Self:
        """Inverse of `to_bytes`."""
        if len(entry) != _ENTRY_BYTES:
            raise FormatError("key information is cut off")
        return cls(entry[0], entry[2], entry[3:], entry[1])


def get_data(tag: int) -> Command:
    """GET DATA of one data object."""
    return Command(0x00, 0xCA, tag >> 8, tag & 0xFF, le=0)


def key_information(entries: Iterable[KeyEntry]) -> bytes:
    """The data object of key information."""
    return b"".join(entry.to_bytes() for entry in entries)


def parse_key_information(answer: bytes) -> list[KeyEntry]:
    """Inverse of `key_information`; FormatError when an entry is cut off."""
    return [KeyEntry.parse(answer[at : at + _ENTRY_BYTES]) for at in range(0, len(answer), _ENTRY_BYTES)]


def parse_life_cycle(answer: bytes) -> LifeCycle:
    """The state; FormatError when the byte is none of the known ones."""
    try:
        return LifeCycle(int.from_bytes(answer))
    except ValueError as error:
        raise FormatError("unknown life-cycle state of the chip") from error
