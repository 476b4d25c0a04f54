"""What must be true of the books after every measurement; a fast wrong answer is worth nothing."""

from __future__ import annotations

from typing import Final

from django.db import connection

from benchmarks.timing import Result

_PROOFS: Final = {
    "debits equal credits": """
        SELECT sum(debit_fen) = sum(credit_fen) FROM accounts_tally""",
    "every purse is the sum of its legs": """
        SELECT count(*) = 0 FROM accounts_purse AS purse LEFT JOIN (
            SELECT account, sum(fen) AS fen, count(*) AS legs FROM (
                SELECT credit_id AS account, amount_fen AS fen FROM accounts_transfer
                UNION ALL SELECT debit_id, -amount_fen FROM accounts_transfer) AS leg GROUP BY account
        ) AS moved ON moved.account = purse.account_id
        WHERE (purse.balance_fen, purse.movements) <> (coalesce(moved.fen, 0), coalesce(moved.legs, 0))""",
    "every tally is the sum of its legs": """
        SELECT count(*) = 0 FROM (
            SELECT coalesce(account.control_id, account.id) AS id, leg.day, sum(debit) AS debit, sum(credit) AS credit
            FROM (SELECT debit_id AS id, business_date AS day, amount_fen AS debit, 0 AS credit FROM accounts_transfer
                UNION ALL SELECT credit_id, business_date, 0, amount_fen FROM accounts_transfer) AS leg
            JOIN accounts_ledgeraccount AS account ON account.id = leg.id GROUP BY 1, 2
        ) AS moved FULL JOIN (
            SELECT account_id AS id, business_date AS day, sum(debit_fen) AS debit, sum(credit_fen) AS credit
            FROM accounts_tally GROUP BY 1, 2
        ) AS tally USING (id, day)
        WHERE (moved.debit, moved.credit) IS DISTINCT FROM (tally.debit, tally.credit)""",
    "nothing was posted twice": """
        SELECT count(*) = count(DISTINCT (kind, source_id)) FROM accounts_transfer""",
}


def prove_books(result: Result) -> None:
    """Check all of it in the database that Django is connected to; ends the benchmark when something does not hold."""
    with connection.cursor() as cursor:
        for what, query in _PROOFS.items():
            cursor.execute(query)
            result.check(what, cursor.fetchone() == (True,))


def transfers() -> int:
    """How many transfers there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_transfer")
        count: int = cursor.fetchone()[0]
    return count
