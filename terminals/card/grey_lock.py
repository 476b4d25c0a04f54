"""SAM side of the grey-lock purchase (灰锁) of fuel: lock the card, fill up, then take what was filled.

Known from two terminal programs only, which agree on these four commands and leave the card's side to its maker. The
process key also takes in a random number of the terminal; how is not published, so there is no session here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from terminals.card.apdu import Command
from terminals.card.commands_sam import joined_factors
from terminals.card.layout import Layout, raw, uint
from terminals.card.messages import SamInitData


@dataclass(frozen=True, slots=True)
class GreyLockInit(Layout):
    """Answer to INIT SAM GREY LOCK: sequence and random number of the terminal, MAC1 for the card."""

    terminal_seq: Annotated[int, uint(4)]
    terminal_rand: Annotated[bytes, raw(4)]
    mac1: Annotated[bytes, raw(4)]


@dataclass(frozen=True, slots=True)
class GreyUnlockData(Layout):
    """DEBIT SAM FOR GREY UNLOCK, 15 bytes: what was filled."""

    kind: Annotated[int, uint(1)]
    card_serial8: Annotated[bytes, raw(8)]
    offline_atc: Annotated[int, uint(2)]
    amount_fen: Annotated[int, uint(4)]


@dataclass(frozen=True, slots=True)
class GreyUnlockProof(Layout):
    """Answer to DEBIT SAM FOR GREY UNLOCK and GET GMAC: GMAC unlocks the card, the TAC is the SAM's."""

    gmac: Annotated[bytes, raw(4)]
    tac: Annotated[bytes, raw(4)]


def init_sam_grey_lock(data: SamInitData, factors: Sequence[bytes]) -> Command:
    """INIT SAM GREY LOCK; as INIT SAM FOR PURCHASE, with the card's balance in the place of the amount."""
    return Command(0xE0, 0x40, data=data.to_bytes() + joined_factors(factors), le=GreyLockInit.length())


def credit_sam_grey_lock(mac2: bytes) -> Command:
    """CERTIFICATE SAM GREY LOCK with the card's MAC2."""
    return Command(0xE0, 0x42, data=mac2)


def debit_sam_for_grey_unlock(data: GreyUnlockData) -> Command:
    """DEBIT SAM FOR GREY UNLOCK: make the GMAC for the amount filled."""
    return Command(0xE0, 0x44, data=data.to_bytes(), le=GreyUnlockProof.length())


def get_gmac(terminal_seq: int) -> Command:
    """GET GMAC once more, after the SAM lost power."""
    return Command(0xE0, 0x46, data=terminal_seq.to_bytes(4), le=GreyUnlockProof.length())
