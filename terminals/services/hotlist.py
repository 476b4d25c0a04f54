"""The hot list: cards that must not be accepted. Loss is reported here, and terminals fetch the list."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Card
from accounts.services.cards import mark_lost
from citizencard.core.audit import record_audit
from terminals.models import HotListEntry


@transaction.atomic
def report_loss(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> HotListEntry:
    """The holder lost the card: it becomes LOST, and purchases from `occurred_at` on go to suspense.

    Reporting again returns the entry that stands. Raises IllegalCardTransition for a card nobody holds. Audited.
    """
    standing = HotListEntry.objects.filter(pan=card.pan, removed_at=None).first()
    if standing is not None:
        return standing
    mark_lost(card=card, actor=actor, reason=reason, occurred_at=occurred_at)
    entry = HotListEntry.objects.create(
        pan=card.pan, reason=reason, effective_at=occurred_at, listed_by=actor
    )
    record_audit(
        actor=actor, action="report_loss", subject=f"card {card.pan}", detail={"version": entry.version}
    )
    return entry


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
    detail = {"version": current.version, "reason": reason}
    record_audit(actor=actor, action="remove_from_hot_list", subject=f"card {current.pan}", detail=detail)
    return current
