"""The files of a purse card: EF15 to EF18, EF1E and the FCI (JR/T 0025.2, JT/T 978), as typed layouts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, ClassVar, Final, Self

from terminals.card import tlv
from terminals.card.errors import FormatError
from terminals.card.layout import DAY, LOCAL_TIME, Layout, digits, raw, text, uint

MASTER_FILE: Final = 0x3F00
CHIP_SERIAL_EF: Final = 0x05
"""EF05 of the MF: the chip maker's serial, 8 bytes, free to read; the transport key is diversified by it."""
EF02, EF15, EF16, EF17, EF18, EF1E = 0x02, 0x15, 0x16, 0x17, 0x18, 0x1E
EF19, EF1A = 0x19, 0x1A
"""Short identifiers of the application's files. EF18 is the purse's log, EF19 the electronic deposit's."""
EF05, EF11 = 0x05, 0x11
"""Further files of some city cards."""
WITH_DEPOSIT: Final = (0x01, 0x03)
"""Application types (EF15) of cards that hold an electronic deposit."""


@dataclass(frozen=True, slots=True)
class PublicInfo(Layout):
    """EF15, public application information, 30 bytes. Also FCI tag 9F0C."""

    issuer_id: Annotated[bytes, raw(8)]
    application_type: Annotated[int, uint(1)]
    version: Annotated[int, uint(1)]
    serial: Annotated[str, digits(10)]
    start: Annotated[date, DAY]
    expiry: Annotated[date, DAY]
    issuer_data: Annotated[bytes, raw(2)] = bytes(2)

    @property
    def serial8(self) -> bytes:
        """Rightmost eight bytes of the application serial: the factor of the last diversification level."""
        return bytes.fromhex(self.serial)[2:]


@dataclass(frozen=True, slots=True)
class HolderInfo(Layout):
    """EF16, holder's basic data, 55 bytes. Empty texts on an anonymous card."""

    card_type: Annotated[int, uint(1)]
    own_staff: Annotated[int, uint(1)] = 0
    name: Annotated[str, text(20, "gb18030")] = ""
    document_number: Annotated[str, text(32, "ascii")] = ""
    document_type: Annotated[int, uint(1)] = 0


@dataclass(frozen=True, slots=True)
class ManagementInfo(Layout):
    """EF17, T-Union management information, 60 bytes; terminals read the first eleven."""

    SHORTEST: ClassVar[int | None] = 11

    country: Annotated[str, digits(4)]
    province: Annotated[str, digits(2)]
    city: Annotated[str, digits(2)]
    interoperable: Annotated[int, uint(2)]
    card_kind: Annotated[int, uint(1)]
    reserved: Annotated[bytes, raw(49)] = bytes(49)


@dataclass(frozen=True, slots=True)
class LogRecord(Layout):
    """EF18, transaction log, cyclic 10 x 23 bytes. Loads and purchases number in columns of their own."""

    sequence: Annotated[int, uint(2)]
    overdraft_limit_fen: Annotated[int, uint(3)]
    amount_fen: Annotated[int, uint(4)]
    kind: Annotated[int, uint(1)]
    terminal_no: Annotated[bytes, raw(6)]
    when: Annotated[datetime, LOCAL_TIME]


@dataclass(frozen=True, slots=True)
class TripRecord(Layout):
    """EF1E, T-Union trip record, cyclic 30 x 48 bytes, written through the CAPP cache.

    One public source keeps an unfinished trip's maximum fare (4 bytes, fen) and time (2, minutes) in `reserved`.
    """

    kind: Annotated[int, uint(1)]
    terminal_no: Annotated[bytes, raw(8)]
    industry: Annotated[int, uint(1)]
    line: Annotated[str, digits(4)]
    station: Annotated[bytes, raw(3)]
    amount_fen: Annotated[int, uint(4)]
    balance_after_fen: Annotated[int, uint(4)]
    when: Annotated[datetime, LOCAL_TIME]
    city: Annotated[str, digits(2)]
    acquirer: Annotated[bytes, raw(8)]
    reserved: Annotated[bytes, raw(6)] = bytes(6)


@dataclass(frozen=True, slots=True)
class Fci:
    """File control information of the application: 6F{84 name, A5{9F08 version, 9F0C EF15}}."""

    name: bytes
    version: int | None = None
    issuer_data: bytes = b""

    @property
    def public_info(self) -> PublicInfo | None:
        """EF15 as the issuer data repeats it; some cities add bytes of their own. FormatError when it is something else."""
        return PublicInfo.parse(self.issuer_data[: PublicInfo.length()]) if self.issuer_data else None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the answer to SELECT; FormatError when it is no FCI."""
        objects = dict(tlv.parse(data))
        if 0x6F not in objects:
            raise FormatError("the answer to SELECT holds no FCI template")
        template = dict(tlv.parse(objects[0x6F]))
        issuer = dict(tlv.parse(template.get(0xA5, b"")))
        version = issuer.get(0x9F08)
        return cls(template.get(0x84, b""), version[0] if version else None, issuer.get(0x9F0C, b""))

    def to_bytes(self) -> bytes:
        """The template a chip answers SELECT with."""
        version = b"" if self.version is None else tlv.build(0x9F08, bytes([self.version]))
        content = tlv.build(0x9F0C, self.issuer_data) if self.issuer_data else b""
        return tlv.build(0x6F, tlv.build(0x84, self.name) + tlv.build(0xA5, version + content))


@dataclass(frozen=True, slots=True)
class PurseStart(Layout):
    """EF02 of a blank card, 11 bytes, write-only: what the purse starts with. Balance includes the overdraft limit."""

    balance_fen: Annotated[int, uint(4)] = 0
    overdraft_limit_fen: Annotated[int, uint(3)] = 0
    online_atc: Annotated[int, uint(2)] = 0
    offline_atc: Annotated[int, uint(2)] = 0
