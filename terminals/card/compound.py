"""EF1A and its private kin: the variable records that a compound purchase (CAPP) rewrites together with the purse.

Every record begins with its identifier, one byte that counts the bytes after it, and has an application lock flag
(1 = locked: a terminal must refuse). T-Union's common records have a two-byte identifier: 2701 for metro, 2702 for
bus. One-byte identifiers belong to operators, in EF1A or in SFIs of their own (07, 17 and 19 are seen in the field).
Their bodies are the operator's secret and are shown raw.

The layouts of 2701 and 2702 are known from one public source each; the order of fields in 2701 is not proven by a
dump of a real card.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Final, Self

from terminals.card.errors import FormatError
from terminals.card.layout import LOCAL_TIME, Layout, constant, digits, optional, part, raw, uint

METRO_RECORD: Final = bytes.fromhex("2701")
BUS_RECORD: Final = bytes.fromhex("2702")
BODY: Final = 0x7D
"""Bytes after the length byte of the common records, which are 128 bytes long in all."""
LOCKED: Final = 1


class MetroState(IntEnum):
    """State byte of a metro record."""

    INITIAL = 0
    IN = 1
    OUT = 2
    ENTRY_UPDATED = 3
    EXIT_UPDATED = 4


class BusState(IntEnum):
    """State byte of a bus record."""

    INITIAL = 0
    BOARDED = 1
    ALIGHTED = 2


@dataclass(frozen=True, slots=True)
class MetroPass(Layout):
    """One pass through a metro gate, 33 bytes; no time: it has not happened."""

    city: Annotated[str, digits(2)]
    organisation: Annotated[bytes, raw(8)]
    station: Annotated[bytes, raw(8)]
    terminal_no: Annotated[bytes, raw(8)]
    when: Annotated[datetime | None, optional(LOCAL_TIME)]


@dataclass(frozen=True, slots=True)
class BusStop(Layout):
    """One boarding or alighting, 38 bytes; no time: it has not happened."""

    city: Annotated[str, digits(2)]
    organisation: Annotated[bytes, raw(8)]
    operator: Annotated[bytes, raw(2)]
    line: Annotated[bytes, raw(2)]
    stop: Annotated[int, uint(1)]
    vehicle: Annotated[bytes, raw(8)]
    terminal_no: Annotated[bytes, raw(8)]
    when: Annotated[datetime | None, optional(LOCAL_TIME)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetroRecord(Layout):
    """Record 2701, metro, 128 bytes. Amounts in fen; `max_fare_fen` pursues a trip without an exit."""

    record_id: Annotated[bytes, constant(METRO_RECORD)] = METRO_RECORD
    length_byte: Annotated[int, uint(1)] = BODY
    valid: Annotated[int, uint(1)] = 1
    interoperable: Annotated[int, uint(1)] = 1
    lock: Annotated[int, uint(1)] = 0
    serial: Annotated[str, digits(8)]
    state: Annotated[int, uint(1)] = MetroState.INITIAL
    entry: Annotated[MetroPass, part(MetroPass)]
    exit: Annotated[MetroPass, part(MetroPass)]
    max_fare_fen: Annotated[int, uint(4)] = 0
    entry_line: Annotated[int, uint(1)] = 0
    exit_line: Annotated[int, uint(1)] = 0
    amount_fen: Annotated[int, uint(4)] = 0
    balance_after_fen: Annotated[int, uint(4)] = 0
    reserved: Annotated[bytes, raw(33)] = bytes(33)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusRecord(Layout):
    """Record 2702, bus, 128 bytes. Mode 1 is a segmented fare, 2 pre-authorised; amounts in fen."""

    record_id: Annotated[bytes, constant(BUS_RECORD)] = BUS_RECORD
    length_byte: Annotated[int, uint(1)] = BODY
    valid: Annotated[int, uint(1)] = 1
    mode: Annotated[int, uint(1)] = 1
    lock: Annotated[int, uint(1)] = 0
    serial: Annotated[str, digits(8)]
    state: Annotated[int, uint(1)] = BusState.INITIAL
    boarding: Annotated[BusStop, part(BusStop)]
    max_fare_fen: Annotated[int, uint(4)] = 0
    direction: Annotated[int, uint(1)] = 0
    alighting: Annotated[BusStop, part(BusStop)]
    amount_fen: Annotated[int, uint(4)] = 0
    distance: Annotated[bytes, raw(2)] = bytes(2)
    reserved: Annotated[bytes, raw(26)] = bytes(26)


@dataclass(frozen=True, slots=True)
class PrivateRecord:
    """An operator's own record: identifier, length byte (counts what follows it), lock flag, and a body kept raw."""

    record_id: int
    lock: int
    body: bytes

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a record; bytes past the announced length are filler. FormatError when it is cut short."""
        if len(content) < 3 or not 1 <= content[1] <= len(content) - 2:
            raise FormatError("PrivateRecord: the length byte does not fit the record")
        return cls(content[0], content[2], content[3 : 2 + content[1]])

    def to_bytes(self) -> bytes:
        """The record as the chip keeps it; FormatError when it is too long."""
        try:
            return bytes([self.record_id, len(self.body) + 1, self.lock]) + self.body
        except ValueError as error:
            raise FormatError(f"PrivateRecord: {error}") from error


CompoundRecord = MetroRecord | BusRecord | PrivateRecord

_COMMON: Final[dict[bytes, type[MetroRecord | BusRecord]]] = {
    METRO_RECORD: MetroRecord,
    BUS_RECORD: BusRecord,
}


def parse_compound(content: bytes) -> CompoundRecord:
    """Read a record by its identifier: the two common ones, or an operator's. FormatError when it is none."""
    common = _COMMON.get(content[:2])
    return common.parse(content) if common else PrivateRecord.parse(content)
