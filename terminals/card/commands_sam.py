"""Builders of the commands of a PSAM, the purchase secure access module of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from terminals.card.apdu import Command
from terminals.card.errors import FormatError
from terminals.card.messages import SamInitData

FACTOR: Final = 8
MAX_LEVELS: Final = 3
TAC_USAGE: Final = 0x04
"""Usage of DELIVERY KEY for the TAC key; the other usages differ from issuer to issuer."""


class CipherMode(IntEnum):
    """P1 of CIPHER DATA: bit 1 MAC, bit 2 more blocks follow, bit 3 an initial value stands in front.

    ENCRYPT, MAC_ONLY and MAC_FIRST are published; the two without an initial value follow from the bits.
    """

    ENCRYPT = 0x00
    MAC_LAST = 0x01
    MAC_NEXT = 0x03
    MAC_ONLY = 0x05
    MAC_FIRST = 0x07


def init_sam_for_purchase(data: SamInitData, factors: Sequence[bytes]) -> Command:
    """INIT SAM FOR PURCHASE; factors of 8 bytes, card serial first, then issuer, then city."""
    return Command(0x80, 0x70, data=data.to_bytes() + joined_factors(factors), le=8)


def credit_sam_for_purchase(mac2: bytes) -> Command:
    """CREDIT SAM FOR PURCHASE with the card's MAC2."""
    return Command(0x80, 0x72, data=mac2)


def delivery_key(usage: int, version: int, factors: Sequence[bytes]) -> Command:
    """DELIVERY KEY: make a card's key ready for CIPHER DATA. The top three bits of P1 count the levels."""
    if not 0 <= usage < 1 << 5:
        raise FormatError("a key usage has five bits")
    joined = joined_factors(factors)
    return Command(0x80, 0x1A, len(factors) << 5 | usage, version, joined)


def cipher_data(mode: CipherMode, data: bytes, answer: int | None) -> Command:
    """CIPHER DATA under the key of DELIVERY KEY; whole blocks, with the initial value in front where the mode says so."""
    if not data or len(data) % FACTOR:
        raise FormatError("CIPHER DATA takes whole blocks of 8 bytes")
    return Command(0x80, 0xFA, mode, 0x00, data, le=answer)


def check_message(code9: bytes) -> Command:
    """GET MESSAGE on a SAM: check a city card's nine-byte authentication code."""
    return Command(0x80, 0xCA, data=code9)


def application_unblock() -> Command:
    """APPLICATION UNBLOCK without MAC, which some modules take to clear the count of wrong MAC2s."""
    return Command(0x80, 0x18)


def joined_factors(factors: Sequence[bytes]) -> bytes:
    """One to three diversification factors in a row; FormatError otherwise."""
    if not 1 <= len(factors) <= MAX_LEVELS or any(len(factor) != FACTOR for factor in factors):
        raise FormatError("one to three diversification factors of 8 bytes")
    return b"".join(factors)
