"""What the application may do in the database: one table of exceptions, everything else by rule, applied after `migrate`.

The rule, read from the catalogue, so that a new table is right without being named here:

* an ordinary table: SELECT, INSERT, UPDATE, DELETE;
* a table with a trigger named `append_only`: SELECT, INSERT;
* a partition: nothing, it is read and written through its parent;
* a sequence: USAGE, so that numbers are drawn and never set back;
* nowhere TRUNCATE, TRIGGER, REFERENCES, ownership or CREATE.

Functions that run as their owner see only `public` and `pg_catalog`, and temporary tables last of all. Nobody else may
make a trigger of a trigger function: on a temporary table of his own he could feed the ledger's with invented rows.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, Final

from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.backends.utils import CursorWrapper

from citizencard.core.roles import APP_ROLE, READ_ROLE

READ_ONLY: Final = frozenset(
    {
        # Kept by the ledger's triggers.
        "accounts_tally",
        "accounts_closing",
        # Kept by `migrate`.
        "django_migrations",
        "django_content_type",
        "auth_permission",
    }
)
"""Tables the application reads and never writes."""

UPDATABLE: Final[dict[str, tuple[str, ...]]] = {
    "accounts_ledgeraccount": ("name", "state"),
    "accounts_purse": ("offline_seen", "online_seen"),
    "core_businessday": ("state", "closed_at"),
}
"""Tables of which only these columns may change and no row may go: the rest is the ledger's own."""

UNREPORTED: Final = frozenset({"accounts_user", "django_session", "django_migrations"})
"""Tables that reporting does not see. Of the others it sees all but `bytea`: sealed data, indexes of it, keys, digests."""

_TABLES = """
SELECT quote_ident(relname), relkind, relispartition,
    EXISTS (SELECT FROM pg_trigger WHERE tgrelid = class.oid AND tgname = 'append_only'),
    ARRAY(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped
        AND atttypid <> 'bytea'::regtype ORDER BY attnum)
FROM pg_class AS class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
    AND pg_has_role(relowner, 'USAGE')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = class.oid AND deptype = 'e')
"""
_FUNCTIONS = """
SELECT oid::regprocedure::text, prorettype = 'trigger'::regtype FROM pg_proc AS routine
WHERE pronamespace = 'public'::regnamespace AND (prorettype = 'trigger'::regtype OR prosecdef)
    AND pg_has_role(proowner, 'USAGE')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = routine.oid AND deptype = 'e')
"""
# Creating a queue is the broker's only DDL; the owner does it, in a function that quotes the queue's name.
_QUEUES = """
GRANT USAGE ON SCHEMA pgmq TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA pgmq TO {app};
ALTER DEFAULT PRIVILEGES IN SCHEMA pgmq GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
ALTER FUNCTION pgmq.create(text) SECURITY DEFINER SET search_path = pgmq, pg_temp;
REVOKE ALL ON FUNCTION pgmq.create(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgmq.create(text) TO {app};
"""
_GRANTS_LOCK: Final = 0x4752_4E54  # "GRNT"


class RolesMissing(Exception):
    """Roles that this login may not create: an administrator has to."""

    def __init__(self, roles: list[str]) -> None:
        made = "; ".join(f"CREATE ROLE {role}{' LOGIN' if role == APP_ROLE else ''}" for role in roles)
        super().__init__(
            f"Roles are missing and this one may not make them. An administrator's part: {made};"
        )


def apply_grants() -> None:
    """Give the roles exactly what this module says, whatever they had. Run by the owner; repeating changes nothing.

    Makes the roles where it may, else raises RolesMissing. Nothing to do for a login that is the application itself.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s), current_user", [_GRANTS_LOCK])
        if cursor.fetchone()[1] in (APP_ROLE, READ_ROLE):
            return
        if missing := [role for role in (APP_ROLE, READ_ROLE) if not _role_made(cursor, role)]:
            raise RolesMissing(missing)
        for statement in list(_statements(cursor)):
            cursor.execute(statement)


def after_migrate(*, verbosity: int, plan: object = None, **signal: Any) -> None:
    """Apply the grants at the end of `migrate`. A server whose roles an administrator has not made yet keeps working."""
    if plan is None:  # `flush` sends the same signal, and has changed no table
        return
    try:
        apply_grants()
    except RolesMissing as missing:
        if verbosity:
            sys.stderr.write(f"{missing}\n")


def _role_made(cursor: CursorWrapper, role: str) -> bool:
    """Tell whether the role is there, having tried to make it."""
    if _role_exists(cursor, role):
        return True
    login = "LOGIN" if role == APP_ROLE else "NOLOGIN"
    # Not allowed, or another database of the same server was faster.
    with contextlib.suppress(ProgrammingError, IntegrityError), transaction.atomic():
        cursor.execute(f"CREATE ROLE {role} {login}")
    return _role_exists(cursor, role)


def _role_exists(cursor: CursorWrapper, role: str) -> bool:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    return cursor.fetchone() is not None


def _statements(cursor: CursorWrapper) -> Iterator[str]:
    yield from _database(cursor)
    cursor.execute(_TABLES)
    for row in cursor.fetchall():
        yield from _relation(*row)
    cursor.execute(_FUNCTIONS)
    for name, is_trigger in cursor.fetchall():
        yield f"ALTER ROUTINE {name} SET search_path = public, pg_temp"
        yield f"REVOKE ALL ON ROUTINE {name} FROM PUBLIC, {APP_ROLE}, {READ_ROLE}"
        if not is_trigger:
            yield f"GRANT EXECUTE ON ROUTINE {name} TO {APP_ROLE}"


def _database(cursor: CursorWrapper) -> Iterator[str]:
    """What belongs to no table, as far as it belongs to us; PostgreSQL's own defaults are the same from 15 on."""
    cursor.execute(
        "SELECT quote_ident(datname), pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"
    )
    database, ours = cursor.fetchone()
    if ours:
        yield f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {APP_ROLE}"
        yield f"GRANT CONNECT ON DATABASE {database} TO {READ_ROLE}"
    cursor.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('public', 'pgmq') AND pg_has_role(nspowner, 'USAGE')"
    )
    schemas = {name for (name,) in cursor.fetchall()}
    if "public" in schemas:
        yield f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {APP_ROLE}, {READ_ROLE}"
        yield f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}, {READ_ROLE}"
    if "pgmq" in schemas:
        yield _QUEUES.format(app=APP_ROLE)


def _relation(
    name: str, kind: str, is_partition: bool, is_append_only: bool, plain_columns: list[str]
) -> Iterator[str]:
    what = f"SEQUENCE {name}" if kind == "S" else f"TABLE {name}"
    yield f"REVOKE ALL ON {what} FROM PUBLIC, {APP_ROLE}, {READ_ROLE}"
    if is_partition:
        return
    yield f"GRANT {_app_privileges(name, kind, is_append_only)} ON {what} TO {APP_ROLE}"
    if kind != "S" and name not in UNREPORTED:
        yield f"GRANT SELECT ({', '.join(plain_columns)}) ON {what} TO {READ_ROLE}"


def _app_privileges(name: str, kind: str, is_append_only: bool) -> str:
    if kind == "S":
        return "USAGE"
    # A view is read only: writing through one would be writing as its owner.
    if name in READ_ONLY or kind in "vm":
        return "SELECT"
    if is_append_only:
        return "SELECT, INSERT"
    if columns := UPDATABLE.get(name):
        return f"SELECT, INSERT, UPDATE ({', '.join(columns)})"
    return "SELECT, INSERT, UPDATE, DELETE"
