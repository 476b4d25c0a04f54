"""What terminals are told of cards that nobody has activated: they stand on the hot list until somebody does.

A chip knows nothing of it, and activation may happen where no reader is; what every terminal has without a line is the list.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection, transaction

from accounts.models import Card
from accounts.services.activation import activate_with_proof
from terminals.models import HotListEntry
from terminals.services.publishing.hot_list import publish_soon

_LIST: Final = """
INSERT INTO terminals_hotlistentry (pan, cause, reason, effective_at, listed_by)
SELECT card.pan, 'inactive', '', %(now)s, 'activation' FROM accounts_card AS card
WHERE card.state = 'issued'
    AND NOT EXISTS (SELECT FROM terminals_hotlistentry AS entry WHERE entry.pan = card.pan AND entry.removed_at IS NULL)
ORDER BY card.id ON CONFLICT DO NOTHING
"""
_UNLIST: Final = """
UPDATE terminals_hotlistentry AS entry SET removed_at = %(now)s FROM accounts_card AS card
WHERE entry.cause = 'inactive' AND entry.removed_at IS NULL AND card.pan = entry.pan AND card.state = 'active'
"""


def activate(*, card: Card, document_number: str, actor: str, occurred_at: datetime) -> Card:
    """As `activate_with_proof`, and off the list now rather than with the next minute."""
    activated = activate_with_proof(
        card=card, document_number=document_number, actor=actor, occurred_at=occurred_at
    )
    with transaction.atomic():
        HotListEntry.objects.filter(pan=card.pan, cause=HotListEntry.Cause.INACTIVE, removed_at=None).update(
            removed_at=occurred_at
        )
        publish_soon()
    return activated


@transaction.atomic
def list_inactive(*, now: datetime) -> int:
    """List the cards that are issued and not active, and take those off that have become active; how many of both.

    Whoever issues a card need not think of it: this runs every minute. Again changes nothing.
    """
    with connection.cursor() as cursor:
        changed = 0
        for statement in (_LIST, _UNLIST):
            cursor.execute(statement, {"now": now})
            changed += cursor.rowcount
    if changed:
        publish_soon()
    return changed
