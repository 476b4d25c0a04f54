"""The application's role tries everything at once and keeps what it gets: the ledger still sums to nought."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from tests.citizencard.database.ledger import account, balance_fen, purse_account, transfer
from tests.citizencard.database.login import login
from tests.citizencard.database.test_functions import FORGERY, SHADOWS
from tests.citizencard.database.test_refused import ATTEMPTS
from tests.citizencard.database.test_rules import REFUSED

Connection = psycopg.Connection[Any]

LEDGER = (
    "accounts_transfer",
    "accounts_journal",
    "accounts_purse",
    "accounts_ledgeraccount",
    "accounts_tally",
)
"""Where money is."""

UNBALANCED = """
SELECT 'accounts', coalesce(sum(amount_fen * (CASE WHEN d.id IS NULL THEN 0 ELSE 1 END))
    - sum(amount_fen * (CASE WHEN c.id IS NULL THEN 0 ELSE 1 END)), 0)
FROM accounts_transfer t LEFT JOIN accounts_ledgeraccount d ON d.id = debit_id
LEFT JOIN accounts_ledgeraccount c ON c.id = credit_id
UNION ALL SELECT 'tallies', sum(debit_fen) - sum(credit_fen) FROM accounts_tally
UNION ALL SELECT 'tallies against transfers', sum(debit_fen) - (SELECT sum(amount_fen) FROM accounts_transfer) FROM accounts_tally
UNION ALL SELECT 'purse ' || id, balance_fen
    - (SELECT coalesce(sum(amount_fen), 0) FROM accounts_transfer WHERE credit_id = account_id)
    + (SELECT coalesce(sum(amount_fen), 0) FROM accounts_transfer WHERE debit_id = account_id)
FROM accounts_purse
UNION ALL SELECT 'purses', count(*) - %s FROM accounts_purse
UNION ALL SELECT 'transfers lost', least(count(*) - %s, 0) FROM accounts_transfer
"""


def unbalanced(connection: Connection, purses: int, transfers: int) -> set[str]:
    """What does not sum up: by name, empty when all is well."""
    rows = connection.execute(UNBALANCED, [purses, transfers]).fetchall()
    return {name for name, difference in rows if difference != 0}


def counted(connection: Connection) -> tuple[int, int]:
    """Purses and transfers there are."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM accounts_purse), (SELECT count(*) FROM accounts_transfer)"
    ).fetchone()
    assert row is not None
    purses, transfers = row
    return purses, transfers


@pytest.fixture
def own_city(city_name: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A copy of the small city, to be ruined."""
    from django.db import connection

    from benchmarks.databases import copied_database

    with django_db_blocker.unblock(), copied_database(city_name):
        yield connection.settings_dict["NAME"]


def keep(connection: Connection, statement: str) -> bool:
    """Run and commit, or be refused."""
    with suppress(psycopg.Error), connection.transaction():
        connection.execute(statement)
        return True
    return False


def columns(connection: Connection) -> list[tuple[str, str, str]]:
    """Every column of the ledger's tables with its type."""
    return connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = ANY(%s)",
        [list(LEDGER)],
    ).fetchall()


def other(column: str, kind: str) -> str:
    """Another value of a column, as SQL."""
    return f'"{column}" + 1' if kind in ("bigint", "smallint", "date") else "DEFAULT"


def assail(name: str, role: str | None) -> tuple[int, int]:
    """Try every attempt of this folder as `role`, each in a transaction of its own; how many tried, how many kept."""
    tried = kept = 0
    with login(name, role, autocommit=True) as connection:
        for statement in [*ATTEMPTS, FORGERY, SHADOWS]:
            tried, kept = tried + 1, kept + keep(connection, statement)
        connection.execute("RESET search_path")
        for table, column, kind in columns(connection):
            statement = f'UPDATE {table} SET "{column}" = {other(column, kind)}'
            tried, kept = tried + 1, kept + keep(connection, statement)
    for attempt, _ in REFUSED.values():
        with login(name, role) as connection, suppress(psycopg.Error):
            tried += 1
            attempt(connection)
            connection.commit()
            kept += 1
    return tried, kept


def test_nothing_the_application_runs_unbalances_the_ledger(
    own_city: str, record_property: Callable[[str, object], None]
) -> None:
    with login(own_city) as connection:
        before = counted(connection)
    tried, kept = assail(own_city, "citizencard_app")
    record_property("counted", f"{tried} attempts on the ledger as the application's role, {kept} allowed")
    assert tried > 100
    with login(own_city) as connection:
        assert unbalanced(connection, *before) == set()


def test_the_owner_would_unbalance_it(own_city: str) -> None:
    """The control: the sums do notice."""
    with login(own_city) as connection:
        before = counted(connection)
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE accounts_transfer SET amount_fen = amount_fen + 1")
        found = unbalanced(connection, *before)
        assert "tallies against transfers" in found
        assert any(name.startswith("purse ") for name in found)
        connection.execute("DELETE FROM accounts_purse")
        connection.execute("DELETE FROM accounts_transfer WHERE kind = 10")
        connection.execute("DELETE FROM accounts_ledgeraccount WHERE code = '1011'")
        assert unbalanced(connection, *before) >= {"purses", "transfers lost", "accounts"}


def test_an_honest_day_goes_on_meanwhile(app: Connection) -> None:
    """What is allowed moves both sides at once."""
    before, balance = counted(app), balance_fen(app)
    transfer(app, debit_id=purse_account(app), credit_id=account(app, "2241"))
    assert balance_fen(app) == balance - 100
    assert unbalanced(app, before[0], before[1] + 1) == set()
