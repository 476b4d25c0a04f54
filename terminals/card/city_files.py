"""Files that single cities and systems have beyond the common ones: CJ/T metro, campus and motorway toll cards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar

from terminals.card.layout import DAY, Layout, digits, optional, raw, text, uint


@dataclass(frozen=True, slots=True)
class MetroIssue(Layout):
    """EF05 of a CJ/T metro card, 40 bytes: how it was issued. Known from one city's personalisation (Changsha)."""

    issuer: Annotated[str, digits(2)]
    city: Annotated[str, digits(2)]
    industry: Annotated[str, digits(2)]
    test_card: Annotated[int, uint(1)]
    reserved1: Annotated[bytes, raw(1)]
    serial: Annotated[str, digits(8)]
    card_type: Annotated[str, digits(2)]
    issued: Annotated[date | None, optional(DAY)]
    issue_device: Annotated[bytes, raw(6)]
    version: Annotated[str, digits(2)]
    start: Annotated[date | None, optional(DAY)]
    expiry: Annotated[date | None, optional(DAY)]
    reserved2: Annotated[bytes, raw(2)] = bytes(2)


@dataclass(frozen=True, slots=True)
class MetroControl(Layout):
    """EF11 of a CJ/T metro card, 32 bytes: activation and limits. The last 18 bytes are not published."""

    activated: Annotated[int, uint(1)]
    validity_minutes: Annotated[int, uint(4)]
    deposit: Annotated[int, uint(1)]
    device: Annotated[bytes, raw(6)]
    load_limit_yuan: Annotated[int, uint(2)]
    rest: Annotated[bytes, raw(18)] = bytes(18)


@dataclass(frozen=True, slots=True)
class CampusHolder(Layout):
    """EF16 of a campus card, 38 bytes: the holder's name and own number, such as a student's."""

    name: Annotated[str, text(20, "gb18030")]
    unknown: Annotated[bytes, raw(8)]
    number: Annotated[str, text(10, "ascii")]


@dataclass(frozen=True, slots=True)
class CampusIssue(Layout):
    """EF15 under the MF of a campus card, 33 bytes. Dates are packed YYMMDD of this century."""

    unknown1: Annotated[bytes, raw(6)]
    internal_number: Annotated[str, digits(4)]
    unknown2: Annotated[bytes, raw(2)]
    expiry: Annotated[str, digits(3)]
    display_expiry: Annotated[str, digits(3)]
    unknown3: Annotated[bytes, raw(15)]


@dataclass(frozen=True, slots=True)
class TollIssue(Layout):
    """EF15 of a motorway toll (ETC) user card, 43 bytes and reserve: network and number, validity, vehicle.

    Its first 28 bytes stand as in every purse card's EF15.
    """

    SHORTEST: ClassVar[int | None] = 30

    issuer_id: Annotated[bytes, raw(8)]
    card_type: Annotated[int, uint(1)]
    version: Annotated[int, uint(1)]
    network: Annotated[str, digits(2)]
    number: Annotated[str, digits(8)]
    start: Annotated[date | None, optional(DAY)]
    expiry: Annotated[date | None, optional(DAY)]
    plate: Annotated[str, text(12, "gb18030")]
    user_type: Annotated[int, uint(1)]
    plate_colour: Annotated[int, uint(1)]
    vehicle_type: Annotated[int, uint(1)]
