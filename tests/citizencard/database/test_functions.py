"""Functions that run as their owner do only what they were written for, whoever calls them and however."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.citizencard.database.ledger import account, balance_fen, purse_account, transfer

Connection = psycopg.Connection[Any]

SHADOWS = """
CREATE TEMP TABLE core_businessday (date date, state text);
CREATE TEMP TABLE accounts_purse (account_id bigint, balance_fen bigint, movements bigint, kind text, held_fen bigint,
    control_id bigint, account_open boolean);
SET search_path = pg_temp, public;
"""
"""Tables of the caller's own under the names that the ledger's functions ask for."""


def test_every_function_of_the_database_sees_the_real_tables(owner: Connection) -> None:
    """Trigger functions and those that run as their owner: looked up in the catalogue, so a new one is asked too."""
    found = owner.execute(
        "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " AND (prosecdef OR prorettype = 'trigger'::regtype)"
    ).fetchall()
    assert len(found) > 5
    assert [name for name, settings in found if "search_path=public, pg_temp" not in (settings or [])] == []


def test_no_trigger_function_is_anybody_elses(owner: Connection) -> None:
    found = owner.execute(
        "SELECT proname, has_function_privilege('citizencard_app', oid, 'EXECUTE') FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype"
    ).fetchall()
    assert len(found) > 5
    assert [name for name, usable in found if usable] == []


FORGERY = """
CREATE TEMP TABLE forged (LIKE accounts_transfer);
CREATE TRIGGER forge AFTER INSERT ON forged REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_post_transfers();
"""


def forge(connection: Connection, **values: int) -> None:
    """A transfer that is in no ledger, shown to the function that moves the purses."""
    connection.execute(FORGERY)
    connection.execute(
        "INSERT INTO forged (id, business_date, kind, debit_id, credit_id, amount_fen, journal_id, source_id, occurred_at)"
        " SELECT 0, business_date, 59, %(debit)s, %(credit)s, 100, id, 7, now() FROM accounts_journal LIMIT 1",
        values,
    )


def test_invented_transfers_do_not_reach_the_purses(app: Connection, owner: Connection) -> None:
    legs = {"debit": account(app, "1011"), "credit": purse_account(app)}
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="accounts_post_transfers"):
        forge(app, **legs)
    # The control: for whom the function is free, the purse moves with no transfer behind it.
    before = balance_fen(owner)
    forge(owner, **legs)
    assert balance_fen(owner) == before + 100


def test_a_hostile_search_path_hides_neither_day_nor_purse(app: Connection) -> None:
    before = balance_fen(app)
    transfer(app)
    app.execute(SHADOWS)
    transfer(app, source_id=8)
    assert balance_fen(app) == before + 200
    app.execute("UPDATE public.core_businessday SET state = 'closing'")
    app.execute("UPDATE public.core_businessday SET state = 'closed'")
    with pytest.raises(psycopg.IntegrityError, match="is closed"):
        transfer(app, source_id=9)


def test_without_its_own_path_the_ledger_would_be_deceived(owner: Connection) -> None:
    """The control of the test above."""
    owner.execute("ALTER FUNCTION accounts_post_transfers() RESET search_path")
    before = balance_fen(owner)
    owner.execute(SHADOWS)
    with pytest.raises(psycopg.IntegrityError, match="is not open"):  # it finds no purse to move
        transfer(owner)
    assert before > 0


@pytest.mark.parametrize("name", ['x" (id int); DROP TABLE accounts_tally; --', "x'; SELECT 1", "$$"])
def test_a_queues_name_is_a_name(app: Connection, name: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="invalid characters"):
        app.execute("SELECT pgmq.create(%s)", [name])


def test_the_broker_works_with_the_applications_rights(app: Connection) -> None:
    app.execute("SELECT pgmq.create('letters')")
    app.execute("SELECT pgmq.send('letters', '{\"id\": 7}')")
    assert app.execute("SELECT queue_length FROM pgmq.metrics('letters')").fetchone() == (1,)
    assert app.execute("SELECT message->>'id' FROM pgmq.read('letters', 30, 1)").fetchone() == ("7",)
    assert app.execute("SELECT pgmq.delete('letters', 1)").fetchone() == (True,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("SELECT pgmq.drop_queue('letters')")
