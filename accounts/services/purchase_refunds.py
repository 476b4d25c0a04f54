"""What a merchant gives back of a purchase from the chip: a paid top-up that waits for the chip, out of the merchant's account.

Nobody but the chip's reader can put value onto a chip, so it waits in transit as a subsidy does, and is loaded like any
other top-up. A card that will never be on a reader again is paid out at the counter (`reverse_topup`).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Card, Purse, TopUpOrder
from accounts.services.orders import receive_money


@transaction.atomic
def give_back(
    *,
    card: Card,
    merchant_code: str,
    amount_fen: int,
    key: str,
    number: str,
    actor: str,
    occurred_at: datetime,
) -> TopUpOrder:
    """A paid order over `amount_fen` for the card's chip, from the payable of a merchant; once per `key`, by the database.

    No limit on top-ups stands against it: it is the holder's own money. The caller holds the card's lock. Raises what
    `post_journal` raises.
    """
    order = TopUpOrder.objects.create(
        number=number,
        request_key=key,
        card=card,
        purse=card.purses.get(kind=Purse.Kind.CHIP),
        amount_fen=amount_fen,
        channel=TopUpOrder.Channel.REFUND,
        party=merchant_code,
        actor=actor,
        occurred_at=occurred_at,
    )
    receive_money(order, actor=actor)
    return order
