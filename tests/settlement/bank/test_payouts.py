"""Merchants are paid what cleared dates have brought them: once, by several people's word, through files that never change."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Chart, Journal, LedgerAccount
from accounts.selectors.balances import account_balance_fen
from accounts.services.ledger import open_account
from benchmarks.city import Purchase, tap
from citizencard.core.errors import CitizenCardError, InvalidField, MakerIsChecker
from settlement.bankfiles.pain001 import read_pain001
from settlement.bankfiles.text import read_text
from settlement.bankfiles.values import BankAccount
from settlement.errors import IllegalPayoutStep
from settlement.models import BankFile, PayoutBatch, PayoutCarried, PayoutOrder
from settlement.selectors.audit import broken_invariants
from settlement.services import payouts
from settlement.services.bank_files import open_file
from settlement.services.clearing import clear_day
from settlement.services.payee_rules import approve_proposed, propose_payout_account, refuse_proposed
from terminals.models import Merchant
from tests.settlement.bank.bank import (
    BASIS,
    CHECKER,
    FOUNDED,
    MAKER,
    NOW,
    THIRD,
    approved,
    cleared_city,
    debits,
    give_account,
    made,
    sent,
    take,
)
from tests.settlement.rules import calendar, in_force, signed
from tests.settlement.small_city import DAY, NEXT_DAY

pytestmark = pytest.mark.django_db


def balance(chart: Chart, owner: str = "") -> int:
    return account_balance_fen(open_account(chart=chart, owner=owner).pk)


def due(code: str) -> int:
    return balance(Chart.SETTLEMENT_PAYABLE, code)


def carried(batch: PayoutBatch) -> dict[str, tuple[str, int]]:
    rows = batch.carried.values_list("merchant__code", "why", "amount_fen")
    return {code: (why, fen) for code, why, fen in rows}


def test_a_batch_holds_what_every_merchant_is_due(cleared: date) -> None:
    batch = made()
    orders = batch.orders.order_by("pk").values_list("end_to_end_id", "amount_fen", "state")
    assert list(orders) == [("20261102-M00001", 550, "waiting"), ("20261102-M00002", 2_071, "waiting")]
    assert (batch.number, batch.count, batch.total_fen, batch.state) == ("PO20261102", 2, 2_621, "drafted")
    assert batch.value_date == date(2026, 11, 3)
    # Drafted is not paid: nothing has moved, and nothing is made a second time.
    assert due("M00002") == 2_071
    assert made().pk == batch.pk
    assert PayoutBatch.objects.count() == 1


def test_what_a_contract_settles_later_waits_for_a_later_batch(city: date) -> None:
    signed("C3", "M00001", settle_days=3, valid_from=city.isoformat())
    cleared_city(city)
    batch = made()
    assert list(batch.orders.values_list("end_to_end_id", flat=True)) == ["20261102-M00002"]
    assert due("M00001") == 547  # of 550 fen the fee of 50/10,000 is taken
    clear_day(day=NEXT_DAY)
    thursday = NOW + timedelta(days=2)
    later = payouts.make_payouts(through=NEXT_DAY, actor="system", now=thursday)
    assert list(later.orders.values_list("end_to_end_id", "amount_fen")) == [("20261103-M00001", 547)]


def test_sending_moves_the_money_on_its_way_and_the_banks_booking_out_of_the_house(cleared: date) -> None:
    batch = sent()
    assert (due("M00001"), due("M00002"), balance(Chart.PAYOUTS_IN_TRANSIT)) == (0, 0, 2_621)
    take(debits(batch))
    assert (balance(Chart.PAYOUTS_IN_TRANSIT), balance(Chart.RESERVE_BANK)) == (0, -2_621)
    batch.refresh_from_db()
    assert batch.state == PayoutBatch.State.SETTLED
    assert broken_invariants() == []


def test_every_step_again_changes_nothing(cleared: date) -> None:
    for _turn in range(2):
        batch = made()
        if batch.state == "drafted":
            payouts.propose_payouts(batch=batch, actor=MAKER)
            payouts.propose_payouts(batch=batch, actor=MAKER)
        for _again in range(2):
            payouts.approve_payouts(batch=batch, actor=CHECKER)
        for _again in range(2):
            payouts.send_payouts(batch=batch, actor=MAKER, now=NOW)
    assert Journal.objects.filter(kind="payout_sent").count() == 1
    assert BankFile.objects.count() == 2
    assert balance(Chart.PAYOUTS_IN_TRANSIT) == 2_621


def test_the_files_are_the_batch_and_stay_the_same_bytes(cleared: date) -> None:
    batch = sent()
    files = {file.kind: open_file(file=file, actor=MAKER, reason="test") for file in batch.files.all()}
    orders = [read_pain001(files["pain.001"]), read_text(files["text"])]
    assert orders[0] == orders[1] == payouts.payment_order(batch)
    assert orders[0].total_fen == 2_621
    payment = orders[0].payments[0]
    assert payment.payee == BankAccount("示范商户M00001", "102397000011", "6222020200112230")
    assert payment.note == "市民卡结算款 2026-11-02"
    again = {file.kind: open_file(file=file, actor=MAKER, reason="again") for file in batch.files.all()}
    assert again == files
    # In the database nobody reads an account number.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT row_to_json(f)::text || row_to_json(a)::text FROM settlement_bankfile f, settlement_payoutaccount a"
        )
        assert all("6222020200112230" not in text for (text,) in cursor.fetchall())


def test_whoever_made_or_proposed_it_does_not_approve_it(cleared: date) -> None:
    batch = payouts.propose_payouts(batch=made(), actor=MAKER)
    for actor in (MAKER, "system"):
        with pytest.raises(MakerIsChecker):
            payouts.approve_payouts(batch=batch, actor=actor)
    with pytest.raises(IllegalPayoutStep):
        payouts.send_payouts(batch=batch, actor=MAKER, now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        PayoutBatch.objects.filter(pk=batch.pk).update(state="approved", approved_by=MAKER)
    assert payouts.approve_payouts(batch=batch, actor=CHECKER).state == "approved"


def test_a_large_batch_needs_a_third_person(cleared: date) -> None:
    from settlement.services.payee_rules import propose_payout_policy

    tighter = propose_payout_policy(
        second_approval_from_fen=2_621, valid_from=FOUNDED, legal_basis=BASIS, maker=MAKER
    )
    approve_proposed(row=tighter, checker=CHECKER)
    batch = payouts.propose_payouts(batch=made(), actor=MAKER)
    batch = payouts.approve_payouts(batch=batch, actor=CHECKER)
    assert (batch.state, batch.needs_second) == ("proposed", True)
    assert payouts.approve_payouts(batch=batch, actor=CHECKER).state == "proposed"
    with pytest.raises(IntegrityError), transaction.atomic():
        PayoutBatch.objects.filter(pk=batch.pk).update(state="approved", seconded_by=CHECKER)
    assert payouts.approve_payouts(batch=batch, actor=THIRD).state == "approved"


def test_what_cannot_be_paid_is_carried_forward_with_its_reason(cleared: date) -> None:
    LedgerAccount.objects.filter(code="2203.M00001").update(state="frozen")
    batch = made()
    assert carried(batch) == {"M00001": ("frozen", 550)}
    assert batch.count == 1
    payouts.refuse_payouts(batch=batch, actor=CHECKER, reason="M00001 is open again")
    LedgerAccount.objects.filter(code="2203.M00001").update(state="open")
    again = made()
    assert (again.number, again.count) == ("PO20261102.2", 2)
    assert set(again.orders.values_list("end_to_end_id", flat=True)) == {
        "20261102.2-M00001",
        "20261102.2-M00002",
    }
    assert broken_invariants() == []


def test_without_an_approved_account_a_merchant_waits(city: date) -> None:
    in_force(calendar(2026), "calendar")
    clear_day(day=city)
    with pytest.raises(CitizenCardError, match="2"):
        made()
    give_account("M00001")
    account = propose_payout_account(
        merchant=Merchant.objects.get(code="M00002"),
        account=BankAccount("示范商户", "102397000011", "6222020200112231"),
        valid_from=FOUNDED,
        legal_basis=BASIS,
        maker=MAKER,
    )
    batch = made()
    assert carried(batch) == {"M00002": (PayoutCarried.Why.NO_ACCOUNT, 2_071)}
    refuse_proposed(row=account, checker=CHECKER, reason="unknown")
    give_account("M00002")
    tap(NEXT_DAY, [Purchase(2, 1, 100)])
    clear_day(day=NEXT_DAY)
    # Both dates in the next batch; what waits in the first is not taken again.
    assert list(made(NEXT_DAY).orders.values_list("merchant__code", "amount_fen")) == [("M00002", 2_171)]


def test_a_payout_that_came_back_waits_for_a_new_account(cleared: date) -> None:
    from citizencard.sandbox.bank import Booking

    batch = sent()
    take([*debits(batch), Booking(550, end_to_end_id="20261102-M00001", returned="AC04")])
    batch.refresh_from_db()
    assert (batch.state, due("M00001")) == (PayoutBatch.State.PARTLY_RETURNED, 550)
    order = PayoutOrder.objects.get(end_to_end_id="20261102-M00001")
    assert (order.state, order.failure) == ("returned", "AC04")
    tap(NEXT_DAY, [Purchase(2, 1, 100)])
    clear_day(day=NEXT_DAY)
    batch = made(NEXT_DAY)
    assert carried(batch) == {"M00001": (PayoutCarried.Why.ACCOUNT_FAILED, 550)}
    payouts.refuse_payouts(batch=batch, actor=CHECKER, reason="new account")
    give_account("M00001", number="6222020200112249")
    assert made(NEXT_DAY).orders.get(merchant__code="M00001").amount_fen == 550
    assert broken_invariants() == []


def test_dates_that_are_not_cleared_are_not_paid(city: date) -> None:
    for day in (city, city - timedelta(days=1)):
        with pytest.raises(CitizenCardError, match="2026-11-0"):
            made(day)


CHANGES = (
    "UPDATE settlement_payoutorder SET amount_fen = amount_fen + 1",
    "UPDATE settlement_payoutorder SET state = 'rejected'",
    "UPDATE settlement_payoutorder SET state = 'waiting'",
    "UPDATE settlement_payoutbatch SET total_fen = total_fen + 1",
    "UPDATE settlement_payoutbatch SET state = 'approved', sent_at = NULL",
    "UPDATE settlement_payoutbatch SET approved_by = 'somebody'",
    "UPDATE settlement_payoutaccount SET number_mask = 'mine'",
    "UPDATE settlement_bankfile SET sha256 = ''",
    "DELETE FROM settlement_payoutorder",
    "DELETE FROM settlement_bankfile",
    "INSERT INTO settlement_payoutorder (batch_id, merchant_id, account_id, end_to_end_id, amount_fen, state, failure)"
    " SELECT batch_id, merchant_id + 2, account_id, 'mine', 1, 'waiting', '' FROM settlement_payoutorder LIMIT 1",
)


def test_what_was_sent_cannot_be_changed(cleared: date) -> None:
    batch = sent()
    take(debits(batch)[:1])
    for change in CHANGES:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with pytest.raises(IntegrityError), transaction.atomic():
                cursor.execute(change)


UNPAYABLE = (
    ("bank_code", BankAccount("商户", "10239700001", "6222020200112230")),
    ("number", BankAccount("商户", "102397000011", "6222")),
    ("number", BankAccount("商户", "102397000011", "DE22020200112230")),
    ("holder", BankAccount("商|户", "102397000011", "6222020200112230")),
    ("holder", BankAccount(" ", "102397000011", "6222020200112230")),
)


def test_an_account_that_no_bank_could_pay_is_refused(city: date) -> None:
    for field, account in UNPAYABLE:
        with pytest.raises(InvalidField) as refused:
            propose_payout_account(
                merchant=Merchant.objects.get(code="M00001"),
                account=account,
                valid_from=FOUNDED,
                legal_basis=BASIS,
                maker=MAKER,
            )
        assert refused.value.data["field"] == field


def test_an_approved_batch_is_refused_but_a_sent_one_is_not(cleared: date) -> None:
    batch = approved()
    with pytest.raises(InvalidField):
        payouts.refuse_payouts(batch=batch, actor=THIRD, reason=" ")
    payouts.refuse_payouts(batch=batch, actor=THIRD, reason="wrong day")
    assert cleared == DAY
    with pytest.raises(CitizenCardError):
        payouts.send_payouts(batch=batch, actor=MAKER, now=NOW)
    again = sent()
    with pytest.raises(CitizenCardError):
        payouts.refuse_payouts(batch=again, actor=THIRD, reason="too late")
    assert balance(Chart.PAYOUTS_IN_TRANSIT) == 2_621
