"""A month's end: two dates of the small city, cleared and agreed with the bank, and the next month begun."""

from __future__ import annotations

from datetime import date

from benchmarks.city import Purchase, found_city, tap
from settlement.services.clearing import clear_day
from settlement.services.reserve import file_reserve_report
from terminals.models import Merchant, Tap, Terminal
from terminals.services.places import save_line, save_place
from tests.settlement.bank.bank import MAKER, NOW, take

FIRST, LAST = date(2026, 11, 29), date(2026, 11, 30)
MONTH = date(2026, 11, 1)


def traded_month() -> date:
    """M00001 drives line K1 in 丰泽区; nothing is reconciled yet. Needs the key service. The value is the month's first day."""
    found_city(FIRST, merchants=3, cards=2)
    merchant = Merchant.objects.get(code="M00001")
    line = save_line(code="K1", name="K1路", merchant=merchant)
    bus = save_place(code="B1", name="B1", kind="vehicle", merchant=merchant, line=line, county="350503")
    Terminal.objects.filter(code="TM00001").update(site=bus)
    for day, fen in (FIRST, 10_000), (LAST, 20_000):
        tap(day, [Purchase(1, 1, fen), Purchase(2, 2, 300), Purchase(2, 1, 40, Tap.Outcome.HOT_LISTED)])
        clear_day(day=day)
    return MONTH


def reconcile() -> None:
    """The bank's statement of each date, and its reserve-fund report."""
    for day in FIRST, LAST:
        take([], day=day)
        file_reserve_report(day=day, actor=MAKER, now=NOW)
