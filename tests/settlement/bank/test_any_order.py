"""Payouts booked, returned and rejected in any order: what is in transit and what is due is exact, and nothing is paid twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Chart
from accounts.selectors.balances import account_balance_fen
from accounts.services.ledger import open_account
from benchmarks.city import Purchase, tap
from citizencard.core.models import BusinessDay
from citizencard.sandbox.bank import Booking, pain002
from settlement.errors import BankFileRefused
from settlement.models import BankEntry, PayoutOrder
from settlement.selectors import invariants
from settlement.services.clearing import clear_day
from settlement.services.order_status import import_status_report
from settlement.services.payouts import payment_order
from settlement.services.statements import import_statement
from tests.settlement.bank.bank import MAKER, NOW, PAYABLE, debits, give_account, sent, statement, take
from tests.settlement.small_city import DAY, NEXT_DAY

pytestmark = pytest.mark.django_db
EVENTS = st.lists(
    st.tuples(st.sampled_from(["debit", "return", "reject"]), st.sampled_from(PAYABLE)), max_size=7
)


def balance(chart: Chart, owner: str = "") -> int:
    return account_balance_fen(open_account(chart=chart, owner=owner).pk)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_whatever_the_bank_says_in_whatever_order(cleared: date, events: list[tuple[str, str]]) -> None:
    saved = transaction.savepoint()
    batch = sent()
    order = payment_order(batch)
    amounts = {payment.end_to_end_id[-6:]: payment.amount_fen for payment in order.payments}
    for event, code in events:
        name = f"20261102-{code}"
        if event == "reject":
            payments = [payment for payment in order.payments if payment.end_to_end_id == name]
            with suppress(BankFileRefused):
                import_status_report(content=pain002(order, payments), actor=MAKER, now=NOW)
        else:
            fen = amounts[code] * (1 if event == "return" else -1)
            take([Booking(fen, end_to_end_id=name, returned="AC04" if fen > 0 else "")])
    states = dict(PayoutOrder.objects.values_list("merchant__code", "state"))
    on_the_way = sum(amounts[code] for code, state in states.items() if state == "sent")
    assert balance(Chart.PAYOUTS_IN_TRANSIT) == on_the_way
    for code, state in states.items():
        due = amounts[code] if state in ("rejected", "returned") else 0
        assert balance(Chart.SETTLEMENT_PAYABLE, code) == due
    booked = Counter(BankEntry.objects.filter(what="payout").values_list("order_id", flat=True))
    assert all(times == 1 for times in booked.values())
    assert invariants.broken() == []
    transaction.savepoint_rollback(saved)


def test_day_after_day_every_merchant_is_paid_what_its_dates_brought_once(cleared: date) -> None:
    paid: Counter[str] = Counter()
    for number, day in enumerate((DAY, NEXT_DAY, NEXT_DAY + timedelta(days=1))):
        if number:
            tap(day, [Purchase(1, 1, 100 * number), Purchase(2, 2, 300)])
            clear_day(day=day)
        batch = sent(day)
        paid.update(dict(batch.orders.values_list("merchant__code", "amount_fen")))
        returned = Booking(
            batch.orders.get(merchant__code="M00002").amount_fen, f"{day:%Y%m%d}-M00002", returned="AC01"
        )
        take([*debits(batch), *([returned] if number == 0 else [])], day=day + timedelta(days=1))
        if number == 0:
            give_account("M00002", valid_from=NEXT_DAY, number="6222020200110001")
    # 550 + 100 + 200; what came back on the first day is paid again with the second's.
    assert paid["M00001"] == 850
    assert paid["M00002"] == 2_071 + (2_071 + 300) + 300
    assert (balance(Chart.SETTLEMENT_PAYABLE, "M00001"), balance(Chart.SETTLEMENT_PAYABLE, "M00002")) == (
        0,
        0,
    )
    assert invariants.broken() == []


Spoil = Callable[[list[bytes], int], list[bytes]]
SPOILS: dict[str, Spoil] = {
    "dropped": lambda lines, at: lines[:at] + lines[at + 1 :],
    "duplicated": lambda lines, at: [*lines[:at], lines[at], *lines[at:]],
    "swapped": lambda lines, at: [*lines[:at], *lines[at : at + 2][::-1], *lines[at + 2 :]],
}


def test_a_torn_or_dirty_statement_is_never_half_taken(
    open_day: BusinessDay, record_property: Callable[[str, object], None]
) -> None:
    """T8c: cut at every hundredth, entries dropped, duplicated and swapped; the good file is the control."""
    good = statement([Booking(100 + number, reference=f"R{number}") for number in range(40)])
    head, *entries = good.split(b"<Ntry>")
    tail = entries[-1][entries[-1].index(b"</Ntry>") + len(b"</Ntry>") :]
    entries[-1] = entries[-1][: -len(tail)]
    spoiled = [good[: len(good) * part // 100] for part in range(100)]
    for spoil in ("dropped", "duplicated"):
        for at in range(0, len(entries), 8):
            spoiled.append(b"<Ntry>".join([head, *SPOILS[spoil](entries, at)]) + tail)
    for content in spoiled:
        with pytest.raises(BankFileRefused):
            import_statement(content=content, actor=MAKER, now=NOW)
    assert not BankEntry.objects.exists()
    assert balance(Chart.RESERVE_BANK) == 0
    # The order of entries is nobody's money; the whole file is taken.
    swapped = b"<Ntry>".join([head, *SPOILS["swapped"](entries, 3)]) + tail
    assert import_statement(content=swapped, actor=MAKER, now=NOW).count == 40
    record_property("counted", f"dirty statements refused whole: {len(spoiled)}")


def test_without_the_check_of_sums_a_dropped_entry_would_be_taken(
    open_day: BusinessDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the one above: it is the check of balances and counts that finds it."""
    from settlement.bankfiles import camt053
    from settlement.models import BankStatement

    good = statement([Booking(100, reference="R1"), Booking(200, reference="R2")])
    start, end = good.index(b"<Ntry>"), good.index(b"</Ntry>") + len(b"</Ntry>")
    monkeypatch.setattr(camt053, "_check_totals", lambda given, statement: None)
    with pytest.raises(Exception, match="bank_statement_adds_up"), transaction.atomic():
        import_statement(content=good[:start] + good[end:], actor=MAKER, now=NOW)
    assert not BankStatement.objects.exists()
    assert len(camt053.read_camt053(good[:start] + good[end:]).lines) == 1
