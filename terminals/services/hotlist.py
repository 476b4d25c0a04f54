"""The hot list: cards that must not be accepted. Loss is reported here, and terminals fetch the list."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Card
from accounts.services.cards import mark_lost
from citizencard.core.audit import record_audit
from terminals.models import HotListEntry
from terminals.services.publishing.hot_list import publish_soon


@transaction.atomic
def report_loss(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> HotListEntry:
    """The holder lost the card: it becomes LOST, and purchases from `occurred_at` on go to suspense.

    Reporting again returns the entry that stands. Raises IllegalCardTransition for a card nobody holds. Audited.
    """
    standing = HotListEntry.objects.filter(pan=card.pan, removed_at=None).first()
    if standing is not None:
        return standing
    mark_lost(card=card, actor=actor, reason=reason, occurred_at=occurred_at)
    entry = HotListEntry.objects.create(pan=card.pan, reason=reason, effective_at=occurred_at)
    publish_soon()
    record_audit(
        actor=actor, action="report_loss", subject=f"card {card.pan}", detail={"version": entry.version}
    )
    return entry
