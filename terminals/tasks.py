"""The field in the background: each task may run twice, at once or after a crash; the database knows what is done."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from citizencard.core.calendar import shanghai
from terminals.services.risk import run_risk as search

_RETRIES_MAX: Final = 10


@shared_task(
    name="terminals.run_risk",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def run_risk(iso_date: str | None = None) -> int:
    """Let every risk rule look at a business date, given as YYYY-MM-DD, yesterday by default; how many alerts are new."""
    now = timezone.now()
    day = date.fromisoformat(iso_date) if iso_date else shanghai(now).date() - timedelta(days=1)
    return sum(run.new for run in search(day=day, now=now))
