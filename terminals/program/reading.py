"""Which card is this: the first purse known here, and whether it is valid today."""

from __future__ import annotations

from datetime import datetime

from terminals.card.apdu import ApduError, ApplicationBlocked
from terminals.card.crypto import CHINA
from terminals.card.files import PublicInfo
from terminals.card.profile import PROFILES
from terminals.card.purse import PurseSession
from terminals.card.transport import Transport
from terminals.program.purchase import Card
from terminals.program.result import Refused


def read_card(transport: Transport, when: datetime) -> Card:
    """Find the purse and check that the card is valid today. Raises Refused `expired`, `blocked`; ApduError without a purse."""
    purse, info = _identified(transport)
    if not info.start <= when.astimezone(CHINA).date() <= info.expiry:
        raise Refused("expired")
    return Card(purse, purse.profile.card_number(info), info)


def _identified(transport: Transport) -> tuple[PurseSession, PublicInfo]:
    """The first purse application of the families known here. Raises ApduError when the chip has none."""
    refusals = []
    for profile in PROFILES:
        purse = PurseSession(transport, profile)
        try:
            return purse, purse.identify()
        except ApplicationBlocked as error:
            raise Refused("blocked") from error
        except ApduError as error:
            refusals.append(error)
    raise refusals[-1]
