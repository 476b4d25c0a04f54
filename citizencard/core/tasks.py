"""The audit trail in the background."""

from __future__ import annotations

from celery import shared_task
from django.db import InterfaceError, OperationalError

from citizencard.core.audit_heads import sign_audit_heads
from citizencard.core.errors import KeyServiceUnavailable


@shared_task(
    name="core.sign_audit_heads",
    autoretry_for=(OperationalError, InterfaceError, KeyServiceUnavailable),
    retry_backoff=True,
    max_retries=10,
)
def sign_audit_heads_due() -> list[str]:
    """Sign the head of each date that is over; every hour, so that a closed key service only delays it."""
    return [str(head) for head in sign_audit_heads()]
