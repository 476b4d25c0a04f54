"""What each line of a bank statement is, and its transfer in the ledger: one journal for a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from django.db import connection

from accounts.models import Chart, Transfer
from accounts.services import postings
from accounts.services.ledger import post_journal
from citizencard.core.calendar import SHANGHAI
from settlement.bankfiles.values import Fault, Problem, StatementLine, Unreadable
from settlement.models import BankEntry, BankStatement, PayoutOrder, SuspenseItem
from settlement.selectors.bank import (
    KnownTransfer,
    claim_fen,
    known_transfers,
    orders_named,
    sources_in_force,
)
from settlement.services.payouts import follow_orders

What, Kind, State = BankEntry.What, SuspenseItem.Kind, PayoutOrder.State
_RESERVE_IDS: Final = """
SELECT nextval(pg_get_serial_sequence('settlement_bankentry', 'id')) FROM generate_series(1, %s)
"""
_POSTED: Final = """
SELECT source_id, id FROM accounts_transfer WHERE business_date = %s AND journal_id = %s
"""
_SECOND_DEBIT: Final = {
    State.PAID: Kind.PAID_TWICE,
    State.RETURNED: Kind.PAID_TWICE,
    State.REJECTED: Kind.PAID_AFTER_REJECTION,
}
"""What a debit for an order is that is not on its way."""


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a line was found to be: the account beside the bank's and the kind of transfer, or the transfer there is."""

    what: BankEntry.What
    account_id: int = 0
    kind: int = 0
    order: PayoutOrder | None = None
    known: KnownTransfer | None = None
    suspense: SuspenseItem.Kind | None = None


class _Matcher:
    """Looks at a statement's lines in their order, each after what the ones before it have changed."""

    def __init__(self, statement: BankStatement, lines: Sequence[StatementLine]) -> None:
        self._orders = orders_named(line.end_to_end_id for line in lines)
        self._known = known_transfers(name for line in lines for name in (line.end_to_end_id, line.reference))
        self._sources = sources_in_force(statement.day)
        self._claims = {chart: claim_fen(chart) for chart in set(self._sources.values())}
        self._transit = postings.account_id(Chart.PAYOUTS_IN_TRANSIT)
        self.paid: list[PayoutOrder] = []
        self.returned: list[PayoutOrder] = []

    def find(self, line: StatementLine) -> _Finding:
        """What the line is. Raises Unreadable: it names an order of another amount."""
        order = self._orders.get(line.end_to_end_id)
        if order is not None:
            if abs(line.signed_fen) != order.amount_fen:
                raise Unreadable(Problem(line.line, "Ntry/Amt", Fault.AMOUNT_DIFFERS))
            return self._of_order(order, line)
        for name in (line.end_to_end_id, line.reference):
            if waiting := self._known.get((name, line.signed_fen)):
                return _Finding(What.KNOWN, known=waiting.pop(0))
        if line.signed_fen < 0:
            return _suspend(Kind.UNKNOWN_DEBIT)
        return self._receipt(line)

    def _of_order(self, order: PayoutOrder, line: StatementLine) -> _Finding:
        if line.signed_fen < 0 and order.state == State.SENT:
            order.state = State.PAID
            self.paid.append(order)
            return _Finding(What.PAYOUT, self._transit, Transfer.Kind.PAYOUT_BOOKED, order)
        if line.signed_fen < 0:
            return _suspend(_SECOND_DEBIT.get(State(order.state), Kind.UNKNOWN_DEBIT), order)
        if order.state == State.PAID:
            order.state = State.RETURNED
            order.failure = " ".join(filter(None, (line.return_reason, line.note)))[:140]
            self.returned.append(order)
            settlement_id = order.merchant.settlement_id
            return _Finding(What.RETURN, settlement_id, Transfer.Kind.PAYOUT_RETURNED, order)
        return _suspend(Kind.RETURNED_UNPAID, order)

    def _receipt(self, line: StatementLine) -> _Finding:
        names = (line.end_to_end_id, line.reference, line.note)
        charts = [
            chart for prefix, chart in self._sources.items() if any(name.startswith(prefix) for name in names)
        ]
        if not charts:
            return _suspend(Kind.UNKNOWN_RECEIPT)
        chart = charts[-1]
        if line.signed_fen > self._claims[chart]:
            return _suspend(Kind.ABOVE_CLAIM)
        self._claims[chart] -= line.signed_fen
        return _Finding(What.RECEIPT, postings.account_id(Chart(chart)), Transfer.Kind.RECEIPT_BOOKED)

    def save(self) -> None:
        """Write down what became of the orders: one that is paid and returned in one statement takes both steps."""
        PayoutOrder.objects.filter(pk__in=[order.pk for order in self.paid]).update(state=State.PAID)
        PayoutOrder.objects.bulk_update(self.returned, ["state", "failure"])
        follow_orders({order.batch_id for order in self.paid + self.returned})


def book_lines(statement: BankStatement, lines: Sequence[StatementLine], *, actor: str) -> list[BankEntry]:
    """Find what every line is and write it down with its transfer; in the caller's transaction under the bank's lock.

    Raises Unreadable for a line with another amount than its order; then nothing of the statement may stay.
    """
    matcher = _Matcher(statement, lines)
    findings = [matcher.find(line) for line in lines]
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE_IDS, [len(lines)])
        ids = [pk for (pk,) in cursor.fetchall()]
    transfers = _post(statement, lines, findings, ids, actor)
    entries = [
        BankEntry(
            pk=pk,
            statement=statement,
            row=row,
            signed_fen=line.signed_fen,
            booked_on=line.booked_on,
            valued_on=line.valued_on,
            reference=line.reference,
            end_to_end_id=line.end_to_end_id,
            note=line.note,
            what=finding.what,
            order=finding.order,
            transfer_date=transfers[pk].business_date,
            transfer_id=transfers[pk].transfer_id,
        )
        for row, (pk, line, finding) in enumerate(zip(ids, lines, findings, strict=True), 1)
    ]
    BankEntry.objects.bulk_create(entries)
    SuspenseItem.objects.bulk_create(
        SuspenseItem(
            kind=finding.suspense,
            subject=f"{statement.number} #{entry.row}",
            entry=entry,
            signed_fen=entry.signed_fen,
            opened_on=entry.booked_on,
            owner=SuspenseItem.Owner.FINANCE,
        )
        for entry, finding in zip(entries, findings, strict=True)
        if finding.suspense is not None
    )
    matcher.save()
    return entries


def _suspend(kind: SuspenseItem.Kind, order: PayoutOrder | None = None) -> _Finding:
    return _Finding(What.SUSPENSE, 0, Transfer.Kind.BANK_SUSPENDED, order, suspense=kind)


def _post(
    statement: BankStatement,
    lines: Sequence[StatementLine],
    findings: Sequence[_Finding],
    ids: Sequence[int],
    actor: str,
) -> dict[int, KnownTransfer]:
    """The transfer of each entry, by the entry's id: posted now, or in the books before."""
    bookings = [
        postings.BankBooking(
            pk,
            finding.account_id or _suspense_account(line.signed_fen),
            finding.kind,
            line.signed_fen,
            datetime.combine(line.booked_on, time(), SHANGHAI),
        )
        for pk, line, finding in zip(ids, lines, findings, strict=True)
        if finding.known is None
    ]
    transfers = {pk: found.known for pk, found in zip(ids, findings, strict=True) if found.known is not None}
    if bookings:
        journal = post_journal(
            key=f"bank-statement:{statement.number}",
            kind="bank_statement",
            actor=actor,
            source=statement.number,
            legs=postings.bank_entries_booked(bookings=bookings),
        )
        with connection.cursor() as cursor:
            cursor.execute(_POSTED, [journal.business_date, journal.pk])
            posted = [(pk, KnownTransfer(journal.business_date, number)) for pk, number in cursor.fetchall()]
        transfers |= dict(posted)
    return transfers


def _suspense_account(signed_fen: int) -> int:
    """What came in is owed to somebody; what went out is a claim on somebody."""
    return postings.account_id(Chart.SUSPENSE_PAYABLE if signed_fen > 0 else Chart.SUSPENSE_RECEIVABLE)
