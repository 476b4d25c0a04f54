"""Fares in the background: the task may run twice, at once or after a crash; the database knows what is done."""

from __future__ import annotations

from celery import shared_task
from django.db import InterfaceError, OperationalError

from terminals.services.pricing import price_due_days

_RETRIES_MAX = 10


@shared_task(
    name="terminals.price_fares",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def price_fares() -> int:
    """Price every business date that is over; how many versions were written. Every night, after the cut-off."""
    return sum(priced.charges for priced in price_due_days())
