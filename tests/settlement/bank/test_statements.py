"""A bank statement is taken whole or not at all, and every line of it is then in the books."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.conf import settings

from accounts.models import Chart, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.services.ledger import open_account
from accounts.services.remittances import receive_agent_payment
from accounts.services.subsidies import open_subsidy_payer, receive_subsidy_funds
from citizencard.core.models import BusinessDay
from citizencard.sandbox.bank import Booking
from settlement.errors import BankFileRefused
from settlement.models import BankEntry, BankFile, BankStatement, PayoutBatch, PayoutOrder, SuspenseItem
from settlement.selectors.audit import broken_invariants
from settlement.services.bank_files import open_file
from settlement.services.statements import import_statement, preview_statement
from tests.settlement.bank.bank import MAKER, NOW, claim, debits, made, sent, statement, take
from tests.settlement.small_city import DAY, NEXT_DAY

pytestmark = pytest.mark.django_db


def balance(chart: Chart, owner: str = "") -> int:
    return account_balance_fen(open_account(chart=chart, owner=owner).pk)


def found() -> list[tuple[str, int]]:
    return list(BankEntry.objects.order_by("pk").values_list("what", "signed_fen"))


def suspended() -> dict[str, int]:
    return dict(SuspenseItem.objects.exclude(kind="reserve_difference").values_list("kind", "signed_fen"))


def refused(content: bytes) -> list[tuple[str, str]]:
    """What is wrong with a file, after checking that nothing of it was taken."""
    before = (Transfer.objects.count(), BankStatement.objects.count(), BankFile.objects.count())
    with pytest.raises(BankFileRefused) as error:
        import_statement(content=content, actor=MAKER, now=NOW)
    statements, files = BankStatement.objects.count(), BankFile.objects.count()
    assert (Transfer.objects.count(), statements, files) == (before[0], before[1], before[2] + 1)
    digest = hashlib.sha256(content).digest()
    evidence = BankFile.objects.exclude(problems=[]).get(sha256=digest)
    assert open_file(file=evidence, actor=MAKER, reason="evidence") == content
    return [(problem.fault.value, problem.field) for problem in error.value.data["problems"]]


def test_every_kind_of_line_finds_its_place(cleared: date) -> None:
    batch = sent()
    claim(Chart.GATEWAY_RECEIVABLE, 5_000)
    claim(Chart.COUNTER_CASH, 800)
    payer = open_subsidy_payer(code="MZJ", name="民政局", actor=MAKER)
    receive_subsidy_funds(payer=payer, amount_fen=300, reference="MZJ-77", actor=MAKER, occurred_at=NOW)
    take(
        [
            Booking(3_000, reference="GW-2026-11-02"),
            Booking(800, end_to_end_id="CASH-HALL-1"),
            Booking(300, reference="MZJ-77"),
            *debits(batch),
            Booking(2_071, end_to_end_id="20261102-M00002", returned="AC01"),
            Booking(123, note="谁的"),
            Booking(-45, note="账户管理费"),
        ]
    )
    assert found() == [
        ("receipt", 3_000), ("receipt", 800), ("known", 300), ("payout", -550), ("payout", -2_071),
        ("return", 2_071), ("suspense", 123), ("suspense", -45),
    ]  # fmt: skip
    assert balance(Chart.RESERVE_BANK) == BankStatement.objects.get().closing_fen == 3_628
    assert (balance(Chart.GATEWAY_RECEIVABLE), balance(Chart.PAYOUTS_IN_TRANSIT)) == (2_000, 0)
    assert (balance(Chart.SETTLEMENT_PAYABLE, "M00001"), balance(Chart.SETTLEMENT_PAYABLE, "M00002")) == (
        0,
        2_071,
    )
    assert suspended() == {"unknown_receipt": 123, "unknown_debit": -45}
    assert (balance(Chart.SUSPENSE_RECEIVABLE) - 75 - 640, balance(Chart.SUSPENSE_PAYABLE) - 500 - 640) == (
        45,
        123,
    )
    assert broken_invariants() == []


def test_what_the_bank_does_wrong_waits_in_suspense_with_its_kind(cleared: date) -> None:
    batch = sent()
    claim(Chart.GATEWAY_RECEIVABLE, 100)
    take(
        [
            *debits(batch),
            *debits(batch)[:1],
            Booking(550, end_to_end_id="20261102-M00001", returned="AC04"),
            Booking(550, end_to_end_id="20261102-M00001", returned="AC04"),
            Booking(101, reference="GW-1"),
        ]
    )
    assert suspended() == {"paid_twice": -550, "returned_unpaid": 550, "above_claim": 101}
    assert broken_invariants() == []


def test_statements_follow_each_other(open_day: BusinessDay) -> None:
    take([Booking(100)], day=DAY)
    take([], day=NEXT_DAY)
    last = take([Booking(-30)], day=NEXT_DAY)
    assert (last.opening_fen, last.closing_fen) == (100, 70)
    assert BankStatement.objects.filter(previous=None).count() == 1


def test_the_same_file_or_statement_is_taken_once(open_day: BusinessDay) -> None:
    first = statement([Booking(100)], number="ONCE", day=DAY)
    import_statement(content=first, actor=MAKER, now=NOW)
    assert refused(first) == [("duplicate", "file")]
    assert refused(statement([Booking(5)], number="ONCE")) == [("duplicate", "Stmt/Id")]


def test_another_account_a_gap_or_a_step_back_is_refused(open_day: BusinessDay) -> None:
    take([Booking(100)], day=NEXT_DAY)
    assert refused(statement([], account="6222020200112230")) == [("wrong_account", "Acct/Id")]
    assert refused(statement([], opening_fen=99)) == [("gap", "Bal/OPBD")]
    assert refused(statement([], day=DAY)) == [("date", "Bal/CLBD/Dt")]
    assert refused(statement([Booking(1)], day=DAY)) == [("date", "Bal/CLBD/Dt"), ("date", "Ntry/BookgDt")]


def test_an_altered_amount_refuses_the_whole_statement(cleared: date) -> None:
    batch = sent()
    lines = [debits(batch)[0], Booking(-2_070, end_to_end_id="20261102-M00002")]
    assert refused(statement(lines)) == [("amount_differs", "Ntry/Amt")]
    assert set(PayoutOrder.objects.values_list("state", flat=True)) == {"sent"}


Change = Callable[[bytes], bytes]
WRONG: list[tuple[Change, str]] = [
    (lambda xml: xml.replace(b'<Amt Ccy="CNY">1.00</Amt>', b'<Amt Ccy="CNY">1.01</Amt>', 1), "sum"),
    (lambda xml: xml.replace(b'Ccy="CNY"', b'Ccy="USD"'), "currency"),
    (lambda xml: xml.replace(b">1.00<", b">1.001<"), "amount"),
    (lambda xml: xml.replace(b">1.00<", b">-1.00<"), "schema"),
    (lambda xml: xml.replace(b">1.00<", b">NaN<"), "amount"),
    (lambda xml: xml.replace(b">1.00<", b">1e0<"), "amount"),
    (lambda xml: xml.replace(b"<Cd>BOOK</Cd>", b"<Cd>PDNG</Cd>"), "not_booked"),
    (lambda xml: xml.replace(b"<Cd>OPBD</Cd>", b"<Cd>CLBD</Cd>"), "balance"),
    (lambda xml: xml.replace(b"camt.053.001.08", b"camt.053.001.02"), "schema"),
    (lambda xml: xml.replace(b"<NbOfNtries>1<", b"<NbOfNtries>2<", 1), "count"),
    (lambda xml: xml.replace(b"<Stmt>", b"<Stmt><Mine/>"), "schema"),
    (lambda xml: xml.replace(b"<Id>S", b"<Id>" + b"x" * 40), "schema"),
    (lambda xml: b"", "xml"),
    (lambda xml: b"\x00" * 100, "xml"),
    (lambda xml: xml.replace(b"?>", b'?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>', 1), "xml"),
    (
        lambda xml: xml.replace(b"?>", b'?><!DOCTYPE d [<!ENTITY x "1">]>', 1).replace(b">1.00<", b">&x;<"),
        "xml",
    ),
]


def test_a_file_that_is_not_right_is_refused_with_its_fault(open_day: BusinessDay) -> None:
    content = statement([Booking(100, note="one yuan")])
    for change, fault in WRONG:
        assert change(content) != content
        assert {found for found, _field in refused(change(content))} == {fault}
    assert import_statement(content=content, actor=MAKER, now=NOW).count == 1


def test_a_preview_takes_nothing(open_day: BusinessDay) -> None:
    read = preview_statement(statement([Booking(100, note="one yuan")]))
    assert (read.account, read.closing_fen, read.lines[0].note) == (
        settings.RESERVE_ACCOUNT_NUMBER,
        100,
        "one yuan",
    )
    with pytest.raises(BankFileRefused):
        preview_statement(b"<x/>")
    assert not BankFile.objects.exists()
    assert not BankStatement.objects.exists()


def test_an_agents_payment_that_was_booked_by_hand_is_not_booked_twice(open_day: BusinessDay) -> None:
    from accounts.services.agents import save_agent

    agent = save_agent(code="zs", name="中山路", credit_limit_fen=10_000, actor=MAKER)
    receive_agent_payment(agent=agent, amount_fen=900, key="ZS-1", actor=MAKER, occurred_at=NOW)
    take([Booking(900, reference="ZS-1"), Booking(900, reference="ZS-1")])
    assert found() == [("known", 900), ("suspense", 900)]
    assert balance(Chart.RESERVE_BANK) == 1_800
    assert broken_invariants() == []


def test_a_collective_entry_is_a_line_for_each_transaction(cleared: date) -> None:
    batch = sent()
    single = statement(debits(batch)).decode()
    head, first, second, tail = _entries(single)
    details = second[second.index("<TxDtls>") : second.index("</NtryDtls>")]
    amounts = [f'<Amt Ccy="CNY">{fen}</Amt><CdtDbtInd>DBIT</CdtDbtInd>' for fen in ("5.50", "20.71")]
    joined = first.replace('<Amt Ccy="CNY">5.50</Amt>', '<Amt Ccy="CNY">26.21</Amt>')
    joined = joined.replace("</Refs>", "</Refs>" + amounts[0]).replace(
        "</NtryDtls>", details.replace("</Refs>", "</Refs>" + amounts[1]) + "</NtryDtls>"
    )
    content = (head + joined + tail).replace("<NbOfNtries>2<", "<NbOfNtries>1<").encode()
    import_statement(content=content, actor=MAKER, now=NOW)
    assert found() == [("payout", -550), ("payout", -2_071)]
    assert PayoutBatch.objects.get().state == "settled"


def _entries(text: str) -> tuple[str, str, str, str]:
    head, first, rest = text.partition("<Ntry>")
    one, mark, two = rest.partition("<Ntry>")
    second, end, tail = two.partition("</Ntry>")
    return head, first + one, mark + second + end, tail


def test_late_payments_of_a_made_batch_are_not_the_banks_business(cleared: date) -> None:
    made()
    take([Booking(-550, end_to_end_id="20261102-M00001")], day=NEXT_DAY + timedelta(days=1))
    assert suspended() == {"unknown_debit": -550}
    assert broken_invariants() == []
