"""Where a card keeps what it shows: a file, the bytes in it, and how a number is written there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from terminals.card.errors import FormatError
from terminals.card.files import EF15, MASTER_FILE, PublicInfo
from terminals.card.layout import moment


@dataclass(frozen=True, slots=True)
class Source:
    """A transparent file. `directory` None is the application; `lengths` are what readers in the field ask for."""

    sfi: int
    lengths: tuple[int, ...]
    directory: int | None = None


INFO: Final = Source(EF15, (PublicInfo.length(), 28, 43, 50))
"""EF15 of the application, which most cards repeat in the answer to SELECT; some cities' is shorter or longer."""


def under_master_file(sfi: int, length: int) -> Source:
    """A file of the MF."""
    return Source(sfi, (length,), MASTER_FILE)


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes `start` to `stop` (exclusive) of a file."""

    source: Source
    start: int
    stop: int

    def take(self, content: bytes) -> bytes:
        """The bytes; FormatError when the file is shorter."""
        if len(content) < self.stop:
            raise FormatError(f"file {self.source.sfi:02X}: {len(content)} bytes, {self.stop} wanted")
        return content[self.start : self.stop]


class Coding(Enum):
    """How a card number stands in its bytes."""

    DIGITS = "packed digits, two to a byte"
    BIG_ENDIAN = "an unsigned number, high byte first"
    LITTLE_ENDIAN = "an unsigned number, low byte first"
    TEXT = "ASCII"


@dataclass(frozen=True, slots=True)
class NumberPlace(Place):
    """Where a card number stands; of packed digits the first `skip` are not shown to the holder."""

    coding: Coding = Coding.DIGITS
    skip: int = 0

    def number(self, content: bytes) -> str | None:
        """The number in a file's content, None when the bytes are empty; FormatError when they are no number."""
        data = self.take(content)
        if is_empty(data):
            return None
        match self.coding:
            case Coding.DIGITS:
                return data.hex().upper()[self.skip :]
            case Coding.BIG_ENDIAN:
                return str(int.from_bytes(data))
            case Coding.LITTLE_ENDIAN:
                return str(int.from_bytes(data, "little"))
            case Coding.TEXT:
                return _ascii(data)


def is_empty(data: bytes) -> bool:
    """All bytes 00, or all FF: never written."""
    return not data.strip(b"\x00") or not data.strip(b"\xff")


def day(data: bytes) -> str | None:
    """A packed date (YYYYMMDD, or YYMMDD of this century) as ISO; the raw digits when it is none; None when empty."""
    if is_empty(data):
        return None
    try:
        return moment(data if len(data) == 4 else b"\x20" + data).date().isoformat()
    except ValueError:
        return data.hex().upper()


def _ascii(data: bytes) -> str:
    try:
        return data.rstrip(b"\x00\xff\x20").decode("ascii")
    except UnicodeDecodeError as error:
        raise FormatError("the card number is no ASCII text") from error
