"""Balances, as sums over the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection

from accounts.models import Chart, LedgerAccount

_ACCOUNT: Final = """
SELECT coalesce(sum(amount_fen) FILTER (WHERE debit_id = %(id)s), 0)
     - coalesce(sum(amount_fen) FILTER (WHERE credit_id = %(id)s), 0)
FROM accounts_transfer WHERE debit_id = %(id)s OR credit_id = %(id)s
"""
_TRIAL: Final = """
SELECT account.chart, sum(moved.debit), sum(moved.credit) FROM (
    SELECT debit_id AS id, sum(amount_fen) AS debit, 0::bigint AS credit FROM accounts_transfer
        WHERE %(day)s::date IS NULL OR business_date = %(day)s GROUP BY debit_id
    UNION ALL
    SELECT credit_id, 0, sum(amount_fen) FROM accounts_transfer
        WHERE %(day)s::date IS NULL OR business_date = %(day)s GROUP BY credit_id
) AS moved JOIN accounts_ledgeraccount AS account ON account.id = moved.id
GROUP BY account.chart ORDER BY account.chart
"""


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """One chart account with everything debited and credited, in fen; `name` in the reader's language."""

    code: str
    name: str
    debit_fen: int
    credit_fen: int


def account_balance_fen(account_id: int) -> int:
    """What the account holds on its normal side: cash in the drawer, money owed to a merchant. Raises DoesNotExist."""
    side = LedgerAccount.objects.values_list("side", flat=True).get(pk=account_id)
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNT, {"id": account_id})
        debit_fen = int(cursor.fetchone()[0])
    return debit_fen if side == LedgerAccount.Side.DEBIT else -debit_fen


def trial_balance(*, business_date: date | None = None) -> list[TrialBalanceRow]:
    """Totals per chart account, of one business date or of all time; debits and credits of the list are equal."""
    with connection.cursor() as cursor:
        cursor.execute(_TRIAL, {"day": business_date})
        rows = cursor.fetchall()
    return [
        TrialBalanceRow(chart, str(Chart(chart).label), int(debit), int(credit))
        for chart, debit, credit in rows
    ]
