"""Maintenance commands as they stand before secure messaging: header and clear data.

Whoever holds the card's key turns header and data into the APDU (`keys.maintenance_apdu`), so the CLA already says 04
or 84. Encrypted is PIN UNBLOCK only.
"""

from __future__ import annotations

from terminals.card.apdu import Command
from terminals.card.commands import RecordMode


def card_block() -> Command:
    """CARD BLOCK: the card answers nothing any more, for good."""
    return Command(0x84, 0x16)


def application_block(*, permanent: bool = False) -> Command:
    """APPLICATION BLOCK; a permanent one cannot be taken back."""
    return Command(0x84, 0x1E, 0x00, int(permanent))


def application_unblock() -> Command:
    """APPLICATION UNBLOCK after a temporary block; the card counts wrong MACs and locks for good."""
    return Command(0x84, 0x18)


def pin_unblock(pin_block: bytes, reference: int) -> Command:
    """PIN UNBLOCK with the PIN the card holds; under DPUK."""
    return Command(0x84, 0x24, reference, 0x00, pin_block)


def reload_pin(pin_block: bytes, reference: int) -> Command:
    """RELOAD PIN: a new PIN without the old; under DRPK, no challenge."""
    return Command(0x80, 0x5E, 0x00, reference, pin_block)


def external_authenticate(key_id: int) -> Command:
    """EXTERNAL AUTHENTICATE; its data is the enciphered challenge, under DCCK."""
    return Command(0x00, 0x82, 0x00, key_id)


def read_binary(sfi: int, length: int, offset: int = 0) -> Command:
    """READ BINARY of a file that is read under MAC only; its Le stands outside the MAC."""
    return Command(0x04, 0xB0, 0x80 | sfi, offset, le=length)


def update_binary(sfi: int, content: bytes, offset: int = 0) -> Command:
    """UPDATE BINARY of a MAC-protected file."""
    return Command(0x04, 0xD6, 0x80 | sfi, offset, content)


def update_record(sfi: int, number: int, record: bytes) -> Command:
    """UPDATE RECORD of a MAC-protected file. A variable record keeps its length."""
    return Command(0x04, 0xDC, number, sfi << 3 | RecordMode.BY_NUMBER, record)


def append_record(sfi: int, record: bytes) -> Command:
    """APPEND RECORD to a MAC-protected file."""
    return Command(0x04, 0xE2, 0x00, sfi << 3, record)
