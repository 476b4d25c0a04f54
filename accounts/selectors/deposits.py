"""What a card cost and what of its deposit the city still holds, as the ledger tells it."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import Card, Journal, Transfer


@dataclass(frozen=True, slots=True)
class CardSale:
    """Price and deposit paid when the card was handed over, in fen."""

    price_fen: int
    deposit_fen: int


def card_sale(card: Card) -> CardSale:
    """What was booked at the sale, whatever the product costs today; nothing for a card that was free or never sold."""
    journal = Journal.objects.filter(key=f"card-sale:{card.pan}").first()
    if journal is None:
        return CardSale(0, 0)
    transfers = Transfer.objects.filter(business_date=journal.business_date, source_id=card.pk)
    booked = dict(
        transfers.filter(kind__in=[Transfer.Kind.CARD_SALE, Transfer.Kind.DEPOSIT]).values_list(
            "kind", "amount_fen"
        )
    )
    return CardSale(booked.get(Transfer.Kind.CARD_SALE, 0), booked.get(Transfer.Kind.DEPOSIT, 0))


def deposit_held_fen(card: Card) -> int:
    """The deposit that has not been returned yet, in fen: all of it or nothing."""
    returned = Journal.objects.filter(key=deposit_key(card)).exists()
    return 0 if returned else card_sale(card).deposit_fen


def deposit_key(card: Card) -> str:
    """The journal by which a deposit is returned, once per card."""
    return f"deposit-returned:{card.pan}"
