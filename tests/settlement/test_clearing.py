"""A business date is cleared: what the merchants earned, once, to the fen."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Chart, LedgerAccount, Transfer
from accounts.selectors.balances import account_balance_fen, trial_balance
from accounts.services.ledger import Leg, post_journal
from benchmarks.city import Purchase, found_city, tap, tap_many
from citizencard.core.calendar import SHANGHAI, BusinessDayNotOpen, assign_business_date
from citizencard.core.errors import CitizenCardError
from citizencard.core.models import BusinessDay
from settlement.errors import NettingDiffers
from settlement.models import ClearingRun, Statement
from settlement.selectors import invariants
from settlement.selectors.audit import audit_books
from settlement.services import clearing
from settlement.services.clearing import clear_day, clear_due_days
from settlement.services.proposals import found_contract
from terminals.models import Merchant, Tap
from tests.settlement.small_city import DAY, NEXT_DAY
from tests.settlement.test_audit import tamper

DAYTIME = datetime(2026, 11, 2, 12, tzinfo=SHANGHAI)


def statement(code: str) -> Statement:
    return Statement.objects.get(merchant__code=code)


def settled_fen(code: str) -> int:
    return account_balance_fen(Merchant.objects.get(code=code).settlement_id)


def test_a_cleared_day_pays_every_merchant_its_net(city: date) -> None:
    run = clear_day(day=city)

    assert run.state == ClearingRun.State.CLEARED
    assert run.finished_at is not None
    # M00001 pays 7/10,000 and M00002 14/10,000: 550 fen owe 0.385, 2,074 fen owe 2.9036 fen.
    assert (run.taps, run.gross_fen, run.fee_fen, run.net_fen) == (5, 2_624, 3, 2_621)
    assert settled_fen("M00001") == 550
    assert settled_fen("M00002") == 2_071
    assert account_balance_fen(LedgerAccount.objects.get(code=Chart.FEE_INCOME).pk) == 3


def test_what_the_merchant_earned_beyond_the_balance_is_paid_and_what_is_suspended_is_not(city: date) -> None:
    clear_day(day=city)

    second, third = statement("M00002"), statement("M00003")
    assert (second.taps, second.gross_fen) == (3, 2_074)
    assert (second.suspended_taps, second.suspended_fen) == (1, 500)
    assert (third.taps, third.gross_fen, third.net_fen) == (0, 0, 0)
    assert (third.suspended_taps, third.suspended_fen) == (1, 640)
    assert settled_fen("M00003") == 0


def test_a_merchant_without_taps_has_no_statement(city: date) -> None:
    clear_day(day=city)
    assert not Statement.objects.filter(merchant__code="M00004").exists()


def test_the_books_are_clean_and_the_day_is_sealed(city: date) -> None:
    clear_day(day=city)

    audit = audit_books()
    assert audit.breaches == []
    assert sum(row.debit_fen - row.credit_fen for row in audit.trial_balance) == 0
    assert BusinessDay.objects.get(date=city).state == BusinessDay.State.CLOSED
    assert BusinessDay.objects.get(date=NEXT_DAY).state == BusinessDay.State.OPEN


def test_clearing_a_cleared_day_again_changes_nothing(city: date) -> None:
    first = clear_day(day=city)
    transfers = Transfer.objects.count()

    again = clear_day(day=city)

    assert (again.digest, again.finished_at) == (first.digest, first.finished_at)
    assert Transfer.objects.count() == transfers
    assert Statement.objects.count() == 3


def test_a_day_without_taps_is_cleared_to_zero(city: date) -> None:
    clear_day(day=city)

    run = clear_day(day=NEXT_DAY)

    assert run.state == ClearingRun.State.CLEARED
    assert (run.taps, run.gross_fen) == (0, 0)


def test_a_day_that_never_was_cannot_be_cleared(city: date) -> None:
    with pytest.raises(BusinessDayNotOpen):
        clear_day(day=date(2026, 12, 24))
    assert not ClearingRun.objects.exists()


def test_a_late_tap_falls_into_the_open_day(city: date) -> None:
    clear_day(day=city)

    assert assign_business_date() == NEXT_DAY
    tap(NEXT_DAY, [Purchase(1, 1, 100)])

    assert clear_day(day=NEXT_DAY).gross_fen == 100
    assert settled_fen("M00001") == 650


def test_a_sealed_day_takes_no_transfer(city: date) -> None:
    clear_day(day=city)
    merchant = Merchant.objects.get(code="M00001")
    leg = Leg(merchant.payable_id, merchant.settlement_id, 1, Transfer.Kind.SETTLEMENT, 999, DAYTIME)
    with pytest.raises(CitizenCardError), transaction.atomic():
        post_journal(key="late", kind="test", actor="test", source="test", legs=[leg], business_date=city)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE settlement_statement SET taps = taps + 1",
        "DELETE FROM settlement_statement",
        "TRUNCATE settlement_statement CASCADE",
        "UPDATE settlement_clearingrun SET digest = NULL",
        "DELETE FROM settlement_clearingrun",
    ],
)
def test_what_was_cleared_cannot_be_changed(city: date, change: str) -> None:
    clear_day(day=city)
    with connection.cursor() as cursor:
        # No foreign key may wait for its check, or TRUNCATE is refused for that alone.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)


def test_a_tap_the_ledger_does_not_know_stops_the_netting(city: date) -> None:
    tamper("UPDATE terminals_tap SET merchant_id = merchant_id + 1 WHERE amount_fen = 200")

    with pytest.raises(NettingDiffers, match="M00001"):
        clear_day(day=city)

    assert ClearingRun.objects.get().state == ClearingRun.State.CUT_OFF
    assert not Statement.objects.exists()
    assert BusinessDay.objects.get(date=city).state == BusinessDay.State.CLOSING


def test_a_transfer_without_tap_stops_the_netting(city: date) -> None:
    held = LedgerAccount.objects.get(code=Chart.COUNTER_CASH)
    idle = Merchant.objects.get(code="M00004")
    leg = Leg(held.pk, idle.payable_id, 5, Transfer.Kind.PURCHASE, 999, DAYTIME)
    post_journal(key="odd", kind="test", actor="test", source="test", legs=[leg])

    with pytest.raises(NettingDiffers):
        clear_day(day=city)


def test_broken_books_are_netted_but_not_sealed(city: date, caplog: pytest.LogCaptureFixture) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_purse SET balance_fen = balance_fen + 1")

    with caplog.at_level(logging.ERROR), pytest.raises(CitizenCardError) as refused:
        clear_day(day=city)

    assert refused.value.code == "audit_broken"
    assert ClearingRun.objects.get().state == ClearingRun.State.POSTED
    assert BusinessDay.objects.get(date=city).state == BusinessDay.State.CLOSING
    assert caplog.records


def test_a_day_is_sealed_once_its_books_are_right_again(city: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_purse SET balance_fen = balance_fen + 1")
        with pytest.raises(CitizenCardError):
            clear_day(day=city)
        digest = ClearingRun.objects.get().digest
        cursor.execute("UPDATE accounts_purse SET balance_fen = balance_fen - 1")

    run = clear_day(day=city)

    assert (run.state, run.digest) == (ClearingRun.State.CLEARED, digest)


def test_the_work_does_not_grow_with_the_merchants(db: None) -> None:
    queries = []
    for merchants in (3, 60):
        saved = transaction.savepoint()
        found_city(DAY, merchants=merchants, cards=5)
        tap_many(DAY, merchants=merchants, cards=5, taps=600)
        with CaptureQueriesContext(connection) as captured:
            assert clear_day(day=DAY).taps == 594
        queries.append(len(captured))
        transaction.savepoint_rollback(saved)
    assert queries[0] == queries[1]


def test_due_days_are_cleared_in_order_after_nights_missed(city: date) -> None:
    runs = clear_due_days(today=city + timedelta(days=4))

    assert [run.business_date for run in runs] == [city + timedelta(days=n) for n in range(4)]
    assert assign_business_date() == city + timedelta(days=4)
    assert clear_due_days(today=city + timedelta(days=4)) == []


def test_one_bad_night_does_not_keep_later_days_open(city: date, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = clearing.failing

    def broken_on_first(check: str, *, day: date) -> list[object]:
        return [*checked(check, day=day), *(["odd"] if (check, day) == ("taps", city) else [])]

    monkeypatch.setattr(clearing, "failing", broken_on_first)

    with pytest.raises(CitizenCardError, match="odd"):
        clear_due_days(today=city + timedelta(days=2))

    states = dict(ClearingRun.objects.values_list("business_date", "state"))
    assert states == {city: "posted", NEXT_DAY: "cleared"}
    assert assign_business_date() == city + timedelta(days=2)


def test_today_is_not_due(city: date) -> None:
    assert clear_due_days(today=city) == []


purchases = st.lists(
    st.builds(
        Purchase,
        merchant=st.integers(1, 3),
        card=st.integers(1, 3),
        amount_fen=st.integers(0, 2_000),
        outcome=st.sampled_from(Tap.Outcome),
    ),
    max_size=20,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(purchases=purchases, rates=st.lists(st.integers(0, 10_000), min_size=3, max_size=3))
def test_any_day_nets_to_zero_and_loses_no_fen(db: None, purchases: list[Purchase], rates: list[int]) -> None:
    saved = transaction.savepoint()
    found_city(DAY, merchants=3, cards=3)
    for number, rate in enumerate(rates, start=1):
        merchant = Merchant.objects.get(code=f"M{number:05}")
        found_contract(merchant=merchant, rate_basis_points=rate, valid_from=DAY)
    tap(DAY, purchases)

    run = clear_day(day=DAY)

    earned = [item for item in purchases if item.outcome in (Tap.Outcome.ACCEPTED, Tap.Outcome.OVER_BALANCE)]
    assert run.gross_fen == sum(item.amount_fen for item in earned) == run.fee_fen + run.net_fen
    for found in Statement.objects.select_related("merchant"):
        number = int(found.merchant.code[1:])
        gross = sum(item.amount_fen for item in earned if item.merchant == number)
        exact = Decimal(gross) * rates[number - 1] / 10_000
        assert found.fee_fen == int(exact.quantize(Decimal(1), ROUND_HALF_UP))
        assert account_balance_fen(found.merchant.payable_id) == 0
        assert account_balance_fen(found.merchant.settlement_id) == gross - found.fee_fen
    assert sum(row.debit_fen - row.credit_fen for row in trial_balance()) == 0
    assert invariants.broken() == []
    transaction.savepoint_rollback(saved)
