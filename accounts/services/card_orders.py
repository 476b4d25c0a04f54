"""Personalisation orders 制卡订单: proposed by one person, approved by another, then made and delivered. All are audited.

The bureau's files are `terminals.services.card_orders`; production and delivery follow from movements of stock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.errors import IllegalCardOrderStep
from accounts.models import CardOrder, CardProduct, IssueBatch, StockItem, StockMovement, StockPlace
from accounts.services.card_making import make_cards
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from citizencard.core.states import lock_row, step_to
from citizencard.core.two_people import decide

State = CardOrder.State


@transaction.atomic
def propose_order(
    *, product: CardProduct, quantity: int, hall: StockPlace, deadline: date, actor: str
) -> CardOrder:
    """Ask for cards to be made for a hall. Raises InvalidField for quantity, place or deadline.

    Those of a real-name product get their holder at the counter (`assign_card`), or by batch issue.
    """
    if not 1 <= quantity <= 10_000:
        raise InvalidField("quantity", _("an order has 1 to 10,000 cards"))
    if hall.kind != StockPlace.Kind.HALL:
        raise InvalidField("hall", _("cards are ordered for a service hall"))
    if deadline < shanghai(timezone.now()).date():
        raise InvalidField("deadline", _("the deadline is over"))
    order = CardOrder.objects.create(
        product=product, quantity=quantity, hall=hall, deadline=deadline, maker=actor
    )
    _audit(order, "card_order.propose", actor)
    return order


@transaction.atomic
def approve_order(*, order: CardOrder, bureau: StockPlace, checker: str) -> CardOrder:
    """A second person agrees: the cards get their numbers, nobody's yet. Raises MakerIsChecker, AlreadyDecided, InvalidField."""
    if bureau.kind != StockPlace.Kind.BUREAU:
        raise InvalidField("bureau", _("cards are made by a bureau"))
    if IssueBatch.objects.filter(order=order).exists():
        raise InvalidField("order", _("it belongs to a batch issue, which is approved instead"))
    order = approve_filled(order=order, checker=checker)
    now = timezone.now()
    make_cards(
        order=order,
        bureau=bureau,
        holders=[None] * order.quantity,
        day=shanghai(now).date(),
        actor=checker,
        at=now,
    )
    return order


@transaction.atomic
def approve_filled(*, order: CardOrder, checker: str) -> CardOrder:
    """As `approve_order`, where the cards are made already. For batch issue."""
    order = decide(lock_row(order), CardOrder.approve, State.APPROVED, checker=checker)
    _audit(order, "card_order.approve", checker)
    return order


@transaction.atomic
def refuse_order(*, order: CardOrder, checker: str, reason: str) -> CardOrder:
    """A second person does not agree; nothing is made. Raises MakerIsChecker, AlreadyDecided."""
    order = decide(lock_row(order), CardOrder.refuse, State.REFUSED, checker=checker, answer=reason)
    _audit(order, "card_order.refuse", checker)
    return order


@transaction.atomic
def mark_sent(*, order: CardOrder, cartons: Mapping[str, Sequence[str]], actor: str) -> CardOrder:
    """The bureau has a file for each carton (number → card numbers). Again changes nothing. Raises IllegalCardOrderStep."""
    order = lock_row(order)
    if order.state == State.SENT:
        return order
    with step_to(State.SENT, IllegalCardOrderStep):
        order.send()
    order.save(update_fields=["state"])
    for carton, numbers in cartons.items():
        order.items.filter(card__pan__in=numbers).update(carton=carton)
    _audit(order, "card_order.send", actor)
    return order


def note_production(movement: StockMovement) -> None:
    """Orders of whose cards none is still to be made are produced. For `receive_produced`."""
    open_items = StockItem.objects.filter(order=OuterRef("pk"), state=StockItem.State.ORDERED)
    for order in _orders_of(movement).filter(~Exists(open_items), state=State.SENT):
        order.produce()
        order.save(update_fields=["state"])
        _audit(order, "card_order.produced", movement.actor)


def note_delivery(movement: StockMovement) -> None:
    """Orders of whose cards none is still short of their hall are delivered. For `receive_stock`."""
    short = StockItem.objects.filter(
        order=OuterRef("pk"),
        state__in=[StockItem.State.ORDERED, StockItem.State.HELD, StockItem.State.TRAVELLING],
    ).exclude(place=OuterRef("hall"), state=StockItem.State.HELD)
    for order in _orders_of(movement).filter(~Exists(short), state=State.PRODUCED):
        order.deliver()
        order.save(update_fields=["state"])
        _audit(order, "card_order.delivered", movement.actor)


def _orders_of(movement: StockMovement) -> QuerySet[CardOrder]:
    moved = StockItem.objects.filter(order=OuterRef("pk"), lines__movement=movement)
    return CardOrder.objects.select_for_update(no_key=True).filter(Exists(moved)).order_by("pk")


def _audit(order: CardOrder, action: str, actor: str) -> None:
    detail = {"product": order.product_id, "cards": order.quantity}
    record_audit(actor=actor, action=action, subject=f"card-order:{order.number}", detail=detail)
