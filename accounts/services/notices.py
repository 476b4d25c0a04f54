"""Telling citizens what happened to their cards."""

from __future__ import annotations

from uuid import UUID

from accounts.models import Notice


def notify(citizen_id: UUID, code: Notice.Code, **data: str) -> Notice:
    """Leave a message, in the transaction of what it tells. `data` fills the sentence; no card number in full."""
    return Notice.objects.create(citizen_id=citizen_id, code=code, data=data)
