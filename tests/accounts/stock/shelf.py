"""Places and cards to move between them."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from django.utils import timezone

from accounts.models import Card, CardOrder, StockMovement, StockPlace
from accounts.services.card_orders import approve_order, mark_sent, propose_order
from accounts.services.stock import open_place, receive_produced, receive_stock, send_stock
from citizencard.core.calendar import shanghai
from tests.factories import CLERK, make_product

CHECKER = "chen"


class Places(NamedTuple):
    bureau: StockPlace
    store: StockPlace
    hall: StockPlace


def open_places() -> Places:
    return Places(
        *(open_place(code=kind, name=kind, kind=kind, actor=CLERK) for kind in ("bureau", "store", "hall"))
    )


def order_cards(places: Places, quantity: int) -> CardOrder:
    deadline = shanghai(timezone.now()).date() + timedelta(days=30)
    order = propose_order(
        product=make_product(), quantity=quantity, hall=places.hall, deadline=deadline, actor=CLERK
    )
    return approve_order(order=order, bureau=places.bureau, checker=CHECKER)


def numbers(order: CardOrder) -> list[str]:
    return sorted(order.items.values_list("card__pan", flat=True))


def make_stock(places: Places, quantity: int) -> CardOrder:
    """Cards made and lying at the bureau."""
    order = mark_sent(order=order_cards(places, quantity), cartons={}, actor=CLERK)
    receive_produced(cards=Card.objects.filter(stock_item__order=order), actor=CLERK)
    order.refresh_from_db()
    return order


def send_all(order: CardOrder, source: StockPlace, target: StockPlace) -> StockMovement:
    pans = numbers(order)
    return send_stock(source=source, target=target, first=pans[0], last=pans[-1], actor=CLERK)


def deliver(order: CardOrder, places: Places) -> None:
    """By way of the store to the hall."""
    for source, target in (places[:2], places[1:]):
        receive_stock(consignment=send_all(order, source, target), actor=CHECKER)
    order.refresh_from_db()
