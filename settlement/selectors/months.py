"""Closed months: what stands against closing one, what was kept of it, and whether the books still say the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection
from django.utils.translation import gettext as _

from citizencard.core.models import BusinessDay
from settlement.errors import ReportDiffers
from settlement.models import MonthClose, MonthReport
from settlement.selectors.invariants import rolled_up_wrong
from settlement.selectors.reports.catalogue import REPORTS
from settlement.selectors.reports.frame import Kind, Report, frozen, thawed
from settlement.selectors.reports.scope import Scope

_DATES: Final = """
SELECT date, day.state = 'closed', EXISTS (SELECT FROM settlement_rollup WHERE run_id = date),
    EXISTS (SELECT FROM settlement_reservereport WHERE business_date = date)
FROM core_businessday AS day WHERE date BETWEEN %s AND %s ORDER BY date
"""


@dataclass(frozen=True, slots=True)
class Verified:
    """One kept report: its digest holds, and the books give the same figures."""

    code: str
    digest: str
    is_intact: bool
    is_reproduced: bool


def hindrances(month: date) -> list[str]:
    """What stands against closing a month, in words, oldest date first; empty: nothing."""
    scope = Scope.month(month)
    with connection.cursor() as cursor:
        cursor.execute(_DATES, [scope.first, scope.last])
        dates = cursor.fetchall()
    if not dates or not BusinessDay.objects.filter(date__gt=scope.last).exists():
        return [_("the month is not over")]
    return [words for day in dates for words in _hindrances_of(*day)]


def closed_report(scope: Scope, code: str) -> Report | None:
    """The report as it was kept when its month was closed; None of an open month, or of a part of one.

    Raises ReportDiffers when it no longer has its digest.
    """
    if scope.only or scope != Scope.month(scope.first):
        return None
    kept = MonthReport.objects.filter(
        close__month=scope.first, close__state=MonthClose.State.CLOSED, code=code
    ).first()
    if kept is None:
        return None
    if not _is_intact(kept):
        raise ReportDiffers(month=f"{scope.first:%Y-%m}", report=code)
    return thawed(bytes(kept.content))


def contents(month: date) -> dict[str, bytes]:
    """Every report of the month in canonical form, by code: what closing it keeps."""
    scope = Scope.month(month)
    return {kind.code: frozen(kind.document(scope)) for kind in REPORTS.values() if kind.frozen}


def verified(close: MonthClose) -> Iterator[Verified]:
    """Each report that was kept, beside what the books say today. Names may have changed since; figures may not."""
    scope = Scope.month(close.month)
    for kept in close.reports.order_by("code"):
        is_intact = _is_intact(kept)
        yield Verified(
            code=kept.code,
            digest=bytes(kept.digest).hex(),
            is_intact=is_intact,
            is_reproduced=is_intact
            and _figures(thawed(bytes(kept.content))) == _figures(REPORTS[kept.code].document(scope)),
        )


def wrong_dates(close: MonthClose) -> list[str]:
    """Where roll-ups of the month are not what the ledger moved; empty is good."""
    scope = Scope.month(close.month)
    days = BusinessDay.objects.filter(date__range=(scope.first, scope.last)).order_by("date")
    return [str(breach) for day in days for breach in rolled_up_wrong(day.date)]


def _hindrances_of(day: date, is_sealed: bool, is_rolled_up: bool, is_reconciled: bool) -> Iterator[str]:
    if not is_sealed:
        yield _("%(date)s is not sealed") % {"date": day}
    elif not is_rolled_up:
        yield _("%(date)s is not rolled up") % {"date": day}
    elif not is_reconciled:
        yield _("%(date)s has no reserve-fund report") % {"date": day}


def _is_intact(kept: MonthReport) -> bool:
    return hashlib.sha256(bytes(kept.content)).digest() == bytes(kept.digest)


def _figures(report: Report) -> list[list[int | str | None]]:
    """The counts and amounts of every row, in order."""
    return [
        [cell for column, cell in zip(section.columns, row, strict=True) if column.kind != Kind.TEXT]
        for section in report.sections
        for row in section.rows
    ]
