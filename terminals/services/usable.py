"""What terminals are told of cards that are held and may not pay: not activated yet, or suspended. They stand on the hot list.

A chip knows nothing of it, and activation may happen where no reader is; what every terminal has without a line is the list.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection, transaction

from accounts.models import Card
from accounts.services.activation import activate_with_proof
from accounts.services.cards import let_card_go_on, suspend_card
from citizencard.core.audit import record_audit
from terminals.services.publishing.hot_list import publish_soon

_LIST: Final = """
INSERT INTO terminals_hotlistentry (pan, cause, reason, effective_at, listed_by)
SELECT card.pan, CASE card.state WHEN 'issued' THEN 'inactive' ELSE 'suspended' END, '', %(now)s, 'state of the card'
FROM accounts_card AS card
WHERE card.state IN ('issued', 'suspended') AND (%(pan)s::text IS NULL OR card.pan = %(pan)s)
    AND NOT EXISTS (SELECT FROM terminals_hotlistentry AS entry WHERE entry.pan = card.pan AND entry.removed_at IS NULL)
ORDER BY card.id ON CONFLICT DO NOTHING
"""
_UNLIST: Final = """
UPDATE terminals_hotlistentry AS entry SET removed_at = %(now)s FROM accounts_card AS card
WHERE entry.cause IN ('inactive', 'suspended') AND entry.removed_at IS NULL AND card.pan = entry.pan
    AND card.state = 'active' AND (%(pan)s::text IS NULL OR entry.pan = %(pan)s)
"""


def activate(*, card: Card, document_number: str, actor: str, occurred_at: datetime) -> Card:
    """As `activate_with_proof`, and off the list now rather than with the next minute."""
    activated = activate_with_proof(
        card=card, document_number=document_number, actor=actor, occurred_at=occurred_at
    )
    list_unusable(now=occurred_at, card=activated)
    return activated


@transaction.atomic
def suspend(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """The office stops a card for a while, and terminals refuse it. Raises IllegalCardTransition. Audited."""
    stopped = suspend_card(card=card, actor=actor, reason=reason, occurred_at=occurred_at)
    list_unusable(now=occurred_at, card=stopped)
    record_audit(actor=actor, action="card.suspend", subject=f"card:{card.pan}", detail={"reason": reason})
    return stopped


@transaction.atomic
def let_go_on(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """A suspended card may pay again. Raises IllegalCardTransition. Audited."""
    freed = let_card_go_on(card=card, actor=actor, reason=reason, occurred_at=occurred_at)
    list_unusable(now=occurred_at, card=freed)
    record_audit(actor=actor, action="card.let_go_on", subject=f"card:{card.pan}", detail={"reason": reason})
    return freed


@transaction.atomic
def list_unusable(*, now: datetime, card: Card | None = None) -> int:
    """List what is issued and not active, or suspended, and take off what has become active; how many of both.

    All cards, or one. Whoever takes a card's step need not think of it: this runs every minute. Again changes nothing.
    """
    with connection.cursor() as cursor:
        changed = 0
        for statement in (_LIST, _UNLIST):
            cursor.execute(statement, {"now": now, "pan": card.pan if card else None})
            changed += cursor.rowcount
    if changed:
        publish_soon()
    return changed
