"""Cards as the counter finds them: made by the bureau, each on its own chip, lying in the hall's stock."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import Card, CardProduct
from accounts.services.card_orders import approve_order, mark_sent, propose_order
from citizencard.core.calendar import shanghai
from citizencard.core.keyservice.keystore import KeyStore
from terminals.card.bench import chip_serial
from terminals.models import BureauBatch, BureauLine
from terminals.readers.memory import MemoryTransport
from terminals.services.bureau_answer import COLUMNS, take_answer
from terminals.simulator.chip import Chip
from tests.accounts.stock.shelf import CHECKER, Places, deliver
from tests.factories import CLERK
from tests.terminals.chips import blank_chip


def stocked(
    keys: KeyStore, places: Places, product: CardProduct, quantity: int, *, delivered: bool = True
) -> list[tuple[Card, Chip]]:
    """Cards with their chips, in the order of their numbers; not `delivered` they lie at the bureau."""
    deadline = shanghai(timezone.now()).date() + timedelta(days=30)
    order = propose_order(
        product=product, quantity=quantity, hall=places.hall, deadline=deadline, actor=CLERK
    )
    order = approve_order(order=order, bureau=places.bureau, checker=CHECKER)
    cards = [item.card for item in order.items.select_related("card").order_by("card__pan")]
    chips = [blank_chip(keys) for _card in cards]
    _print(cards)
    mark_sent(order=order, cartons={}, actor=CLERK)
    _answer(cards, chips)
    if delivered:
        deliver(order, places)
    return list(zip(cards, chips, strict=True))


def _print(cards: list[Card]) -> None:
    batch = BureauBatch.objects.create(cards_digest=cards[0].pan.encode(), ordered_by=CLERK)
    BureauLine.objects.bulk_create(BureauLine(batch=batch, card=card) for card in cards)


def _answer(cards: list[Card], chips: list[Chip]) -> None:
    lines = [
        f"{card.bureau_lines.get().batch.number},{card.pan},{chip_serial(MemoryTransport(chip)).hex()},made"
        for card, chip in zip(cards, chips, strict=True)
    ]
    assert not take_answer(text="\n".join([",".join(COLUMNS), *lines]), actor=CLERK).problems
