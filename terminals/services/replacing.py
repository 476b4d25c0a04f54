"""Replacing a card in the field's eyes: no terminal takes the old one any more."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Card, Replacement
from accounts.services.replacements import replace_card
from terminals.models import HotListEntry
from terminals.services.publishing.hot_list import publish_soon


@transaction.atomic
def replace_and_list(
    *, card: Card, cause: str, actor: str, occurred_at: datetime, new: Card | None = None
) -> Replacement:
    """As `replace_card`; a card that was not lost goes on the hot list now. A lost one is on it, and stays."""
    replacement = replace_card(card=card, cause=cause, actor=actor, occurred_at=occurred_at, new=new)
    if not HotListEntry.objects.filter(pan=card.pan, removed_at=None).exists():
        HotListEntry.objects.create(
            pan=card.pan,
            cause=HotListEntry.Cause.REPLACED,
            reason=replacement.get_cause_display(),
            effective_at=occurred_at,
            listed_by=actor,
        )
        publish_soon()
    return replacement
