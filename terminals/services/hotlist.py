"""The hot list: a card is listed when its holder reports it lost, and comes off as fast when it is found.

Whatever is changed here is published with the commit, see `terminals.services.publishing.hot_list`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.models import Card, Notice
from accounts.services.cards import mark_found, mark_lost, mark_lost_for_now
from accounts.services.notices import notify
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField, MakerIsChecker, NotFound
from citizencard.core.masks import mask_card
from terminals.models import HotListEntry, HotListRemoval, LossReport
from terminals.selectors.parameters import hot_list_policy
from terminals.services.publishing.hot_list import publish_soon

CARTON_MAX = 10_000
_NEVER_HELD = (Card.State.BLANK, Card.State.PERSONALISED)


@transaction.atomic
def report_loss(
    *, card: Card, actor: str, reason: str, occurred_at: datetime, for_now: bool = False
) -> HotListEntry:
    """The holder lost the card: it becomes LOST (or, `for_now`, LOST_TEMP), and purchases from `occurred_at` on go to suspense.

    Automatic top-up ends in the same transaction, the holder is told what the promise is. Reporting again, or for good
    after for now, returns the entry that stands. Raises IllegalCardTransition for a card nobody holds. Audited.
    """
    standing = HotListEntry.objects.filter(pan=card.pan, removed_at=None).first()
    if standing is not None and standing.cause == HotListEntry.Cause.LOSS:
        if not for_now and locks.lock_card(card.pk).state == Card.State.LOST_TEMP:
            mark_lost(card=card, actor=actor, reason=reason, occurred_at=occurred_at)
        return standing
    lose = mark_lost_for_now if for_now else mark_lost
    lose(card=card, actor=actor, reason=reason, occurred_at=occurred_at)
    # A card that was listed for something else is lost all the same: that it is cleared of it must not free it.
    _end(card.pan, occurred_at)
    entry = HotListEntry.objects.create(
        pan=card.pan, reason=reason, effective_at=occurred_at, listed_by=actor
    )
    if policy := hot_list_policy(shanghai(occurred_at).date()):
        _tell(card, Notice.Code.CARD_LISTED, minutes=str(policy.promise_minutes))
    publish_soon()
    record_audit(
        actor=actor, action="report_loss", subject=f"card {card.pan}", detail={"version": entry.version}
    )
    return entry


@transaction.atomic
def recover_card(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """The holder has found the lost card: off the list, and it may pay again. Audited; the holder is told.

    Raises IllegalCardTransition for a card that is not lost, CardAlreadyHeld when another one has replaced it.
    """
    found = take_back(card=card, actor=actor, reason=reason, occurred_at=occurred_at)
    _tell(found, Notice.Code.CARD_FOUND)
    return found


@transaction.atomic
def take_back(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """As `recover_card`, and whoever calls tells the holder."""
    found = mark_found(card=card, actor=actor, reason=reason, occurred_at=occurred_at)
    _end_loss(found, occurred_at)
    record_audit(actor=actor, action="recover_card", subject=f"card {card.pan}", detail={"reason": reason})
    return found


@transaction.atomic
def propose_removal(*, entry: HotListEntry, actor: str, reason: str) -> HotListRemoval:
    """Say that a listing was a mistake; somebody else takes the card off. Proposing again changes nothing. Audited.

    Raises InvalidField without a reason, or for an entry that has ended.
    """
    if not reason.strip():
        raise InvalidField("reason", _("a removal needs a reason"))
    if HotListEntry.objects.get(pk=entry.pk).removed_at is not None:
        raise InvalidField("entry", _("this entry has ended"))
    removal, new = HotListRemoval.objects.get_or_create(
        entry=entry, defaults={"maker": actor, "reason": reason}
    )
    if new:
        detail = {"version": entry.version, "reason": reason}
        record_audit(
            actor=actor, action="hot_list.propose_removal", subject=f"card {entry.pan}", detail=detail
        )
    return removal


@transaction.atomic
def approve_removal(*, removal: HotListRemoval, actor: str, occurred_at: datetime) -> HotListRemoval:
    """Take a wrongly listed card off; one that was marked lost may pay again. Again changes nothing. Audited; holder told.

    Raises MakerIsChecker, and what `mark_found` raises.
    """
    if actor == removal.maker:
        raise MakerIsChecker
    first = HotListRemoval.objects.filter(pk=removal.pk, approved_at=None).update(
        checker=actor, approved_at=timezone.now()
    )
    current = HotListRemoval.objects.select_related("entry").get(pk=removal.pk)
    if not first:
        return current
    card = Card.objects.filter(pan=current.entry.pan).first()
    _end(current.entry.pan, occurred_at)
    if card is not None and current.entry.cause == HotListEntry.Cause.LOSS:
        mark_found(card=card, actor=actor, reason=current.reason, occurred_at=occurred_at)
        _end_loss(card, occurred_at)
    detail = {"version": current.entry.version, "maker": current.maker}
    record_audit(
        actor=actor, action="hot_list.approve_removal", subject=f"card {current.entry.pan}", detail=detail
    )
    if card is not None:
        _tell(card, Notice.Code.CARD_LISTED_WRONGLY)
    return current


@transaction.atomic
def list_carton(*, first: str, last: str, actor: str, reason: str, occurred_at: datetime) -> int:
    """List all cards of a range that nobody holds yet, from card number to card number; how many are listed now.

    For a carton lost on its way; what is listed already stays as it is. Raises InvalidField for numbers in the wrong order or
    more than CARTON_MAX cards, NotFound for a range without any. Audited.
    """
    if not first <= last:
        raise InvalidField("last", _("the range ends before it begins"))
    carton = Card.objects.filter(pan__range=(first, last), state__in=_NEVER_HELD)
    pans = list(carton.order_by("pan").values_list("pan", flat=True)[: CARTON_MAX + 1])
    if len(pans) > CARTON_MAX:
        raise InvalidField("last", _("a carton holds at most %(count)s cards") % {"count": CARTON_MAX})
    if not pans:
        raise NotFound(what=f"{first}–{last}")
    return list_lost_stock(numbers=pans, actor=actor, reason=reason, occurred_at=occurred_at)


@transaction.atomic
def list_lost_stock(*, numbers: Sequence[str], actor: str, reason: str, occurred_at: datetime) -> int:
    """List cards (sorted numbers) that nobody holds yet; how many. What is listed already stays as it is. Audited."""
    terms = {"cause": HotListEntry.Cause.CARTON, "reason": reason, "effective_at": occurred_at}
    HotListEntry.objects.bulk_create(
        (HotListEntry(pan=pan, **terms) for pan in numbers), ignore_conflicts=True
    )
    publish_soon()
    detail = {"first": numbers[0], "last": numbers[-1], "cards": len(numbers), "reason": reason}
    record_audit(actor=actor, action="hot_list.carton", subject=f"cards {numbers[0]}", detail=detail)
    return len(numbers)


@transaction.atomic
def unlist_found_stock(*, numbers: Sequence[str], actor: str, reason: str, occurred_at: datetime) -> int:
    """Take cards (sorted numbers) off that were listed as lost stock; how many were. Audited."""
    listed = HotListEntry.objects.filter(pan__in=numbers, cause=HotListEntry.Cause.CARTON, removed_at=None)
    count = listed.update(removed_at=occurred_at)
    publish_soon()
    detail = {"first": numbers[0], "last": numbers[-1], "cards": count, "reason": reason}
    record_audit(actor=actor, action="hot_list.carton_found", subject=f"cards {numbers[0]}", detail=detail)
    return count


@transaction.atomic
def remove_from_hot_list(
    *, entry: HotListEntry, actor: str, reason: str, occurred_at: datetime
) -> HotListEntry:
    """The card may pay again from `occurred_at` on; one that is off the list already stays as it is. Audited."""
    current = HotListEntry.objects.select_for_update(no_key=True).get(pk=entry.pk)
    if current.removed_at is not None:
        return current
    current.removed_at = occurred_at
    current.save(update_fields=["removed_at"])
    publish_soon()
    detail = {"version": current.version, "reason": reason}
    record_audit(actor=actor, action="remove_from_hot_list", subject=f"card {current.pan}", detail=detail)
    return current


def _end_loss(card: Card, when: datetime) -> None:
    """Off the list, and what the holder had reported is over."""
    _end(card.pan, when, cause=HotListEntry.Cause.LOSS)
    reports = LossReport.objects.filter(card=card, state=LossReport.State.STANDING)
    reports.update(state=LossReport.State.FOUND, ended_at=when)


def _end(pan: str, when: datetime, **which: str) -> None:
    HotListEntry.objects.filter(pan=pan, removed_at=None, **which).update(removed_at=when)
    publish_soon()


def _tell(card: Card, code: Notice.Code, **data: str) -> None:
    if card.citizen_id is not None:
        notify(card.citizen_id, code, card=mask_card(card.pan), **data)
