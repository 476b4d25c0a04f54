"""The rights follow from the catalogue: what is append-only today or tomorrow is so for the application too."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper

from citizencard.core import grants
from citizencard.core.grants import CannotGrant, apply_grants
from tests.citizencard.database.login import login

Connection = psycopg.Connection[Any]

APPEND_ONLY = """
SELECT tgrelid::regclass::text, (SELECT attname FROM pg_attribute WHERE attrelid = tgrelid AND attnum = 1)
FROM pg_trigger WHERE tgname = 'append_only' ORDER BY 1
"""
KNOWN = {
    "accounts_transfer",
    "accounts_journal",
    "accounts_cardevent",
    "accounts_closing",
    "core_auditentry",
    "terminals_tap",
    "terminals_refusal",
    "terminals_farecharge",
    "terminals_fareshare",
    "settlement_statement",
}
VERBS = [
    'UPDATE {table} SET "{column}" = "{column}"',
    "DELETE FROM {table}",
    "TRUNCATE {table} CASCADE",
    "ALTER TABLE {table} DISABLE TRIGGER append_only",
    "DROP TRIGGER append_only ON {table}",
    "CREATE TRIGGER mine BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "ALTER TABLE {table} RENAME TO gone",
    "DROP TABLE {table} CASCADE",
    "ALTER TABLE {table} ADD COLUMN mine integer",
    "CREATE INDEX ON {table} ({column})",
    "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_append_only_table_is_out_of_reach(app: Connection, owner: Connection, verb: str) -> None:
    tables = owner.execute(APPEND_ONLY).fetchall()
    assert {table for table, _ in tables} >= KNOWN
    owner.execute("SET LOCAL session_replication_role = replica")
    for table, column in tables:
        statement = verb.format(table=table, column=column)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
            app.execute(statement)
        with owner.transaction(force_rollback=True):  # the control
            owner.execute(statement)


def test_every_partition_is_written_through_its_parent(app: Connection) -> None:
    found = app.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE relkind = 'r'"
    ).fetchall()
    assert len(found) == 5
    for (partition,) in found:
        for verb in ("INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "TRUNCATE {}", "TABLE {}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
                app.execute(verb.format(partition))


def test_no_table_can_be_emptied_or_given_a_trigger(owner: Connection) -> None:
    found = owner.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND has_table_privilege('citizencard_app', oid, 'TRUNCATE, TRIGGER, REFERENCES')"
    ).fetchall()
    assert found == []


def allowed(cursor: CursorWrapper, table: str) -> set[str]:
    """What the application may do with a table as a whole."""
    verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER"]
    cursor.execute(
        "SELECT verb FROM unnest(%s::text[]) AS verb WHERE has_table_privilege('citizencard_app', %s, verb)",
        [verbs, table],
    )
    return {verb for (verb,) in cursor.fetchall()}


@pytest.mark.django_db
def test_a_new_table_is_right_without_being_named() -> None:
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE TABLE ordinary (id integer);
            CREATE TABLE "Kept For Ever" (id integer);
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "Kept For Ever"
                FOR EACH STATEMENT EXECUTE FUNCTION core_append_only();
            CREATE VIEW seen AS SELECT * FROM ordinary;
            GRANT ALL ON "Kept For Ever" TO citizencard_app, PUBLIC;
            SELECT core_daily_partition('accounts_transfer', '2031-01-01', true);
        """)
        apply_grants()
        assert allowed(cursor, "ordinary") == {"SELECT", "INSERT", "UPDATE", "DELETE"}
        assert allowed(cursor, '"Kept For Ever"') == {"SELECT", "INSERT"}
        assert allowed(cursor, "seen") == {"SELECT"}
        assert allowed(cursor, "accounts_transfer_20310101") == set()


@pytest.mark.django_db
def test_a_new_function_is_right_without_being_named() -> None:
    with connection.cursor() as cursor:
        cursor.execute("""
            CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE FUNCTION move(amount_fen bigint) RETURNS bigint LANGUAGE sql SECURITY DEFINER RETURN amount_fen;
        """)
        apply_grants()
        cursor.execute(
            "SELECT proname, proconfig, has_function_privilege('citizencard_app', oid, 'EXECUTE'),"
            " has_function_privilege('citizencard_read', oid, 'EXECUTE')"
            " FROM pg_proc WHERE proname IN ('guard', 'move') ORDER BY 1"
        )
        pinned = ["search_path=public, pg_temp"]
        assert cursor.fetchall() == [("guard", pinned, False, False), ("move", pinned, True, False)]


@pytest.mark.django_db
def test_granting_again_changes_nothing() -> None:
    def state(cursor: CursorWrapper) -> list[tuple[Any, ...]]:
        cursor.execute(
            "SELECT relname, relacl::text FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'pgmq'::regnamespace)"
            " UNION ALL SELECT attrelid::regclass || attname, attacl::text FROM pg_attribute WHERE attacl IS NOT NULL"
            " UNION ALL SELECT oid::regprocedure::text, proacl::text || coalesce(proconfig::text, '') FROM pg_proc"
            " UNION ALL SELECT nspname, nspacl::text FROM pg_namespace ORDER BY 1"
        )
        return list(cursor.fetchall())

    with connection.cursor() as cursor:
        apply_grants()
        before = state(cursor)
        apply_grants()
        assert state(cursor) == before


@pytest.mark.django_db
def test_who_may_not_make_the_roles_says_who_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "APP_ROLE", "city_of_nobody")
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE plain_owner; SET LOCAL ROLE plain_owner")
        with pytest.raises(CannotGrant, match="plain_owner is not to own the tables"):
            apply_grants()
        cursor.execute(
            "RESET ROLE; ALTER TABLE core_auditentry OWNER TO plain_owner; SET LOCAL ROLE plain_owner"
        )
        with pytest.raises(CannotGrant, match="an administrator may: CREATE ROLE city_of_nobody LOGIN;"):
            apply_grants()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name_sealed FROM accounts_citizen",
        "SELECT number_index FROM accounts_identitydocument",
        "TABLE accounts_user",
        "TABLE django_session",
        "TABLE accounts_citizen",
        "UPDATE accounts_card SET state = 'lost'",
        "INSERT INTO accounts_consent DEFAULT VALUES",
    ],
)
def test_reporting_does_not_see_who_somebody_is(city_name: str, owner: Connection, statement: str) -> None:
    owner.execute("SET LOCAL ROLE citizencard_read")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute(statement)


def test_reporting_sees_the_books(owner: Connection) -> None:
    owner.execute("SET LOCAL ROLE citizencard_read")
    assert owner.execute("SELECT count(*) FROM accounts_transfer").fetchone() != (0,)
    owner.execute("SELECT pan, state FROM accounts_card")
    owner.execute("SELECT balance_fen FROM accounts_purse")


def test_reporting_has_no_login_of_its_own(city_name: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        login(city_name, "citizencard_read")
