"""A ride or visit paid online, such as by QR code: on a pass if the card has one for it, else from the account purse."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts import locks
from accounts.models import Card, LedgerAccount, PassUse, Payment
from accounts.services.passes import use_pass
from accounts.services.payments import account_purse, pay


@transaction.atomic
def ride_online(
    *,
    card: Card,
    channel: str,
    payee: LedgerAccount,
    fare_fen: int,
    key: str,
    actor: str,
    occurred_at: datetime,
    place: str = "",
) -> PassUse | Payment:
    """Pay `payee` for one ride, once per `key`: what paid for it first is returned for a repeat.

    A card rides once at a time, under its lock: a ride paid from the purse is not taken again from a pass bought since.
    Raises what `use_pass` and `pay` raise; then nothing has happened.
    """
    locks.lock_card(card.pk)
    if not Payment.objects.filter(key=key).exists():
        use = use_pass(
            card=card, channel=channel, payee=payee, fare_fen=fare_fen, key=key, occurred_at=occurred_at
        )
        if use is not None:
            return use
    return pay(
        purse=account_purse(card),
        payee=payee.pk,
        amount_fen=fare_fen,
        key=key,
        channel=channel,
        actor=actor,
        occurred_at=occurred_at,
        place=place,
    )
