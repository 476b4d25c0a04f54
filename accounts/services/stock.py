"""Card stock: every change is a movement with its cards, one statement each, whatever their number. All are audited.

Ranges are card numbers, both ends included. What the trigger of `StockLine` refuses is told as StockMismatch.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import StockMismatch
from accounts.models import (
    Card,
    CardProduct,
    StockCount,
    StockItem,
    StockLevel,
    StockLine,
    StockMovement,
    StockPlace,
    StockProposal,
)
from accounts.services.card_orders import note_delivery, note_production
from citizencard.core import two_people
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField, MakerIsChecker
from citizencard.core.states import lock_row

Kind = StockMovement.Kind
State = StockItem.State


@transaction.atomic
def open_place(*, code: str, name: str, kind: str, actor: str) -> StockPlace:
    """A place for cards to lie at, found by its code or opened. Raises InvalidField for an unknown kind."""
    if kind not in StockPlace.Kind.values:
        raise InvalidField("kind", _("unknown kind of place"))
    place, new = StockPlace.objects.get_or_create(code=code, defaults={"name": name, "kind": kind})
    if new:
        record_audit(actor=actor, action="stock.place", subject=f"stock-place:{code}")
    return place


@transaction.atomic
def set_minimum(*, place: StockPlace, product: CardProduct, minimum: int, actor: str) -> StockLevel:
    """How many cards shall lie there at least; fewer are a warning. Raises InvalidField below 0."""
    if minimum < 0:
        raise InvalidField("minimum", _("a minimum is not negative"))
    before = StockLevel.objects.filter(place=place, product=product).values_list("minimum", flat=True).first()
    level, _new = StockLevel.objects.update_or_create(
        place=place, product=product, defaults={"minimum": minimum}
    )
    detail = {"product": product.pk, "before": before, "after": minimum}
    record_audit(actor=actor, action="stock.minimum", subject=f"stock-place:{place.code}", detail=detail)
    return level


@transaction.atomic
def receive_produced(*, cards: QuerySet[Card], actor: str) -> int:
    """The bureau has made these cards: those still ordered lie at its place from now on; how many. Orders follow."""
    items = StockItem.objects.filter(card__in=cards, state=State.ORDERED)
    made = 0
    for place in StockPlace.objects.filter(pk__in=items.values("place")).order_by("pk"):
        movement = _move(Kind.PRODUCED, items.filter(place=place), source=place, actor=actor)
        note_production(movement)
        made += movement.lines.count()
    return made


@transaction.atomic
def send_stock(*, source: StockPlace, target: StockPlace, first: str, last: str, actor: str) -> StockMovement:
    """Cards of a range leave for another place; all that the sender has of it. Raises InvalidField, StockMismatch (none there)."""
    if source == target:
        raise InvalidField("target", _("cards are sent to another place"))
    items = _ranged(first, last).filter(place=source, state=State.HELD)
    return _move(Kind.SENT, items, source=source, target=target, actor=actor)


@transaction.atomic
def receive_stock(
    *, consignment: StockMovement, actor: str, numbers: Sequence[str] | None = None
) -> StockMovement:
    """What was sent has arrived, all of what is still on its way or `numbers` of it; the sender's name is the other signature.

    Raises MakerIsChecker (sender and receiver are two people), StockMismatch (a number is not on its way here).
    """
    if consignment.kind != Kind.SENT:
        raise InvalidField("consignment", _("only what was sent arrives"))
    if actor == consignment.actor:
        raise MakerIsChecker
    items = StockItem.objects.filter(
        lines__movement=consignment,
        state=State.TRAVELLING,
        place=consignment.source_id,
        bound_for=consignment.target_id,
    )
    if numbers is not None:
        items = items.filter(card__pan__in=numbers)
        if strange := set(numbers) - set(items.values_list("card__pan", flat=True)):
            raise StockMismatch(card=min(strange), reason=_("it is not in this consignment, or has arrived"))
    movement = _move(
        Kind.ARRIVED,
        items,
        source=consignment.source,
        target=consignment.target,
        actor=actor,
        witness=consignment.actor,
        answers=consignment,
    )
    note_delivery(movement)
    return movement


def require_in_stock(*, card: Card, hall: StockPlace) -> StockItem:
    """The card as goods, which lies at the clerk's hall or was handed out there.

    Raises StockMismatch, whose `reason` tells where the card is and what to do.
    """
    item = StockItem.objects.select_related("place", "bound_for").filter(card=card).first()
    if item is None:
        raise StockMismatch(
            card=card.pan, reason=_("it never came into stock; set it aside and tell the store")
        )
    if (item.state, item.place_id) == (State.ISSUED, hall.pk):
        return item
    if item.state == State.TRAVELLING:
        raise StockMismatch(
            card=card.pan,
            reason=_("it is on its way to %(place)s; confirm its arrival first") % {"place": item.bound_for},
        )
    if item.state != State.HELD:
        reason = _("it is %(state)s; keep it and call the supervisor") % {"state": item.get_state_display()}
        raise StockMismatch(card=card.pan, reason=reason)
    if item.place_id != hall.pk:
        reason = _("it belongs to %(place)s; have it sent here first") % {"place": item.place}
        raise StockMismatch(card=card.pan, reason=reason)
    return item


@transaction.atomic
def take_from_stock(*, card: Card, hall: StockPlace, actor: str) -> StockItem:
    """The card is handed out: it leaves the stock of the clerk's hall. Taking it again there changes nothing.

    Call it in the transaction of `issue_card`. Raises as `require_in_stock`.
    """
    item = require_in_stock(card=card, hall=hall)
    if item.state == State.HELD:
        _move(Kind.ISSUED, StockItem.objects.filter(pk=item.pk), source=hall, actor=actor)
        item.refresh_from_db()
    return item


@transaction.atomic
def lose_stock(*, place: StockPlace, first: str, last: str, actor: str, reason: str) -> StockMovement:
    """Cards of a range that `place` answers for, lying there or on their way from it, are gone. Raises StockMismatch (none).

    `terminals.services.cartons.lose_carton` does this and lists them.
    """
    items = _ranged(first, last).filter(place=place, state__in=[State.HELD, State.TRAVELLING])
    return _move(Kind.LOST, items, source=place, actor=actor, reason=_given(reason))


@transaction.atomic
def propose_stock(
    *, kind: str, place: StockPlace, first: str, last: str, actor: str, reason: str
) -> StockProposal:
    """Ask for cards to be scrapped, or say that lost ones are found. Raises InvalidField, StockMismatch (none to do it with)."""
    if kind not in StockProposal.Kind.values:
        raise InvalidField("kind", _("cards are scrapped or found"))
    proposal = StockProposal(
        kind=kind, place=place, first=first, last=last, maker=actor, reason=_given(reason)
    )
    if not proposed_items(proposal).exists():
        raise StockMismatch(card=first, reason=_("no card of the range is there"))
    proposal.save()
    _audit(proposal, "stock.propose", actor)
    return proposal


@transaction.atomic
def approve_stock(*, proposal: StockProposal, checker: str) -> StockMovement:
    """A second person agrees: the cards are scrapped, or back at their place. Raises MakerIsChecker, AlreadyDecided, StockMismatch.

    For found cards `terminals.services.cartons.approve_found` does this and takes them off the hot list.
    """
    proposal = two_people.approve(lock_row(proposal), checker=checker)
    movement = _move(
        Kind(proposal.kind),
        proposed_items(proposal),
        source=proposal.place,
        actor=checker,
        witness=proposal.maker,
        reason=proposal.reason,
    )
    _audit(proposal, "stock.approve", checker)
    return movement


@transaction.atomic
def refuse_stock(*, proposal: StockProposal, checker: str, reason: str) -> StockProposal:
    """A second person does not agree; nothing moves. Raises MakerIsChecker, AlreadyDecided."""
    proposal = two_people.refuse(lock_row(proposal), checker=checker, answer=reason)
    _audit(proposal, "stock.refuse", checker)
    return proposal


@transaction.atomic
def take_stock(*, place: StockPlace, product: CardProduct, numbers: Sequence[str], actor: str) -> StockCount:
    """Write down which cards somebody found at a place, and how that differs from the books; it moves nothing itself.

    What is missing is reported lost by a person, what is too many goes back to where the books have it.
    """
    items = StockItem.objects.filter(place=place, state=State.HELD, card__product=product)
    books, found = set(items.values_list("card__pan", flat=True)), set(numbers)
    count = StockCount.objects.create(
        place=place,
        product=product,
        expected=len(books),
        counted=len(found),
        missing=sorted(books - found),
        surplus=sorted(found - books),
        actor=actor,
    )
    detail = {"product": product.pk, "missing": len(count.missing), "surplus": len(count.surplus)}
    record_audit(actor=actor, action="stock.count", subject=f"stock-place:{place.code}", detail=detail)
    return count


def proposed_items(proposal: StockProposal) -> QuerySet[StockItem]:
    """The cards that a proposal is about, as things are now."""
    state = State.LOST if proposal.kind == StockProposal.Kind.FOUND else State.HELD
    return _ranged(proposal.first, proposal.last).filter(place=proposal.place_id, state=state)


def _given(reason: str) -> str:
    if not reason.strip():
        raise InvalidField("reason", _("stock leaves or comes back for a reason"))
    return reason.strip()


def _ranged(first: str, last: str) -> QuerySet[StockItem]:
    """The cards of a range. Raises InvalidField for one that ends before it begins."""
    if not first <= last:
        raise InvalidField("last", _("the range ends before it begins"))
    return StockItem.objects.filter(card__pan__range=(first, last))


def _move(
    kind: Kind,
    items: QuerySet[StockItem],
    *,
    source: StockPlace,
    actor: str,
    target: StockPlace | None = None,
    witness: str = "",
    reason: str = "",
    answers: StockMovement | None = None,
) -> StockMovement:
    """Write the movement and its lines; the trigger does the rest. Raises StockMismatch when there is no such card."""
    moved = locks.lock_stock_items(items)
    if not moved:
        raise StockMismatch(card=source.code, reason=_("no such card is there"))
    movement = StockMovement.objects.create(
        kind=kind,
        source=source,
        target=target or source,
        actor=actor,
        witness=witness,
        reason=reason,
        answers=answers,
    )
    StockLine.objects.bulk_create(StockLine(movement=movement, item_id=pk) for pk in moved)
    detail = {"from": source.code, "to": movement.target.code, "cards": len(moved), "witness": witness}
    record_audit(actor=actor, action=f"stock.{kind}", subject=f"stock-movement:{movement.pk}", detail=detail)
    return movement


def _audit(proposal: StockProposal, action: str, actor: str) -> None:
    detail = {"kind": proposal.kind, "first": proposal.first, "last": proposal.last}
    record_audit(actor=actor, action=action, subject=f"stock-proposal:{proposal.pk}", detail=detail)
