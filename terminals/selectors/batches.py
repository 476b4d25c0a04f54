"""Uploads as they were answered."""

from __future__ import annotations

from django.db.models import Case, Value, When

from terminals.models import Batch, Terminal
from terminals.wire.batch import is_stored_no


def find_batch(*, terminal: Terminal, number: str) -> Batch | None:
    """The processed batch of that number, else the newest refused one, else None."""
    if not is_stored_no(number):
        return None
    refused_last = Case(When(state=Batch.State.PROCESSED, then=Value(0)), default=Value(1))
    found: Batch | None = (
        Batch.objects.filter(terminal=terminal, number=number).order_by(refused_last, "-pk").first()
    )
    return found
