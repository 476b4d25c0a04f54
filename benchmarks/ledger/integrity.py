"""What the guards cost: the same set of transfers into the ledger, and into a copy of its tables without them.

The copy has the same columns, partition and indexes, and no trigger, check or append-only rule. A second copy keeps
purses and tallies as the ledger does, but believes everything: what is left between it and ours is the checking alone.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from time import perf_counter
from typing import Any, Final

import psycopg

from accounts.models import Transfer
from benchmarks.databases import execute_as_owner, owner_connection
from benchmarks.ledger.books import prove_books
from benchmarks.ledger.world import SOURCES, World
from benchmarks.timing import Result, Rounds

SET: Final = 1_000
SETS, QUICK_SETS = 20, 2
OURS, ROWS, KEPT = "ledger", "rows alone", "rows and balances"
_SCHEMAS: Final = {OURS: "public", ROWS: "rows", KEPT: "kept"}

_COPY: Final = """
CREATE SCHEMA {schema};
SET search_path = {schema}, public;
CREATE TABLE accounts_journal (LIKE public.accounts_journal INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING INDEXES);
CREATE TABLE accounts_transfer (LIKE public.accounts_transfer INCLUDING DEFAULTS INCLUDING INDEXES)
    PARTITION BY RANGE (business_date);
CREATE TABLE accounts_transfer_1 PARTITION OF accounts_transfer DEFAULT;
CREATE TABLE accounts_purse (LIKE public.accounts_purse INCLUDING DEFAULTS INCLUDING INDEXES);
INSERT INTO accounts_purse SELECT * FROM public.accounts_purse;
CREATE TABLE accounts_tally (LIKE public.accounts_tally INCLUDING INDEXES) WITH (fillfactor = 50);
ANALYZE accounts_purse;
"""
_KEEP: Final = """
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    WITH moved AS MATERIALIZED (
        SELECT leg.id, business_date, control_id, sum(debit) AS debit, sum(credit) AS credit, count(*) AS transfers
        FROM (
            SELECT debit_id AS id, business_date, amount_fen AS debit, 0 AS credit FROM posted
            UNION ALL SELECT credit_id, business_date, 0, amount_fen FROM posted
        ) AS leg JOIN accounts_ledgeraccount AS account ON account.id = leg.id GROUP BY 1, 2, 3
    ), purses AS (
        UPDATE accounts_purse AS purse
        SET balance_fen = balance_fen + credit - debit, movements = movements + transfers
        FROM moved WHERE control_id IS NOT NULL AND purse.account_id = moved.id
    )
    INSERT INTO accounts_tally AS tally (account_id, business_date, stripe, debit_fen, credit_fen, transfers)
    SELECT coalesce(control_id, id), business_date, 0, sum(debit), sum(credit), sum(transfers) FROM moved GROUP BY 1, 2
    ON CONFLICT (account_id, business_date, stripe) DO UPDATE SET debit_fen = tally.debit_fen + excluded.debit_fen,
        credit_fen = tally.credit_fen + excluded.credit_fen, transfers = tally.transfers + excluded.transfers;
    RETURN NULL;
END $$;
CREATE TRIGGER keep AFTER INSERT ON accounts_transfer
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION keep();
"""
_POST: Final = """
WITH journal AS (
    INSERT INTO accounts_journal (key, kind, actor, reason, source, business_date, posted_at)
    SELECT 'set:' || %(first)s::bigint, 'bench', 'bench', '', 'bench', date, now() FROM core_businessday WHERE state = 'open'
    RETURNING id, business_date
)
INSERT INTO accounts_transfer
    (business_date, journal_id, debit_id, credit_id, amount_fen, kind, source_id, occurred_at)
SELECT business_date, journal.id, %(purse)s::bigint + n * 7919 %% %(purses)s::bigint, %(merchant)s::bigint + n %% %(merchants)s::bigint,
    1 + n %% 50, %(kind)s, %(source)s::bigint + n, now()
FROM journal, generate_series(%(first)s::bigint, %(first)s::bigint + %(size)s::bigint - 1) AS n
"""
_TAKEN: Final = "SELECT count(*) FROM {schema}.accounts_transfer WHERE source_id >= %s"


def run(world: World, *, rounds: int, quick: bool) -> Result:
    """Transfers per second in sets of SET, by the owner's connection for all three; no Python in between."""
    sets = QUICK_SETS if quick else SETS
    result = Result("ledger-integrity", f"What integrity costs, sets of {SET:,}", {"sets": sets})
    execute_as_owner(_COPY.format(schema="rows"), _COPY.format(schema="kept") + _KEEP)
    figures, numbers = Rounds(), count()
    with owner_connection() as connection:
        rates = {
            name: partial(_rate, connection, schema, world, numbers) for name, schema in _SCHEMAS.items()
        }
        for number in range(-1, rounds):
            connection.execute("CHECKPOINT")
            into = figures if number >= 0 else Rounds()  # the first round only warms everything up
            into.in_turns(rates, sets * SET, sets // 2)
        taken = [connection.execute(_TAKEN.format(schema=schema), [SOURCES]) for schema in _SCHEMAS.values()]
        counts = {row for cursor in taken for row in cursor}
    result.check("all three took the same number of transfers", len(counts) == 1)
    prove_books(result)
    result.figures = figures.figures()
    for below in ROWS, KEPT:
        result.ratio(f"{OURS} / {below}", OURS, below)
    return result


def _rate(
    connection: psycopg.Connection[Any], schema: str, world: World, numbers: count[int], transfers: int
) -> float:
    # Accounts were opened at once, so that their ids follow each other.
    first_purse, first_merchant = world.purses[0].account_id, world.merchants[0]
    values = {
        "purse": first_purse,
        "purses": len(world.purses),
        "merchant": first_merchant,
        "merchants": len(world.merchants),
        "kind": Transfer.Kind.PAYMENT,
        "source": SOURCES,
        "size": SET,
    }
    connection.execute(f"SET search_path = {schema}, public")
    began = perf_counter()
    for _ in range(transfers // SET):
        connection.execute(_POST, values | {"first": next(numbers) * SET})
    return transfers / (perf_counter() - began)
