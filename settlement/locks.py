"""The locks of settlement: a business date's run is worked on by one transaction at a time, and by rules that stand still."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.db import connection, transaction

from settlement.models import Adjustment, ClearingRun

_CLEARING_LOCK: Final = 0x434C5244  # "CLRD"; the second key is the date's ordinal
_RULES_LOCK: Final = 0x53_5255_4C45  # "SRULE"


def lock_run(day: date) -> ClearingRun:
    """The run of `day`, made if need be, locked until the caller's transaction ends.

    Taken before the window lock of `citizencard.core.calendar`, never after it. Whoever comes second waits and then
    sees what the first has done. Raises TransactionManagementError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a clearing run is locked inside a transaction only")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_CLEARING_LOCK, day.toordinal()])
    ClearingRun.objects.bulk_create([ClearingRun(business_date=day)], ignore_conflicts=True)
    return ClearingRun.objects.select_for_update().get(business_date=day)


def lock_rules() -> None:
    """Hold the rules of settlement as they are until the caller's transaction ends. Taken after the run's lock.

    Who changes them waits until nobody nets. Who nets waits as well: the month so far is that of one date after the other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_RULES_LOCK])


def lock_adjustment(adjustment_id: int) -> Adjustment:
    """An adjustment, locked until the caller's transaction ends."""
    return Adjustment.objects.select_for_update(no_key=True).get(pk=adjustment_id)
