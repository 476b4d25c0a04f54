"""Business days: which window a posting falls into, opening and closing windows.

Everything that posts calls `assign_business_date` inside its transaction; the date stays open until that commits.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import CitizenCardError
from citizencard.core.models import BusinessDay

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_WINDOW_LOCK: Final = 0x42554459  # "BUDY": advisory lock held shared by postings, exclusively by the close


class NoOpenBusinessDay(CitizenCardError):
    """No business day is open yet; `manage.py open_day` or the nightly run opens one."""

    code = "no_open_business_day"
    status = 503
    message = _("No business day is open.")


class BusinessDayNotOpen(CitizenCardError):
    """Only the open day can be closed: data `date`."""

    code = "business_day_not_open"
    status = 409
    message = _("Business day %(date)s is not open.")


def assign_business_date() -> date:
    """The open business date. It cannot close before the caller's transaction ends. Raises NoOpenBusinessDay."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_WINDOW_LOCK])
        cursor.execute("SELECT date FROM core_businessday WHERE state = 'open'")
        row = cursor.fetchone()
    if row is None:
        raise NoOpenBusinessDay
    opened: date = row[0]
    return opened


def open_business_day(day: date) -> BusinessDay:
    """Open the first business day of a new city; a day that is already there is returned as it is."""
    return BusinessDay.objects.get_or_create(date=day)[0]


@transaction.atomic
def cut_off(day: date) -> BusinessDay:
    """Stop assigning `day` and open the next one. Waits for postings in flight. Raises BusinessDayNotOpen.

    A day that is already closing or closed is returned unchanged, so a restarted run may cut off again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_WINDOW_LOCK])
    window = BusinessDay.objects.select_for_update().filter(date=day).first()
    if window is None:
        raise BusinessDayNotOpen(date=day)
    if window.state == BusinessDay.State.OPEN:
        window.state = BusinessDay.State.CLOSING
        window.save(update_fields=["state"])
        BusinessDay.objects.create(date=day + timedelta(days=1))
    return window


def seal(day: date) -> None:
    """Close `day` for good: from now on the database refuses transfers for it."""
    BusinessDay.objects.filter(date=day, state=BusinessDay.State.CLOSING).update(
        state=BusinessDay.State.CLOSED, closed_at=timezone.now()
    )


def database_time() -> datetime:
    """The moment by the database's clock, the one that all machines share: what is due must not depend on who asks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def shanghai(when: datetime) -> datetime:
    """The same instant on the city's clocks."""
    return when.astimezone(SHANGHAI)
