"""What has happened to a card's holder, in the field's eyes: nobody pays with the card of a dead person."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Card, PersonChange
from accounts.services import changes
from terminals.models import HotListEntry
from terminals.services.publishing.hot_list import publish_soon

_CAUSE = HotListEntry.Cause.DECEASED


@transaction.atomic
def approve_change(*, change: PersonChange, checker: str, occurred_at: datetime) -> PersonChange:
    """As `accounts.services.changes.approve_change`; suspended cards go on the hot list, reinstated ones off it."""
    done = changes.approve_change(change=change, checker=checker, occurred_at=occurred_at)
    if done.kind == PersonChange.Kind.DECEASED:
        held = Card.objects.filter(citizen=done.citizen_id, state=Card.State.SUSPENDED)
        # One that is on the list for something else stays there for that.
        HotListEntry.objects.bulk_create(
            (
                HotListEntry(
                    pan=pan, cause=_CAUSE, reason=done.source, effective_at=occurred_at, listed_by=checker
                )
                for pan in held.values_list("pan", flat=True)
            ),
            ignore_conflicts=True,
        )
    elif done.kind == PersonChange.Kind.ALIVE:
        cards = Card.objects.filter(citizen=done.citizen_id).values("pan")
        HotListEntry.objects.filter(pan__in=cards, cause=_CAUSE, removed_at=None).update(
            removed_at=occurred_at
        )
    publish_soon()
    return done
