"""The statement of any ledger account: its transfers, newest first, each with the balance after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection

from accounts.models import LedgerAccount, Transfer
from accounts.selectors.balances import account_balance_fen

# Each side is read backwards from its own index, no more than a page of it.
_PAGE: Final = """
SELECT page.business_date, page.id, page.kind, page.change, page.other, other.code, page.occurred_at,
    journal.key, journal.source, journal.actor, journal.reason, journal.posted_at, page.source_id
FROM (
    (SELECT business_date, id, kind, amount_fen AS change, credit_id AS other, journal_id, occurred_at, source_id
     FROM accounts_transfer
     WHERE debit_id = %(id)s AND business_date <= %(day)s AND (business_date < %(day)s OR id < %(before)s)
     ORDER BY business_date DESC, id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT business_date, id, kind, -amount_fen, debit_id, journal_id, occurred_at, source_id
     FROM accounts_transfer
     WHERE credit_id = %(id)s AND business_date <= %(day)s AND (business_date < %(day)s OR id < %(before)s)
     ORDER BY business_date DESC, id DESC LIMIT %(limit)s)
) AS page
JOIN accounts_ledgeraccount AS other ON other.id = page.other
JOIN accounts_journal AS journal ON journal.id = page.journal_id
ORDER BY page.business_date DESC, page.id DESC LIMIT %(limit)s
"""
_ID_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One transfer as the account sees it: `change_fen` on its normal side, `balance_fen` after it; `source_id` is its document."""

    business_date: date
    transfer_id: int
    kind: Transfer.Kind
    change_fen: int
    balance_fen: int
    other_code: str
    occurred_at: datetime
    posted_at: datetime
    journal_key: str
    source: str
    actor: str
    reason: str
    source_id: int


@dataclass(frozen=True, slots=True)
class StatementPage:
    """Lines newest first; `next` begins the following page, None when there is none."""

    lines: tuple[StatementLine, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place after a line, and the balance there (fen, on the account's normal side)."""

    business_date: date
    transfer_id: int
    balance_fen: int


def end_of_day(account_id: int, day: date) -> Cursor:
    """The place after the last line of `day`: the statement from there backwards. Raises DoesNotExist."""
    return Cursor(day + timedelta(days=1), 0, account_balance_fen(account_id, at=day))


def account_statement(account_id: int, *, after: Cursor | None = None, limit: int = 50) -> StatementPage:
    """A page of the account's statement, from the newest line or from `after`. Raises DoesNotExist.

    The same time for every page: transfers are read by index from the cursor, the running balance comes with it.
    """
    sign = 1 if LedgerAccount.objects.get(pk=account_id).side == LedgerAccount.Side.DEBIT else -1
    place = after or Cursor(date.max, _ID_MAX, account_balance_fen(account_id))
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "id": account_id,
            "day": place.business_date,
            "before": place.transfer_id,
            "limit": limit,
        }
        cursor.execute(_PAGE, values)
        rows = cursor.fetchall()
    lines: list[StatementLine] = []
    balance_fen = place.balance_fen
    for (
        day,
        transfer_id,
        kind,
        change,
        _other,
        code,
        occurred_at,
        key,
        source,
        actor,
        reason,
        posted_at,
        source_id,
    ) in rows:
        line = StatementLine(
            business_date=day,
            transfer_id=transfer_id,
            kind=Transfer.Kind(kind),
            change_fen=sign * change,
            balance_fen=balance_fen,
            other_code=code,
            occurred_at=occurred_at,
            posted_at=posted_at,
            journal_key=key,
            source=source,
            actor=actor,
            reason=reason,
            source_id=source_id,
        )
        lines.append(line)
        balance_fen -= line.change_fen
    last = (
        Cursor(lines[-1].business_date, lines[-1].transfer_id, balance_fen) if len(lines) == limit else None
    )
    return StatementPage(tuple(lines), last)
