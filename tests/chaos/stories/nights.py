"""The night: a date is cleared, and what it has brought the merchants is paid out, each as if nobody had ever been killed."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Final

from django.db.models import Sum
from django.utils import timezone

from accounts.models import Journal, Transfer
from benchmarks.city import Purchase, found_city, tap
from benchmarks.databases import copied_database
from citizencard.core.models import BusinessDay
from settlement.models import BankFile, ClearingRun, PayoutBatch, Statement
from settlement.selectors.statements import canonical_lines
from settlement.services import payouts
from settlement.services.clearing import clear_day
from terminals.models import Tap
from tests.chaos.gateway import Gateway
from tests.chaos.house import TEMPLATE
from tests.chaos.stories.story import Story, differences
from tests.settlement.bank.bank import CHECKER, MAKER, THIRD, give_account
from tests.settlement.rules import calendar, in_force

FIRST: Final = date(2026, 1, 1)
PURCHASES: Final = (
    Purchase(1, 1, 20),
    Purchase(1, 2, 35),
    Purchase(2, 1, 19),
    Purchase(2, 3, 700, Tap.Outcome.OVER_BALANCE),
    Purchase(2, 2, 5, Tap.Outcome.HOT_LISTED),
    Purchase(3, 2, 64, Tap.Outcome.COUNTER_CONFLICT),
)
"""So small that the cards can pay for some hundred dates of them. M00001 earns 55 and M00002 719, less a fee of 1."""
STATEMENTS: Final = 3
PAID: Final = ("M00001", "M00002")


def night_city() -> date:
    """Four merchants, two of whom can be paid; its open date."""
    found_city(FIRST, merchants=4, cards=3)
    for year in (2026, 2027):
        in_force(calendar(year), "calendar")
    for code in PAID:
        give_account(code)
    return FIRST


def left_behind(day: date) -> str:
    """All that the clearing of a date leaves, but the date itself and numbers that sequences gave out, as a digest."""
    lines = [line.removeprefix(day.isoformat()) for line in canonical_lines(day)]
    transfers = Transfer.objects.filter(
        business_date=day, kind__gte=Transfer.Kind.FEE, kind__lt=Transfer.Kind.PAYOUT_SENT
    )
    moved = sorted(transfers.values_list("kind", "debit_id", "credit_id", "amount_fen"))
    return sha256(repr((lines, moved)).encode()).hexdigest()


@lru_cache(maxsize=1)
def undisturbed() -> str:
    """What a quiet run leaves of a date of PURCHASES, in a city of its own."""
    with copied_database(TEMPLATE):
        day = night_city()
        tap(day, PURCHASES)
        clear_day(day=day)
        return left_behind(day)


def _tapped(gateway: Gateway) -> date:
    """The open date, with PURCHASES."""
    if not BusinessDay.objects.exists():
        night_city()
    day: date = BusinessDay.objects.filter(state=BusinessDay.State.OPEN).values_list("date", flat=True).get()
    tap(day, PURCHASES)
    return day


def _clear(gateway: Gateway, day: date) -> None:
    clear_day(day=day)


def _cleared_once(gateway: Gateway, day: date) -> list[str]:
    run = ClearingRun.objects.get(business_date=day)
    return differences(
        state=(run.state, ClearingRun.State.CLEARED),
        statements=(Statement.objects.filter(run=run).count(), STATEMENTS),
        journals=(Journal.objects.filter(kind="clearing", business_date=day).count(), 1),
        left=(left_behind(day), undisturbed()),
    )


def _cleared(gateway: Gateway) -> date:
    day = _tapped(gateway)
    clear_day(day=day)
    return day


def _pay(gateway: Gateway, day: date) -> None:
    """The night makes the batch, and people do their parts."""
    batch = payouts.make_payouts(through=day, actor="clearing", now=timezone.now())
    if batch.state == PayoutBatch.State.DRAFTED:
        payouts.propose_payouts(batch=batch, actor=MAKER)
    for actor in (CHECKER, THIRD):
        if PayoutBatch.objects.get(pk=batch.pk).state == PayoutBatch.State.PROPOSED:
            payouts.approve_payouts(batch=batch, actor=actor)
    payouts.send_payouts(batch=batch, actor=MAKER, now=timezone.now())


def _paid_once(gateway: Gateway, day: date) -> list[str]:
    """Every fen that any date has brought is on its way once; the batch has its two files."""
    batches = PayoutBatch.objects.filter(through=day)
    sent = Transfer.objects.filter(kind=Transfer.Kind.PAYOUT_SENT)
    earned = Statement.objects.filter(run_id__lte=day).aggregate(fen=Sum("net_fen"))["fen"]
    return differences(
        batches=(list(batches.values_list("state", flat=True)), [PayoutBatch.State.SENT]),
        sent=(sent.aggregate(fen=Sum("amount_fen"))["fen"], earned),
        orders=(sent.values("source_id").distinct().count(), sent.count()),
        files=(BankFile.objects.filter(batch__in=batches).count(), 2),
    )


STORIES = (
    Story("a date cleared", _tapped, _clear, _clear, _cleared_once),
    Story("payouts made, approved and sent", _cleared, _pay, _pay, _paid_once),
)
