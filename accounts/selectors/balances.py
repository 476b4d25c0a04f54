"""Balances: of one account now, at the end of a date or at any instant, and of all accounts as a trial balance.

A purse has its balance in its row; every other account is the sum of its closing balance and the tallies since, so that
asking takes as long after ten million transfers as after ten thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import connection

from accounts.models import Chart, LedgerAccount, Purse

# Debit minus credit of an account that is no purse, up to a business date or of all time.
_TALLIED: Final = """
SELECT coalesce(closing.fen, 0) + coalesce((
    SELECT sum(debit_fen - credit_fen) FROM accounts_tally WHERE account_id = %(id)s
        AND business_date > coalesce(closing.business_date, '-infinity') AND business_date <= %(day)s
), 0)
FROM (SELECT) AS one LEFT JOIN LATERAL (
    SELECT business_date, debit_fen - credit_fen AS fen FROM accounts_closing
    WHERE account_id = %(id)s AND business_date <= %(day)s ORDER BY business_date DESC LIMIT 1
) AS closing ON true
"""
# Debit minus credit of one account's transfers of the dates after a day.
_AFTER: Final = """
SELECT coalesce((SELECT sum(amount_fen) FROM accounts_transfer WHERE debit_id = %(id)s AND business_date > %(day)s), 0)
     - coalesce((SELECT sum(amount_fen) FROM accounts_transfer WHERE credit_id = %(id)s AND business_date > %(day)s), 0)
"""
# The last date sealed before an instant together with all dates before it, and what was posted since up to the instant.
_SEALED_BEFORE: Final = """
SELECT max(date) FROM core_businessday WHERE closed_at <= %(at)s
    AND date < ALL (SELECT date FROM core_businessday WHERE closed_at IS NULL OR closed_at > %(at)s)
"""
_SINCE: Final = """
SELECT coalesce(sum(CASE WHEN transfer.debit_id = %(id)s THEN amount_fen ELSE -amount_fen END), 0) FROM (
    SELECT journal_id, debit_id, amount_fen FROM accounts_transfer WHERE debit_id = %(id)s AND business_date > %(day)s
    UNION ALL
    SELECT journal_id, debit_id, amount_fen FROM accounts_transfer WHERE credit_id = %(id)s AND business_date > %(day)s
) AS transfer JOIN accounts_journal AS journal ON journal.id = transfer.journal_id WHERE journal.posted_at <= %(at)s
"""
# Of each account that is no purse (a control account stands for its purses): the date asked for, or its last closing and
# what came after it.
_TRIAL: Final = """
SELECT account.chart, coalesce(sum(closing.debit_fen), 0) + coalesce(sum(counted.debit_fen), 0),
    coalesce(sum(closing.credit_fen), 0) + coalesce(sum(counted.credit_fen), 0)
FROM accounts_ledgeraccount AS account
LEFT JOIN LATERAL (
    SELECT * FROM accounts_closing WHERE account_id = account.id AND %(day)s::date IS NULL
    ORDER BY business_date DESC LIMIT 1
) AS closing ON true
LEFT JOIN LATERAL (
    SELECT sum(debit_fen) AS debit_fen, sum(credit_fen) AS credit_fen FROM accounts_tally
    WHERE account_id = account.id AND business_date > coalesce(closing.business_date, %(day)s::date - 1, '-infinity')
        AND business_date <= coalesce(%(day)s::date, 'infinity')
) AS counted ON true
WHERE account.control_id IS NULL
GROUP BY account.chart HAVING count(closing.debit_fen) + count(counted.debit_fen) > 0 ORDER BY account.chart
"""
# All that each chart account had got and given up to the end of a date: closing balances, and what came after them.
_UNTIL: Final = """
SELECT account.chart, (coalesce(sum(closing.debit_fen), 0) + coalesce(sum(since.debit_fen), 0))::bigint,
    (coalesce(sum(closing.credit_fen), 0) + coalesce(sum(since.credit_fen), 0))::bigint
FROM accounts_ledgeraccount AS account
LEFT JOIN LATERAL (
    SELECT * FROM accounts_closing WHERE account_id = account.id AND business_date <= %(day)s ORDER BY business_date DESC LIMIT 1
) AS closing ON true
LEFT JOIN LATERAL (
    SELECT sum(debit_fen) AS debit_fen, sum(credit_fen) AS credit_fen FROM accounts_tally
    WHERE account_id = account.id AND business_date > coalesce(closing.business_date, '-infinity') AND business_date <= %(day)s
) AS since ON true
WHERE account.control_id IS NULL
GROUP BY account.chart HAVING count(closing.debit_fen) + count(since.debit_fen) > 0 ORDER BY account.chart
"""


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """One chart account with everything debited and credited, in fen; `name` in the reader's language."""

    code: str
    name: str
    debit_fen: int
    credit_fen: int


def account_balance_fen(account_id: int, *, at: date | datetime | None = None) -> int:
    """What the account holds on its normal side: cash in the drawer, money owed to a merchant. Raises DoesNotExist.

    `at` a date: at the end of that business date, by what is posted to it by now. `at` an aware instant: what the books
    said then. None: now.
    """
    account = LedgerAccount.objects.get(pk=account_id)
    debit_fen = _at_instant(account, at) if isinstance(at, datetime) else _at_end_of(account, at or date.max)
    return debit_fen if account.side == LedgerAccount.Side.DEBIT else -debit_fen


def trial_balance(*, business_date: date | None = None) -> list[TrialBalanceRow]:
    """Totals per chart account, of one business date or of all time; debits and credits of the list are equal."""
    rows = _rows(_TRIAL, {"day": business_date})
    return [
        TrialBalanceRow(chart, str(Chart(chart).label), int(debit), int(credit))
        for chart, debit, credit in rows
    ]


def chart_totals(*, until: date) -> dict[str, tuple[int, int]]:
    """Everything debited and credited up to the end of a business date, in fen, by chart account in its order."""
    return {chart: (debit, credit) for chart, debit, credit in _rows(_UNTIL, {"day": until})}


def _at_end_of(account: LedgerAccount, day: date) -> int:
    """Debit minus credit."""
    if account.control_id is None:
        return int(_rows(_TALLIED, {"id": account.pk, "day": day})[0][0])
    now_fen = Purse.objects.values_list("balance_fen", flat=True).get(account=account)
    return -now_fen - int(_rows(_AFTER, {"id": account.pk, "day": day})[0][0])


def _at_instant(account: LedgerAccount, at: datetime) -> int:
    """Debit minus credit."""
    day = _rows(_SEALED_BEFORE, {"at": at})[0][0]
    since = _rows(_SINCE, {"id": account.pk, "day": day or date.min, "at": at})[0][0]
    return int(since) + (_at_end_of(account, day) if day else 0)


def _rows(query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
