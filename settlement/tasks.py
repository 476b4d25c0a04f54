"""Clearing in the background: each task names dates only and may run twice; the database knows what is done."""

from __future__ import annotations

from datetime import date
from typing import Final

from celery import shared_task
from django.db import InterfaceError, OperationalError

from settlement.services import clearing, files, proving

_RETRIES_MAX: Final = 10


@shared_task(
    name="settlement.clear_due_days",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def clear_due_days() -> list[str]:
    """Clear every day before today; the nightly task, and the catch-up after nights without one."""
    return [str(run) for run in clearing.clear_due_days()]


@shared_task(
    name="settlement.clear_day",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def clear_day(iso_date: str) -> str:
    """Clear one business date, given as YYYY-MM-DD."""
    return str(clearing.clear_day(day=date.fromisoformat(iso_date)))


@shared_task(
    name="settlement.prove_due_days",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def prove_due_days() -> list[str]:
    """Prove the sealed dates, and sign the files, that clearing could not, because the key service was closed at night."""
    heads = proving.prove_due_days()
    files.sign_due_files()
    return [str(head) for head in heads]
