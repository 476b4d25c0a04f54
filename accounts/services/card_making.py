"""Many card records at once: what `order_card` does for one, in a number of statements that does not grow with the cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from accounts.models import (
    Card,
    CardEvent,
    CardOrder,
    CardProduct,
    LedgerAccount,
    Purse,
    StockItem,
    StockPlace,
)
from accounts.services.cards import draw_pans, purse_terms, years_later
from accounts.services.ledger import open_account


@transaction.atomic
def make_cards(
    *,
    order: CardOrder,
    bureau: StockPlace,
    holders: Sequence[UUID | None],
    day: date,
    actor: str,
    at: datetime,
) -> list[Card]:
    """Blank cards of the order's product, one for each holder (None: whoever comes), as goods ordered from `bureau`.

    The caller has checked the holders and holds their rows.
    """
    product = order.product
    until = years_later(day, product.validity_years)
    cards = Card.objects.bulk_create(
        Card(pan=pan, product=product, citizen_id=holder, valid_from=day, valid_to=until)
        for pan, holder in zip(draw_pans(len(holders)), holders, strict=True)
    )
    _open_purses(product, cards)
    CardEvent.objects.bulk_create(
        CardEvent(card=card, source="", target=card.state, actor=actor, occurred_at=at) for card in cards
    )
    StockItem.objects.bulk_create(StockItem(card=card, order=order, place=bureau) for card in cards)
    return cards


def _open_purses(product: CardProduct, cards: Sequence[Card]) -> None:
    for kind, chart, ceiling_fen, floor_fen in purse_terms(product):
        control = open_account(chart=chart)
        accounts = LedgerAccount.objects.bulk_create(
            LedgerAccount(
                code=f"{chart.value}.{card.pan}",
                chart=chart.value,
                side=chart.normal_side,
                name=card.pan,
                control=control,
            )
            for card in cards
        )
        Purse.objects.bulk_create(
            Purse(card=card, kind=kind, account=account, ceiling_fen=ceiling_fen, floor_fen=floor_fen)
            for card, account in zip(cards, accounts, strict=True)
        )
