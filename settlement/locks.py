"""The locks of settlement. Clearing: a business date's steps are taken by one transaction at a time, who is at work can be
seen, dates are proved one after another, and rules stand still meanwhile. Payouts and the bank's files: one lock for all of them, taken before any
row's, for each decides on what the others leave.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from django.db import connection, transaction

from settlement.models import ClearingRun, Dispute, PayoutBatch

_CLEARING_LOCK: Final = 0x434C5244  # "CLRD"; the second key is the date's ordinal
_WORK_LOCK: Final = 0x574F524B  # "WORK"; shared by all who work on the date
_PROOFS_LOCK: Final = 0x5052_4F46  # "PROF"
_RULES_LOCK: Final = 0x53_5255_4C45  # "SRULE"
_ROLL_UPS_LOCK: Final = 0x524F_4C4C  # "ROLL"
_BANK_LOCK: Final = 0x42414E4B  # "BANK"
_RECONCILIATION_LOCK: Final = 0x5245_434E  # "RECN"


def lock_run(day: date) -> ClearingRun:
    """The run of `day`, made if need be, locked until the caller's transaction ends.

    Taken before the window lock of `citizencard.core.calendar`, never after it. Whoever comes second waits and then
    sees what the first has done. Raises TransactionManagementError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a clearing run is locked inside a transaction only")
    at_work(day)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_CLEARING_LOCK, day.toordinal()])
    ClearingRun.objects.bulk_create([ClearingRun(business_date=day)], ignore_conflicts=True)
    return ClearingRun.objects.select_for_update().get(business_date=day)


def at_work(day: date) -> None:
    """Let `is_idle` see that the caller's transaction works on the date."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [_WORK_LOCK, day.toordinal()])


@transaction.atomic
def is_idle(day: date) -> bool:
    """Nobody works on the date at this moment; between two steps it may seem so."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_WORK_LOCK, day.toordinal()])
        return bool(cursor.fetchone()[0])


def lock_proofs() -> None:
    """Dates are proved one after another: held until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PROOFS_LOCK])


def lock_roll_ups() -> None:
    """Dates are rolled up, and months closed, one after another: held until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ROLL_UPS_LOCK])


def lock_bank() -> None:
    """Payouts and the bank's files, until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_BANK_LOCK])


def lock_reconciliation() -> None:
    """Dates are compared one after another: held until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_RECONCILIATION_LOCK])


def lock_batch(pk: int) -> PayoutBatch:
    """The batch as it is now, after the bank's lock."""
    lock_bank()
    return PayoutBatch.objects.select_for_update(no_key=True).get(pk=pk)


def lock_rules() -> None:
    """Hold the rules of settlement as they are until the caller's transaction ends. Taken after the run's lock.

    Who changes them waits until nobody nets. Who nets waits as well: the month so far is that of one date after the other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_RULES_LOCK])


def lock_dispute(pk: int) -> Dispute:
    """A case as it is now, before its card: two people do not both take its next step."""
    disputes = Dispute.objects.select_for_update(of=("self",), no_key=True)
    return disputes.select_related("policy", "charge__card", "merchant__payable").get(pk=pk)
