"""What has happened to a card's holder, in the field's eyes: nobody pays with the card of a dead person."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Card, PersonChange
from accounts.services import changes
from terminals.models import LossReport
from terminals.services.losses import report_card_lost
from terminals.services.usable import list_unusable


@transaction.atomic
def approve_change(*, change: PersonChange, checker: str, occurred_at: datetime) -> PersonChange:
    """As `accounts.services.changes.approve_change`; the hot list follows the cards at once rather than with the next minute."""
    done = changes.approve_change(change=change, checker=checker, occurred_at=occurred_at)
    for card in done.citizen.cards.order_by("pk"):
        if done.kind == PersonChange.Kind.DECEASED and card.state == Card.State.LOST_TEMP:
            # Else it would be usable again after some days.
            report_card_lost(
                card=card,
                kind=LossReport.Kind.FORMAL,
                channel=LossReport.Channel.COUNTER,
                actor=checker,
                reason=done.source,
                occurred_at=occurred_at,
            )
        list_unusable(now=occurred_at, card=card)
    return done
