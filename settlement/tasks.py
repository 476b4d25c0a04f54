"""Clearing in the background: each task names dates only and may run twice; the database knows what is done."""

from __future__ import annotations

import logging
from datetime import date
from typing import Any, Final

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.dispatch import receiver
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from citizencard.core.models import BusinessDay
from settlement.errors import CalendarMissing, NotCleared, NothingToPay
from settlement.locks import is_idle
from settlement.models import ClearingRun
from settlement.selectors.runs import due_days, late_days
from settlement.services import clearing, files, payouts, proving, reconciling, rolling
from settlement.services.disputes import settle_due
from settlement.services.parts import parts_planned

logger = logging.getLogger(__name__)
_RETRIES_MAX: Final = 10
_HELPERS_MAX: Final = 16
"""So many are called at most: a message without work costs a look at the run."""


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


@shared_task(name="settlement.watch_clearing")
def watch_clearing() -> list[str]:
    """Every minute: call workers for a due date that nobody works on, whatever became of its message; say what is late."""
    idle = [day for day in due_days() if is_idle(day)]
    if idle:
        clear_due_days.delay()
    for day in late_days():
        logger.error("business day %s should have been cleared by now", day)
    return [day.isoformat() for day in idle]


@receiver(parts_planned)
def call_workers(run: ClearingRun, parts: int, **kwargs: Any) -> None:
    """One message for each part but the sender's own. A broker that is away costs their help, not the clearing."""
    try:
        for _ in range(min(parts - 1, _HELPERS_MAX)):
            clear_day.delay(run.business_date.isoformat())
    except BrokerError:
        logger.warning("nobody could be called to help clearing %s", run.business_date)


@shared_task(
    name="settlement.prove_due_days",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def prove_due_days() -> list[str]:
    """Roll up and prove the sealed dates, and sign the files, that clearing could not, because the key service was closed at night."""
    rolling.roll_up_due_days()
    heads = proving.prove_due_days()
    files.sign_due_files()
    return [str(head) for head in heads]


@shared_task(
    name="settlement.reconcile_due_days",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def reconcile_due_days() -> list[str]:
    """Compare sealed dates that were not, and close what uploads, totals and bank files since then explain."""
    return [day.isoformat() for day in reconciling.reconcile_due_days()]


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
        try:
            return str(payouts.make_payouts(through=cleared.date, actor="clearing", now=timezone.now()))
        except (NothingToPay, NotCleared):
            return ""
        except CalendarMissing as error:
            logger.error("%s", error)
    return ""


@shared_task(
    name="settlement.settle_disputes",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def settle_disputes() -> str:
    """Every night: what the clock of disputes decides, and the credits that are owed back."""
    return str(settle_due(now=timezone.now()))
