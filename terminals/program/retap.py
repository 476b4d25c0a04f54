"""A card held to the same terminal again: what the chip itself knows of its last purchase."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from terminals.card.apdu import ApduError
from terminals.card.crypto import CHINA, TransactionType
from terminals.card.errors import FormatError
from terminals.program.purchase import Card

_PURCHASES: Final = (TransactionType.PURCHASE, TransactionType.CAPP_PURCHASE)


def card_remembers(card: Card, terminal_no: bytes, when: datetime, guard: timedelta) -> bool:
    """Whether the newest entry of the card's log (EF18) is a purchase at this terminal within `guard` of a moment.

    For a terminal whose journal does not know of it: another device took the place of the one that did.
    """
    try:
        last = card.purse.last_logged()
    except (ApduError, FormatError):
        return False
    if last is None or last.terminal_no != terminal_no or last.kind not in _PURCHASES:
        return False
    return abs(when - last.when.replace(tzinfo=CHINA)) <= guard
