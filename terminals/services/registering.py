"""Later registration where cards meet machines: who has the card on the reader has it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from accounts.models import Card, CardProduct, Citizen, Registration
from accounts.services.registration import register_card
from terminals.card.transport import Transport
from terminals.services.identity import prove_card

PURPOSE: Final = "register"


def register_with_chip(
    *,
    card: Card,
    citizen: Citizen,
    product: CardProduct,
    transport: Transport,
    actor: str,
    occurred_at: datetime,
) -> Registration:
    """As `register_card`, once the chip on the reader has answered a challenge as `card`.

    Raises IdentityRefused, WrongCardOnReader, KeyServiceUnavailable, CardError, TransportError as well.
    """
    prove_card(card=card, transport=transport, asked_by=actor, purpose=PURPOSE)
    return register_card(card=card, citizen=citizen, product=product, actor=actor, occurred_at=occurred_at)
