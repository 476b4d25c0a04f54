"""Deposits: held apart from the card's money, never spent, given back once."""

from __future__ import annotations

from datetime import datetime

from accounts.models import Card, CardDamage, Chart
from accounts.selectors.deposits import deposit_held_fen, deposit_key
from accounts.services import postings
from accounts.services.ledger import post_journal


def return_deposit(
    *, card: Card, to: Chart, actor: str, occurred_at: datetime, damage_fen: int | None = None
) -> None:
    """Book a locked card's deposit out, to `to`, less damage; nothing if there is none or it was returned before.

    `damage_fen` is what a refund has worked out; without it the damage on record counts.
    """
    deposit_fen = deposit_held_fen(card)
    if not deposit_fen:
        return
    if damage_fen is None:
        damage = CardDamage.objects.filter(card=card).first()
        damage_fen = min(damage.amount_fen, deposit_fen) if damage else 0
    post_journal(
        key=deposit_key(card),
        kind="deposit_returned",
        actor=actor,
        source=card.pan,
        legs=postings.deposit_returned(
            card=card, deposit_fen=deposit_fen, damage_fen=damage_fen, to=to, occurred_at=occurred_at
        ),
    )
