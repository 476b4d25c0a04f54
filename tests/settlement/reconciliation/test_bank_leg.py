"""Ledger and bank: payouts that are not there, came back, or nobody knows; each until the bank or people explain it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from accounts.models import Chart
from accounts.services.ledger import open_account
from benchmarks.city import Purchase, tap
from citizencard.sandbox.bank import Booking, pain002
from settlement.errors import BankFileRefused
from settlement.models import Difference, SuspenseItem
from settlement.selectors.differences import kinds_of_day, leg_figures
from settlement.services.clearing import clear_day
from settlement.services.order_status import import_status_report
from settlement.services.payouts import payment_order
from settlement.services.reconciling import reconcile_due_days
from settlement.services.statements import import_statement
from settlement.services.suspense import approve_resolution, propose_resolution
from tests.settlement.bank.bank import CHECKER, MAKER, NOW, debits, give_account, sent, statement, take
from tests.settlement.bank.conftest import cleared
from tests.settlement.small_city import DAY, NEXT_DAY

pytestmark = pytest.mark.django_db
__all__ = ["cleared"]
BANK = ("missing_at_bank", "returned", "unknown_at_bank", "bank_amount_differs")


def bank_leg() -> list[tuple[str, str, int]]:
    reconcile_due_days()
    rows = Difference.objects.filter(kind__in=BANK).order_by("pk")
    return [(row.kind, row.state, row.amount_fen) for row in rows]


def test_payouts_that_the_bank_has_booked_are_no_difference(cleared: date) -> None:
    batch = sent()
    assert bank_leg() == []  # on their way
    take(debits(batch))
    assert bank_leg() == []
    figures = leg_figures(DAY)
    assert (figures.ordered_fen, figures.paid_fen, figures.returned_fen) == (2_621, 2_621, 0)


def test_a_payout_that_the_statement_lacks_is_missing_until_a_later_one_has_it(cleared: date) -> None:
    batch = sent()
    first, second = debits(batch)
    take([first])
    assert bank_leg() == [("missing_at_bank", "open", 2_071)]
    take([second], day=DAY + timedelta(days=2))
    assert bank_leg() == [("missing_at_bank", "explained", 2_071)]


def test_what_was_rejected_ends_with_the_next_payout_that_arrives(cleared: date) -> None:
    batch = sent()
    order = payment_order(batch)
    import_status_report(content=pain002(order, [order.payments[0]]), actor=MAKER, now=NOW)
    assert bank_leg() == [("returned", "open", 550)]
    tap(NEXT_DAY, [Purchase(1, 1, 100)])
    clear_day(day=NEXT_DAY)
    give_account("M00001", number="6222020200119999", valid_from=NEXT_DAY)
    again = sent(NEXT_DAY)
    assert bank_leg()[0] == ("returned", "open", 550)
    take(debits(batch) + debits(again))
    assert bank_leg()[0] == ("returned", "explained", 550)


def test_an_entry_that_nobody_knows_ends_with_its_suspense_item(cleared: date) -> None:
    take([Booking(700, reference="?")])
    assert bank_leg() == [("unknown_at_bank", "open", 700)]
    item = SuspenseItem.objects.get()
    fees = open_account(chart=Chart.FEE_INCOME)
    proposed = propose_resolution(item=item, target=fees.code, reason="利息", actor=MAKER)
    assert bank_leg() == [("unknown_at_bank", "open", 700)]
    approve_resolution(item=proposed, actor=CHECKER, now=NOW)
    assert bank_leg() == [("unknown_at_bank", "explained", 700)]


def test_a_statement_with_another_amount_is_refused_and_a_difference_until_a_right_one_comes(
    cleared: date,
) -> None:
    batch = sent()
    first, second = debits(batch)
    wrong = Booking(first.signed_fen - 1, end_to_end_id=first.end_to_end_id)
    with pytest.raises(BankFileRefused):
        take([wrong, second])
    assert bank_leg() == [("bank_amount_differs", "open", 0)]
    import_statement(content=statement([first, second]), actor=MAKER, now=NOW + timedelta(hours=1))
    assert bank_leg() == [("bank_amount_differs", "explained", 0)]
    (line,) = [line for line in kinds_of_day(NOW.date()) if line.kind == "bank_amount_differs"]
    assert (line.standing, line.closed) == (0, 1)
