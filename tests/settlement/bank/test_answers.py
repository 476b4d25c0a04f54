"""What the bank answers to a payout file, the reserve-fund check, and the end of what nobody could explain."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Chart, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.services.ledger import open_account
from accounts.services.subsidies import open_subsidy_payer, receive_subsidy_funds
from citizencard.core.errors import CitizenCardError, InvalidField, MakerIsChecker
from citizencard.core.models import BusinessDay
from citizencard.sandbox.bank import Booking, answer, pain002
from settlement.errors import BankFileRefused, NoBankStatement, ReserveDiffers
from settlement.models import BankFile, PayoutBatch, PayoutOrder, ReserveReport, SuspenseItem
from settlement.selectors import reserve
from settlement.selectors.audit import broken_invariants
from settlement.selectors.reserve import closing_statement, reserve_position, waiting_at_bank
from settlement.selectors.suspense import suspense_ageing
from settlement.services.bank_files import open_file
from settlement.services.clearing import clear_day
from settlement.services.order_status import import_status_report
from settlement.services.payouts import payment_order
from settlement.services.reserve import check_reserve, file_reserve_report
from settlement.services.statements import import_statement
from settlement.services.suspense import (
    approve_resolution,
    assign_item,
    propose_resolution,
    refuse_resolution,
)
from tests.settlement.bank.bank import CHECKER, MAKER, NOW, claim, debits, give_account, sent, take
from tests.settlement.small_city import DAY, NEXT_DAY

pytestmark = pytest.mark.django_db


def balance(chart: Chart, owner: str = "") -> int:
    return account_balance_fen(open_account(chart=chart, owner=owner).pk)


def states() -> list[str]:
    return list(PayoutOrder.objects.order_by("pk").values_list("state", flat=True))


def book_funds(amount_fen: int) -> None:
    """A subsidy payer's money, booked by hand before the bank has shown it."""
    payer = open_subsidy_payer(code="MZJ", name="民政局", actor=MAKER)
    receive_subsidy_funds(payer=payer, amount_fen=amount_fen, reference="MZJ-1", actor=MAKER, occurred_at=NOW)


def status(batch: PayoutBatch, *rejected: int) -> bytes:
    order = payment_order(batch)
    return pain002(order, [order.payments[index] for index in rejected])


def fault(content: bytes) -> str:
    before = Transfer.objects.count()
    with pytest.raises(BankFileRefused) as refused:
        import_status_report(content=content, actor=MAKER, now=NOW)
    assert Transfer.objects.count() == before
    return str(refused.value.data["problems"][0].fault.value)


def test_an_accepted_order_stays_on_its_way(cleared: date) -> None:
    batch = import_status_report(content=status(sent()), actor=MAKER, now=NOW)
    assert (batch.state, states()) == ("sent", ["sent", "sent"])


def test_a_rejected_payment_is_owed_again_and_the_rest_goes_on(cleared: date) -> None:
    batch = sent()
    import_status_report(content=status(batch, 1), actor=MAKER, now=NOW)
    assert states() == ["sent", "rejected"]
    assert PayoutOrder.objects.get(state="rejected").failure == "AC04"
    assert (balance(Chart.SETTLEMENT_PAYABLE, "M00002"), balance(Chart.PAYOUTS_IN_TRANSIT)) == (2_071, 550)
    take([*debits(batch), Booking(-2_071, end_to_end_id="20261102-M00002")])
    assert SuspenseItem.objects.get().kind == "paid_after_rejection"
    batch.refresh_from_db()
    assert batch.state == PayoutBatch.State.PARTLY_RETURNED
    assert broken_invariants() == []


def test_a_rejected_file_pays_nobody(cleared: date) -> None:
    batch = import_status_report(content=status(sent(), 0, 1), actor=MAKER, now=NOW)
    assert (batch.state, states()) == ("partly_returned", ["rejected", "rejected"])
    assert balance(Chart.PAYOUTS_IN_TRANSIT) == 0
    assert broken_invariants() == []


def test_a_report_that_contradicts_what_was_sent_is_refused_whole(cleared: date) -> None:
    batch = sent()
    good = status(batch, 1)
    wrong = {
        "unknown_batch": good.replace(b"PO20261102<", b"PO20261101<"),
        "unknown_order": good.replace(b"20261102-M00002", b"20261102-M00009"),
        "count": good.replace(b"<OrgnlNbOfTxs>2<", b"<OrgnlNbOfTxs>3<"),
        "sum": good.replace(b"<OrgnlCtrlSum>26.21<", b"<OrgnlCtrlSum>26.22<"),
        "status": good.replace(b"RJCT", b"MINE"),
        "xml": good[: len(good) // 2],
    }
    assert {name: fault(content) for name, content in wrong.items()} == {name: name for name in wrong}
    assert states() == ["sent", "sent"]
    import_status_report(content=good, actor=MAKER, now=NOW)
    assert fault(good) == "duplicate"
    take(debits(batch))
    # The bank has booked it; a rejection now is no rejection.
    assert fault(status(batch, 0)) == "status"


def test_the_sandbox_bank_plays_a_batch_to_its_end(cleared: date) -> None:
    give_account("M00001", number="6222020200110000", valid_from=DAY)
    batch = sent()
    claim(Chart.GATEWAY_RECEIVABLE, 9_000)
    order = open_file(file=batch.files.get(kind="pain.001"), actor=MAKER, reason="upload")
    report, statement = answer(order, opening_fen=0, receipts=[Booking(9_000, reference="GW-1")])
    import_status_report(content=report, actor=MAKER, now=NOW)
    import_statement(content=statement, actor=MAKER, now=NOW)
    assert states() == ["rejected", "paid"]
    assert balance(Chart.RESERVE_BANK) == 9_000 - 2_071
    assert reserve_position(closing_statement(NEXT_DAY), NEXT_DAY).difference_fen == 0  # type: ignore[arg-type]
    assert broken_invariants() == []


def test_the_reserve_agrees_to_the_fen_and_its_report_is_filed_once(cleared: date) -> None:
    claim(Chart.COUNTER_CASH, 700)
    take([Booking(700, reference="CASH-1")], day=DAY)
    # Booked on the open date and known to the bank the date before: late, not different.
    position = check_reserve(day=DAY, actor=MAKER, now=NOW)
    assert (position.late_fen, position.ledger_fen, position.bank_fen, position.difference_fen) == (
        700,
        0,
        700,
        0,
    )
    assert position.required_fen == 700
    report = file_reserve_report(day=DAY, actor=MAKER, now=NOW)
    assert file_reserve_report(day=DAY, actor=CHECKER, now=NOW).made_by == MAKER == report.made_by
    with pytest.raises(CitizenCardError, match=str(NEXT_DAY)):
        file_reserve_report(day=NEXT_DAY, actor=MAKER, now=NOW)  # not sealed yet


def test_one_fen_of_difference_blocks_the_report_and_is_an_incident_until_it_is_gone(
    city: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    book_funds(1)
    clear_day(day=DAY)
    monkeypatch.setattr(reserve, "WAITING_DAYS_MAX", 0)  # as if it had been booked a week ago
    take([], day=DAY)
    for _turn in range(2):
        with pytest.raises(ReserveDiffers):
            file_reserve_report(day=DAY, actor=MAKER, now=NOW)
    incident = SuspenseItem.objects.get()
    assert (incident.signed_fen, incident.state, incident.owner) == (-1, "open", "supervisor")
    with pytest.raises(InvalidField):
        propose_resolution(item=incident, target="6003", reason="away with it", actor=MAKER)
    figures = asdict(check_reserve(day=DAY, actor=MAKER, now=NOW))
    del figures["day"], figures["ledger_fen"]
    with pytest.raises(IntegrityError), transaction.atomic():
        ReserveReport.objects.create(business_date=DAY, made_by=MAKER, **figures)
    take([Booking(1, reference="MZJ-1")], day=DAY)
    assert file_reserve_report(day=DAY, actor=MAKER, now=NOW).bank_fen == 1
    incident.refresh_from_db()
    assert incident.state == "gone"


def test_what_is_booked_and_not_at_the_bank_is_known_by_line(cleared: date) -> None:
    book_funds(300)
    take([], day=NEXT_DAY)
    position = check_reserve(day=NEXT_DAY, actor=MAKER, now=NOW)
    assert (position.waiting_fen, position.bank_fen, position.difference_fen) == (300, 0, 0)
    assert [each.signed_fen for each in waiting_at_bank(NEXT_DAY)] == [300]
    take([Booking(300, reference="MZJ-1")], day=NEXT_DAY)
    assert waiting_at_bank(NEXT_DAY) == []


def test_a_date_without_a_statement_has_no_report(cleared: date) -> None:
    with pytest.raises(NoBankStatement):
        file_reserve_report(day=DAY, actor=MAKER, now=NOW)
    take([], day=DAY - timedelta(days=2))
    with pytest.raises(NoBankStatement):
        file_reserve_report(day=DAY, actor=MAKER, now=NOW)
    # The next statement begins after the date: the bank had nothing to tell of it.
    take([Booking(5)], day=NEXT_DAY)
    assert file_reserve_report(day=DAY, actor=MAKER, now=NOW).bank_fen == 0


def test_an_item_is_resolved_by_two_people_and_only_then_moves(open_day: BusinessDay) -> None:
    take([Booking(900, note="?"), Booking(-40, note="fee")])
    receipt, fee = SuspenseItem.objects.order_by("pk")
    assign_item(item=receipt, owner="supervisor", assignee="li", actor=MAKER)
    with pytest.raises(InvalidField):
        propose_resolution(item=receipt, target="1012", reason=" ", actor=MAKER)
    for target in ("1001", "2241", "9999", "2011"):
        with pytest.raises(InvalidField):
            propose_resolution(item=receipt, target=target, reason="x", actor=MAKER)
    for code in (Chart.FEE_INCOME, Chart.WRITE_OFF):
        open_account(chart=code)
    propose_resolution(item=receipt, target="6001", reason="late fee", actor=MAKER)
    refuse_resolution(item=receipt, actor=CHECKER, reason="show the letter")
    propose_resolution(item=receipt, target="6001", reason="letter 7", actor=MAKER)
    with pytest.raises(MakerIsChecker):
        approve_resolution(item=receipt, actor=MAKER, now=NOW)
    assert balance(Chart.SUSPENSE_PAYABLE) == 900
    for _turn in range(2):
        approve_resolution(item=receipt, actor=CHECKER, now=NOW)
    propose_resolution(item=fee, target="6711", reason="account fee", actor=MAKER)
    approve_resolution(item=fee, actor=CHECKER, now=NOW)
    assert (balance(Chart.SUSPENSE_PAYABLE), balance(Chart.SUSPENSE_RECEIVABLE)) == (0, 0)
    assert (balance(Chart.FEE_INCOME), balance(Chart.WRITE_OFF)) == (900, 40)
    with pytest.raises(IntegrityError), transaction.atomic():
        SuspenseItem.objects.filter(pk=fee.pk).update(state="open")
    assert broken_invariants() == []


def test_suspense_is_aged_in_buckets(open_day: BusinessDay) -> None:
    for days_ago in (40, 8, 3, 0):
        take([Booking(10 + days_ago)], day=NEXT_DAY - timedelta(days=days_ago))
    (line,) = suspense_ageing(NEXT_DAY)
    assert line.kind == "unknown_receipt"
    assert line.counts == (1, 1, 0, 1, 1)
    assert line.amounts_fen == (10, 13, 0, 18, 50)


def test_evidence_of_what_the_bank_sent_is_never_lost(cleared: date) -> None:
    with pytest.raises(BankFileRefused):
        import_statement(content=b"not a statement", actor=MAKER, now=NOW)
    file = BankFile.objects.get()
    assert file.problems == [{"line": 1, "field": "file", "fault": "xml"}]
    assert open_file(file=file, actor=CHECKER, reason="what was it") == b"not a statement"
    clear_day(day=NEXT_DAY)
