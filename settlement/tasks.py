"""Clearing in the background: each task names dates only and may run twice; the database knows what is done."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Final

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from citizencard.core.models import BusinessDay
from settlement.errors import NotCleared, NothingToPay
from settlement.services import clearing, payouts

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
    name="settlement.make_payouts",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def make_payouts() -> str:
    """Draft the payout batch of the last cleared date, for people to look through; empty where there is nothing to pay."""
    cleared = BusinessDay.objects.filter(state=BusinessDay.State.CLOSED).order_by("-date").first()
    if cleared is not None:
        with suppress(NothingToPay, NotCleared):
            return str(payouts.make_payouts(through=cleared.date, actor="clearing", now=timezone.now()))
    return ""
