"""Dates of settlement: when a business date is cut off, and when what it settled is paid."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.db.models import Exists, OuterRef

from citizencard.core.calendar import SHANGHAI, shanghai
from settlement.errors import CalendarMissing
from settlement.models import CalendarDay, CalendarYear, Contract, CutOff, Statement


def value_date(day: date, contract: Contract) -> date:
    """The date on which what `contract` settles of the business date `day` is paid: its working days later, else the next one.

    By the newest approved calendar. Raises CalendarMissing for a year it would need and nobody has approved.
    """
    return _after(day, contract.settle_days)


def next_working_day(day: date) -> date:
    """The first day after `day` on which the bank pays. Raises CalendarMissing."""
    return _after(day, 1)


def clock_date(day: date, working_days: int) -> date:
    """The day by which something is to be done that takes so many working days from `day`.

    Where nobody has approved the calendar every day counts: no one waits longer because we have none.
    """
    try:
        return _after(day, working_days)
    except CalendarMissing:
        return day + timedelta(days=working_days)


def payable_until(by: date, settle_days: int) -> date:
    """The last business date whose money is due by the working day `by`, where it is due so many working days later.

    Raises CalendarMissing.
    """
    found, missing = by, max(settle_days - 1, 0)
    while missing:
        found -= timedelta(days=1)
        missing -= _works(found)
    return found - timedelta(days=1) if settle_days else found


def cut_off_at(day: date) -> datetime:
    """When the business date `day` ends: the midnight after it, and so many minutes more as the rule of that date says."""
    rule = CutOff.objects.filter(valid_from__lte=day).order_by("-valid_from").first()
    midnight = datetime.combine(day + timedelta(days=1), time(), SHANGHAI)
    return midnight + timedelta(minutes=rule.minutes if rule else 0)


def business_date_at(now: datetime) -> date:
    """The business date that is still running at an instant; all before it are due to be cleared."""
    today = shanghai(now).date()
    yesterday = today - timedelta(days=1)
    return yesterday if now < cut_off_at(yesterday) else today


def waiting_for_contract() -> list[Statement]:
    """Statements made on dates without a contract whose merchants have had none since: their payout waits."""
    later = Contract.objects.filter(merchant=OuterRef("merchant"), valid_from__gt=OuterRef("run"))
    statements = Statement.objects.filter(~Exists(later), contract=None, fee_basis_points=0).exclude(
        net_fen=0
    )
    return list(statements.select_related("merchant").order_by("run", "merchant__code"))


def _after(day: date, working_days: int) -> date:
    found, missing = day, working_days
    works = _works(found)
    while missing or not works:
        found += timedelta(days=1)
        works = _works(found)
        missing -= works and missing > 0
    return found


def _works(day: date) -> bool:
    year = CalendarYear.objects.filter(year=day.year).order_by("-pk").first()
    if year is None:
        raise CalendarMissing(year=day.year)
    return year.days.get(date=day).kind in CalendarDay.WORK
