"""The reserve-fund check 备付金核对: what is owed and our own, less what is held elsewhere, is what the bank must hold.

Judged at the end of a date, to the fen. The bank is ahead where its statement shows what was booked on a later date (late),
the books are where something on 1001 is on no statement yet (waiting); both are known line by line. What still waits after
a week is no delay but a difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db import connection

from accounts.models import Chart
from settlement.models import BankStatement

HOLDERS: Final = (
    Chart.PURSE_REAL_NAME,
    Chart.PURSE_ANONYMOUS,
    Chart.PURSE_ACCOUNT,
    Chart.DEPOSITS,
    Chart.TOP_UPS_IN_TRANSIT,
    Chart.REFUNDS_PAYABLE,
    Chart.COMPENSATION_PAYABLE,
    Chart.CARDS_REPLACED,
    Chart.PASSES_SOLD,
)
WAITING_DAYS_MAX: Final = 7
SUSPENSE: Final = (Chart.SUSPENSE_PAYABLE, Chart.DISPUTED)
# Debit less credit of each chart account at the end of a date; a control account stands for its purses.
_POSITION: Final = """
SELECT account.chart, sum(coalesce(closing.fen, 0) + coalesce(since.fen, 0))::bigint
FROM accounts_ledgeraccount AS account
LEFT JOIN LATERAL (
    SELECT business_date, debit_fen - credit_fen AS fen FROM accounts_closing
    WHERE account_id = account.id AND business_date <= %(day)s ORDER BY business_date DESC LIMIT 1
) AS closing ON true
LEFT JOIN LATERAL (
    SELECT sum(debit_fen - credit_fen) AS fen FROM accounts_tally WHERE account_id = account.id
        AND business_date > coalesce(closing.business_date, '-infinity') AND business_date <= %(day)s
) AS since ON true
WHERE account.control_id IS NULL GROUP BY account.chart
"""
_LATE: Final = """
SELECT coalesce(sum(entry.signed_fen), 0)::bigint
FROM settlement_bankentry AS entry JOIN settlement_bankstatement AS statement ON statement.id = entry.statement_id
WHERE statement.day <= %(day)s AND entry.transfer_date > %(day)s
"""
_WAITING: Final = """
SELECT t.business_date, t.id, t.kind, CASE WHEN t.debit_id = bank.id THEN t.amount_fen ELSE -t.amount_fen END
FROM accounts_ledgeraccount AS bank JOIN accounts_transfer AS t ON bank.id IN (t.debit_id, t.credit_id)
WHERE bank.code = '1001' AND t.business_date <= %(day)s AND NOT EXISTS (
    SELECT FROM settlement_bankentry AS entry JOIN settlement_bankstatement AS statement ON statement.id = entry.statement_id
    WHERE (entry.transfer_date, entry.transfer_id) = (t.business_date, t.id) AND statement.day <= %(day)s)
ORDER BY t.business_date, t.id
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transfer on 1001 that no statement has shown: booked, not at the bank yet. `signed_fen` as the bank would count."""

    business_date: date
    transfer_id: int
    kind: int
    signed_fen: int


@dataclass(frozen=True, slots=True)
class ReservePosition:
    """All in fen, at the end of a date. `difference_fen`: bank less books; anything but 0 is an incident."""

    day: date
    statement_id: int
    holders_fen: int
    merchants_fen: int
    suspense_fen: int
    own_fen: int
    elsewhere_fen: int
    late_fen: int
    waiting_fen: int
    ledger_fen: int
    bank_fen: int

    @property
    def required_fen(self) -> int:
        """What the bank must hold, so that everything owed can be paid."""
        owed = self.holders_fen + self.merchants_fen + self.suspense_fen + self.own_fen
        return owed - self.elsewhere_fen + self.late_fen - self.waiting_fen

    @property
    def difference_fen(self) -> int:
        """Bank less what it must hold."""
        return self.bank_fen - self.required_fen


def closing_statement(day: date) -> BankStatement | None:
    """The statement that tells the balance at the end of `day`: of that date, or the last before it if the next begins after."""
    statement = BankStatement.objects.filter(day__lte=day).order_by("-day", "-pk").first()
    if statement is None or statement.day == day:
        return statement
    following = BankStatement.objects.filter(previous=statement).first()
    if following is None or following.entries.filter(booked_on__lte=day).exists():
        return None
    return statement


def reserve_position(statement: BankStatement, day: date) -> ReservePosition:
    """Books and bank at the end of `day`, by the statement that tells its closing balance."""
    with connection.cursor() as cursor:
        cursor.execute(_POSITION, {"day": day})
        debit = {chart: int(fen) for chart, fen in cursor.fetchall()}
        cursor.execute(_LATE, {"day": day})
        late_fen = int(cursor.fetchone()[0])
    overdue = day - timedelta(days=WAITING_DAYS_MAX)
    ledger_fen = debit.pop(Chart.RESERVE_BANK, 0)
    holders_fen, suspense_fen = (-_taken(debit, charts) for charts in (HOLDERS, SUSPENSE))
    return ReservePosition(
        day=day,
        statement_id=statement.pk,
        holders_fen=holders_fen,
        merchants_fen=-sum(fen for chart, fen in debit.items() if chart.startswith("2")),
        suspense_fen=suspense_fen,
        own_fen=-sum(fen for chart, fen in debit.items() if chart.startswith("6")),
        elsewhere_fen=sum(fen for chart, fen in debit.items() if chart.startswith("1")),
        late_fen=late_fen,
        waiting_fen=sum(each.signed_fen for each in waiting_at_bank(day) if each.business_date > overdue),
        ledger_fen=ledger_fen,
        bank_fen=statement.closing_fen,
    )


def waiting_at_bank(day: date) -> list[Waiting]:
    """What is booked on 1001 up to `day` and on no statement up to then, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"day": day})
        return [Waiting(*row) for row in cursor.fetchall()]


def _taken(debit: dict[str, int], charts: tuple[Chart, ...]) -> int:
    """The sum of some chart accounts, taken out: what is left has another place in the report."""
    return sum(debit.pop(chart, 0) for chart in charts)
