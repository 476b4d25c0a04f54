"""Whatever SQL the application's role runs against the ledger is refused for want of the right, and only for that."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

NO_OP = "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
LEG = "(business_date, kind, debit_id, credit_id, amount_fen, journal_id, source_id, occurred_at)"
ONE_MORE = "SELECT business_date, 59, debit_id, credit_id, 1, journal_id, 7, occurred_at FROM accounts_transfer LIMIT 1"
PURSE = "(card_id, kind, account_id, balance_fen, held_fen, floor_fen, ceiling_fen, movements, control_id, account_open)"

ATTEMPTS = [
    # Rows of an append-only table, by every way there is to a row.
    "UPDATE accounts_transfer SET amount_fen = amount_fen + 1",
    "UPDATE accounts_journal SET reason = 'other'",
    "DELETE FROM accounts_transfer",
    "TRUNCATE accounts_transfer",
    "WITH gone AS (DELETE FROM accounts_transfer RETURNING amount_fen) SELECT sum(amount_fen) FROM gone",
    "MERGE INTO accounts_transfer t USING accounts_journal j ON j.id = t.journal_id WHEN MATCHED THEN DELETE",
    "MERGE INTO accounts_transfer t USING accounts_journal j ON j.id = t.journal_id"
    " WHEN MATCHED THEN UPDATE SET amount_fen = 1",
    "INSERT INTO accounts_journal SELECT * FROM accounts_journal ON CONFLICT (key) DO UPDATE SET reason = 'other'",
    "SELECT FROM accounts_transfer FOR UPDATE",
    # A partition behind its parent's back, where the parent's statement trigger does not look.
    f"INSERT INTO accounts_transfer_20261102 {LEG} {ONE_MORE}",
    "DELETE FROM accounts_transfer_20261102",
    "ALTER TABLE accounts_transfer DETACH PARTITION accounts_transfer_20261102",
    "ALTER TABLE accounts_transfer_20261102 DISABLE TRIGGER through_parent_only",
    # The guards themselves.
    "ALTER TABLE accounts_transfer DISABLE TRIGGER ALL",
    "ALTER TABLE accounts_transfer DROP CONSTRAINT transfer_between_two_accounts",
    "ALTER DOMAIN accounts_amount DROP CONSTRAINT transfer_amount_positive",
    "ALTER TABLE accounts_purse DROP CONSTRAINT purse_floor",
    "ALTER TABLE accounts_transfer OWNER TO citizencard_app",
    "DROP TRIGGER post_transfers ON accounts_transfer",
    "DROP TABLE accounts_transfer CASCADE",
    "CREATE TRIGGER mine BEFORE INSERT ON accounts_transfer FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE swallow AS ON UPDATE TO accounts_purse DO INSTEAD NOTHING",
    f"CREATE OR REPLACE FUNCTION core_append_only() {NO_OP}",
    "ALTER FUNCTION accounts_post_transfers() SECURITY INVOKER",
    "SET session_replication_role = replica",
    "SET ROLE pg_write_all_data",
    # A purse is moved by the ledger alone, and its bounds and its account are not the application's.
    "UPDATE accounts_purse SET balance_fen = 1",
    "UPDATE accounts_purse SET held_fen = 1",
    "UPDATE accounts_purse SET movements = 1",
    "UPDATE accounts_purse SET floor_fen = -1000000",
    "UPDATE accounts_purse SET ceiling_fen = 1000000",
    "UPDATE accounts_purse SET account_id = -card_id",
    "UPDATE accounts_purse SET kind = 'account'",
    "UPDATE accounts_purse SET account_open = true",
    "UPDATE accounts_purse SET control_id = account_id",
    "UPDATE accounts_purse SET offline_seen = '{}', balance_fen = balance_fen + 1",
    "DELETE FROM accounts_purse",
    "MERGE INTO accounts_purse p USING accounts_card c ON c.id = p.card_id WHEN MATCHED THEN"
    " UPDATE SET movements = 0",
    f"INSERT INTO accounts_purse {PURSE} SELECT card_id, kind, account_id, 0, 0, 0, 0, 0, control_id, true"
    " FROM accounts_purse"
    " ON CONFLICT (account_id) DO UPDATE SET movements = 0",
    "INSERT INTO accounts_tally VALUES (1, '2026-11-02', 99, 0, 1, 1)",
    "UPDATE accounts_tally SET debit_fen = 0",
    "DELETE FROM accounts_tally",
    "INSERT INTO accounts_closing VALUES (1, '2026-11-02', 0, 1)",
    "UPDATE accounts_ledgeraccount SET side = 'D'",
    "UPDATE accounts_ledgeraccount SET control_id = id WHERE control_id IS NOT NULL",
    "DELETE FROM accounts_ledgeraccount",
    # A day's date is where its transfers are.
    "UPDATE core_businessday SET date = '2026-12-24'",
    "DELETE FROM core_businessday",
    # Numbers are drawn, not chosen.
    "SELECT setval('accounts_card_number_seq', 500)",
    "ALTER SEQUENCE accounts_transfer_id_seq RESTART",
    # Objects of its own in whose names the ledger could be deceived.
    "CREATE TABLE public.mine ()",
    "CREATE SCHEMA mine",
    f"CREATE FUNCTION public.mine() {NO_OP}",
    # What only `migrate` writes, and what only the server's own user reads.
    "INSERT INTO django_migrations (app, name, applied) VALUES ('accounts', 'x', now())",
    "UPDATE auth_permission SET name = ''",
    "SELECT pg_read_file('PG_VERSION')",
]  # fmt: skip


@pytest.mark.parametrize("statement", ATTEMPTS)
def test_the_application_may_not(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(statement)
    # The control: nothing else is wrong with the statement, its owner can run it.
    owner.execute("SET LOCAL session_replication_role = replica")
    owner.execute(statement)


def test_copy_goes_through_the_parent(app: psycopg.Connection[Any]) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        app.cursor().copy("COPY accounts_transfer_20261102 FROM STDIN") as copy,
    ):
        copy.write(b"")


def test_what_it_has_it_cannot_pass_on_or_add_to(app: psycopg.Connection[Any]) -> None:
    app.execute("GRANT ALL ON accounts_transfer TO citizencard_app")  # PostgreSQL only warns
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("DELETE FROM accounts_transfer")


def test_what_it_needs_it_may(app: psycopg.Connection[Any]) -> None:
    app.execute("CREATE TEMP TABLE arriving (line integer) ON COMMIT DROP")
    app.execute("SELECT FROM accounts_purse FOR UPDATE")
    app.execute("UPDATE accounts_purse SET offline_seen = '{[1,2)}'")
    app.execute("UPDATE accounts_card SET state = 'lost'")
    app.execute("DELETE FROM django_session")
    app.execute("SELECT nextval('accounts_card_number_seq')")
    app.execute(
        "INSERT INTO core_businessday (date, state, opened_at) VALUES ('2026-12-24', 'closing', now())"
    )
    found = app.execute("SELECT to_regclass('accounts_transfer_20261224') IS NOT NULL").fetchone()
    assert found == (True,), "opening a day makes its partitions, though the application makes no tables"
