"""The bank's side in tests: its statements and status reports as bytes, and a city whose merchants can be paid."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts.models import Chart, Transfer
from accounts.services.ledger import Leg, open_account, post_journal
from citizencard.core.calendar import SHANGHAI
from citizencard.sandbox.bank import Booking, camt053
from settlement.bankfiles.values import BankAccount
from settlement.models import BankStatement, PayoutBatch
from settlement.selectors.bank import last_statement
from settlement.services import payouts
from settlement.services.clearing import clear_day
from settlement.services.payee_rules import (
    approve_proposed,
    propose_bank_source,
    propose_payout_account,
    propose_payout_policy,
)
from settlement.services.statements import import_statement
from terminals.models import Merchant
from tests.settlement.rules import calendar, in_force
from tests.settlement.small_city import DAY

NOW = datetime(2026, 11, 3, 1, 0, tzinfo=SHANGHAI)
MAKER, CHECKER, THIRD = "maker", "checker", "third"
BASIS = "商户协议 2026-01"
FOUNDED = date(2026, 1, 1)
PAYABLE = ("M00001", "M00002")
"""Who is due something after the small city's day: 550 and 2,071 fen."""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Receipt:
    """Money that comes in under a reference."""

    reference: str
    amount_fen: int


def give_account(code: str, *, valid_from: date = FOUNDED, number: str = "6222020200112230") -> None:
    account = propose_payout_account(
        merchant=Merchant.objects.get(code=code),
        account=BankAccount(f"示范商户{code}", "102397000011", number),
        valid_from=valid_from,
        legal_basis=BASIS,
        maker=MAKER,
    )
    approve_proposed(row=account, checker=CHECKER)


def one_approval_is_enough() -> None:
    policy = propose_payout_policy(
        second_approval_from_fen=1_000_000, valid_from=FOUNDED, legal_basis=BASIS, maker=MAKER
    )
    approve_proposed(row=policy, checker=CHECKER)


def name_sources() -> None:
    """The gateway settles under GW-, the counter's cash comes in under CASH-."""
    for prefix, chart in (("GW-", Chart.GATEWAY_RECEIVABLE), ("CASH-", Chart.COUNTER_CASH)):
        source = propose_bank_source(
            prefix=prefix, chart=chart, valid_from=FOUNDED, legal_basis=BASIS, maker=MAKER
        )
        approve_proposed(row=source, checker=CHECKER)


def cleared_city(day: date = DAY) -> date:
    """The small city's day, cleared, with accounts for who is due something. The city must be founded."""
    for year in sorted({day.year, timezone.localdate().year}):  # the office pays by the clock on the wall
        in_force(calendar(year), kind="calendar")
    clear_day(day=day)
    for code in PAYABLE:
        give_account(code)
    one_approval_is_enough()
    name_sources()
    return day


def made(day: date = DAY) -> PayoutBatch:
    return payouts.make_payouts(through=day, actor="system", now=NOW)


def approved(day: date = DAY) -> PayoutBatch:
    batch = payouts.propose_payouts(batch=made(day), actor=MAKER)
    return payouts.approve_payouts(batch=batch, actor=CHECKER)


def sent(day: date = DAY) -> PayoutBatch:
    return payouts.send_payouts(batch=approved(day), actor=MAKER, now=NOW)


def debits(batch: PayoutBatch) -> list[Booking]:
    """The bank carries out every order that is on its way."""
    return [
        Booking(-order.amount_fen, end_to_end_id=order.end_to_end_id)
        for order in batch.orders.filter(state="sent").order_by("pk")
    ]


def statement(
    bookings: list[Booking],
    *,
    day: date = DAY + timedelta(days=1),
    number: str = "",
    opening_fen: int | None = None,
    account: str = "",
) -> bytes:
    """The bank's next statement."""
    last = last_statement()
    standing = last.closing_fen if last else 0
    return camt053(
        bookings,
        number=number or f"S{next(_numbers):05}",
        account=account or settings.RESERVE_ACCOUNT_NUMBER,
        day=day,
        opening_fen=standing if opening_fen is None else opening_fen,
    )


def take(bookings: list[Booking], **terms: object) -> BankStatement:
    return import_statement(content=statement(bookings, **terms), actor=MAKER, now=NOW)  # type: ignore[arg-type]


def claim(chart: Chart, amount_fen: int) -> None:
    """Somebody owes us money that will come in at the bank: cash in the drawer, the gateway's receivable."""
    number = next(_numbers)
    leg = Leg(
        open_account(chart=chart).pk,
        open_account(chart=Chart.DISPUTED).pk,
        amount_fen,
        Transfer.Kind.CORRECTION,
        number,
        NOW,
    )
    post_journal(key=f"claim:{number}", kind="test", actor="test", source="test", legs=[leg])
