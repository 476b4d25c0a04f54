"""Top-ups, refunds, holds, passes and concessions in the background: each task may run twice, at once or after a crash; the database knows what is done."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from accounts.errors import GatewayUnavailable
from accounts.services import (
    batch_issue,
    concessions,
    direct_debit,
    expiry,
    gateway_refunds,
    guardians,
    holds,
    mandates,
    matching,
    pass_lapses,
    products,
    refund_payout,
    refund_waiting,
    repair,
    replacements,
)
from citizencard.core.calendar import shanghai
from citizencard.core.errors import KeyServiceUnavailable

_RETRIES_MAX: Final = 10


@shared_task(name="accounts.repair_topups")
def repair_topups() -> str:
    """Settle stuck top-ups. Every minute; what is not settled now is the next run's."""
    return str(repair.repair_topups(now=timezone.now()))


@shared_task(name="accounts.send_gateway_refunds")
def send_gateway_refunds() -> int:
    """Send refunds to the gateway and ask after those under way. Every minute."""
    return gateway_refunds.send_gateway_refunds(now=timezone.now())


@shared_task(name="accounts.advance_refunds")
def advance_refunds() -> int:
    """Let card refunds go on that have waited long enough, and take over what the gateway paid of them. Every minute."""
    now = timezone.now()
    return refund_waiting.advance_refunds(now=now) + refund_payout.follow_gateway_refunds(now=now)


@shared_task(name="accounts.expire_holds")
def expire_holds() -> int:
    """Free what was reserved and not captured in time. Every minute."""
    return holds.expire_holds(now=timezone.now())


@shared_task(name="accounts.collect_mandates")
def collect_mandates() -> int:
    """Ask about open requests for mandates, then collect where a purse is low; how many. Every minute."""
    now = timezone.now()
    mandates.confirm_requests(now=now)
    return direct_debit.collect_due(now=now)


@shared_task(
    name="accounts.match_topups",
    autoretry_for=(OperationalError, InterfaceError, GatewayUnavailable),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def match_topups(iso_date: str | None = None) -> str:
    """Compare a date's top-ups, given as YYYY-MM-DD, with the gateway, the chips and the ledger; yesterday by default."""
    yesterday = shanghai(timezone.now()).date() - timedelta(days=1)
    day = date.fromisoformat(iso_date) if iso_date else yesterday
    return str(matching.match_topups(day))


@shared_task(
    name="accounts.expire_passes",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def expire_passes(iso_date: str | None = None) -> int:
    """Book what time has taken of passes before a date, given as YYYY-MM-DD, today by default; how many were touched."""
    day = date.fromisoformat(iso_date) if iso_date else shanghai(timezone.now()).date()
    return sum(iter(lambda: pass_lapses.expire_passes(day), 0))


@shared_task(name="accounts.apply_products")
def apply_products() -> int:
    """Put card products in force whose date has come; how many. Every night."""
    return products.apply_products(now=timezone.now())


@shared_task(name="accounts.move_replaced")
def move_replaced() -> int:
    """Move the money of replaced cards whose waiting is over; how many. Every hour."""
    return replacements.move_due(now=timezone.now())


@shared_task(
    name="accounts.review_wards",
    autoretry_for=(OperationalError, InterfaceError, KeyServiceUnavailable),
    retry_backoff=True,
    max_retries=_RETRIES_MAX,
)
def review_wards() -> int:
    """End guardianships of those who are of age, and ask those who are 14 for their own consent; how many. Every morning."""
    now = timezone.now()
    return guardians.review_wards(day=shanghai(now).date(), occurred_at=now)


@shared_task(name="accounts.remind_holders")
def remind_holders() -> int:
    """Tell holders whose concession or card ends soon; how many. Every morning; each is told once for each reminder."""
    today = shanghai(timezone.now()).date()
    return concessions.remind_holders(today=today) + expiry.remind_of_expiry(today=today)


@shared_task(name="accounts.run_issue_batches")
def run_issue_batches() -> int:
    """Carry out approved lists, chunk by chunk, from where they are; how many were finished. Every minute."""
    return batch_issue.run_approved()
