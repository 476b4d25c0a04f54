"""The raw limit of a durable posting: one call of one function that writes a transaction and keeps two balances.

No key, no day, no guard, no account states; and the merchant's balance is a row that all its payments queue for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from benchmarks.databases import new_database, owner_connection

_TABLES: Final = """
CREATE TABLE account (id bigint PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE txn (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind smallint NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE entry (txn_id bigint, account_id bigint, amount bigint NOT NULL, PRIMARY KEY (txn_id, account_id));
CREATE FUNCTION post_hot(debit bigint, credit bigint, fen bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE number bigint;
BEGIN
    INSERT INTO txn (kind) VALUES (1) RETURNING id INTO number;
    INSERT INTO entry (txn_id, account_id, amount) VALUES (number, debit, -fen), (number, credit, fen);
    UPDATE account SET balance = balance - fen WHERE id = debit;
    UPDATE account SET balance = balance + fen WHERE id = credit;
    RETURN number;
END $$;
"""
_PROOF: Final = """
SELECT (SELECT count(*) * 2 FROM txn) = (SELECT count(*) FROM entry) AND (SELECT sum(balance) FROM account) = 0
    AND NOT EXISTS (SELECT FROM account LEFT JOIN
        (SELECT account_id AS id, sum(amount) AS fen FROM entry GROUP BY 1) AS moved USING (id)
        WHERE balance <> coalesce(fen, 0))
"""


class Floor:
    """One connection to the bare ledger; purses are numbered from 1, merchants follow."""

    def __init__(self, connection: psycopg.Connection[Any], *, purses: int) -> None:
        self.connection = connection
        self._purses = purses

    def post(self, debit: int, merchant: int, fen: int) -> None:
        """Purse and merchant counted from 0; psycopg prepares the call by itself."""
        numbers = (1 + debit, 1 + self._purses + merchant, fen)
        self.connection.execute("SELECT post_hot(%s, %s, %s)", numbers).fetchone()

    def holds(self) -> bool:
        """Whether balances are the sums of their legs."""
        return self.connection.execute(_PROOF).fetchone() == (True,)


@contextmanager
def floor_database(*, purses: int, merchants: int) -> Iterator[Floor]:
    """The bare ledger in a database of its own on the same server."""
    with new_database("floor") as name:
        floor = Floor(owner_connection(name), purses=purses)
        floor.connection.execute(_TABLES)
        floor.connection.execute(
            "INSERT INTO account SELECT n, 0 FROM generate_series(1, %s) AS n", [purses + merchants]
        )
        floor.connection.execute("ANALYZE")
        try:
            yield floor
        finally:
            floor.connection.close()
