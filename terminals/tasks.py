"""The field in the background: each task may run twice, at once or after a crash; the database knows what is done."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from citizencard.core.calendar import shanghai
from terminals.services.greys import settle_greys
from terminals.services.held import settle_held, settle_hot_listed
from terminals.services.losses import lapse_losses
from terminals.services.pricing import price_due_days
from terminals.services.publishing import publish_hot_list
from terminals.services.risk import run_risk as search
from terminals.services.usable import list_unusable

# What runs once a night is tried again soon; what runs every minute is tried again anyway.
_AGAIN: Final[dict[str, Any]] = {
    "autoretry_for": (OperationalError, InterfaceError),
    "retry_backoff": True,
    "max_retries": 10,
}


@shared_task(name="terminals.price_fares", **_AGAIN)
def price_fares() -> int:
    """Price every business date that is over; how many versions were written. Every night, after the cut-off."""
    return sum(priced.charges for priced in price_due_days())


@shared_task(name="terminals.run_risk", **_AGAIN)
def run_risk(iso_date: str | None = None) -> int:
    """Let every risk rule look at a business date, given as YYYY-MM-DD, yesterday by default; how many alerts are new."""
    now = timezone.now()
    day = date.fromisoformat(iso_date) if iso_date else shanghai(now).date() - timedelta(days=1)
    return sum(run.new for run in search(day=day, now=now))


@shared_task(name="terminals.publish_hot_list")
def publish_hot_list_now() -> str:
    """Publish what a crash or a sealed key service has left over. Every minute."""
    return str(publish_hot_list())


@shared_task(name="terminals.list_unusable")
def list_unusable_now() -> int:
    """Have terminals refuse cards that are not activated yet, or suspended. Every minute."""
    return list_unusable(now=timezone.now())


@shared_task(name="terminals.lapse_losses")
def lapse_losses_now() -> int:
    """End loss reports for now whose days are over. Every minute: the holder was told the time."""
    return lapse_losses(now=timezone.now())


@shared_task(name="terminals.settle_hot_listed")
def settle_hot_listed_now() -> int:
    """Decide who bears purchases with lost cards. Every minute; what is left is the next run's."""
    return settle_hot_listed()


@shared_task(name="terminals.settle_held", **_AGAIN)
def settle_held_now() -> str:
    """Give back what came too late or was not decided in time, and collect claims whose value has turned up. Every night."""
    return str(settle_held(now=timezone.now()))


@shared_task(name="terminals.settle_greys")
def settle_greys_now() -> int:
    """Settle, drop or close purchases without proof, by what has arrived since. Every minute."""
    return settle_greys()
