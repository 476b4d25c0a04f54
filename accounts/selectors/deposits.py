"""What of a card's deposit the city still holds."""

from __future__ import annotations

from accounts.models import Card, Journal


def deposit_held_fen(card: Card) -> int:
    """The deposit that has not been returned yet, in fen: all of it or nothing."""
    returned = Journal.objects.filter(key=deposit_key(card)).exists()
    return 0 if returned else card.deposit_fen or 0


def deposit_key(card: Card) -> str:
    """The journal by which a deposit is returned, once per card."""
    return f"deposit-returned:{card.pan}"
