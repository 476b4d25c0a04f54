"""The database's roles: an owner who migrates, and the application, which may do only what :mod:`.grants` gives it.

A trigger keeps a rule against everybody but its owner. So no process that serves people is the owner: web, worker and
commands are the application's role, and only `migrate` and `grant_roles` connect as the owner.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

APP_ROLE: Final = "citizencard_app"
"""Web, worker, beat, bridge and commands; a login of the operator's own is made a member of it."""
READ_ROLE: Final = "citizencard_read"
"""Reporting: reads everything but sealed personal data, passwords and sessions. No login of its own."""

_as_owner: ContextVar[bool] = ContextVar("as_owner", default=False)

# The session's role, not the current one: SET ROLE can be taken back.
_POWERS = """
SELECT session_user,
    (SELECT rolsuper FROM pg_roles WHERE rolname = session_user),
    EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND pg_has_role(session_user, relowner, 'MEMBER')),
    has_schema_privilege(session_user, 'public', 'CREATE'),
    EXISTS (SELECT FROM pg_trigger WHERE tgname = 'append_only' AND (
        has_table_privilege(session_user, tgrelid, 'DELETE, TRUNCATE, TRIGGER')
        OR has_any_column_privilege(session_user, tgrelid, 'UPDATE')))
"""


@contextmanager
def as_owner() -> Iterator[None]:
    """Let this thread's connection be the owner's (DATABASE_OWNER_URL) within the block.

    The database is the one already in use; nothing changes where no owner is configured. Not within a transaction.
    """
    owner = settings.DATABASE_OWNER
    if owner is None:
        yield
        return
    app = connection.settings_dict
    connection.close()
    # Without the application's pool: it is kept by alias, whoever asks.
    connection.settings_dict = app | {"OPTIONS": {}} | owner | {"NAME": app["NAME"]}
    token = _as_owner.set(True)
    try:
        yield
    finally:
        _as_owner.reset(token)
        connection.close()
        connection.settings_dict = app


def powers(connection: BaseDatabaseWrapper) -> list[str]:
    """What the connection's login can do that would let it break the ledger's rules; empty for the application's role."""
    with connection.cursor() as cursor:
        cursor.execute(_POWERS)
        role, superuser, owner, creates, rewrites = cursor.fetchone()
    found = {
        "is a superuser": superuser,
        "owns tables": owner,
        "may create in schema public": creates,
        "may change append-only tables": rewrites,
    }
    return [f"{role} {power}" for power, present in found.items() if present]


def refuse_powers(connection: BaseDatabaseWrapper, **signal: Any) -> None:
    """Refuse to work in production as a role that could break the ledger's rules.

    A receiver of `connection_created` that looks until it has been satisfied once. Raises ImproperlyConfigured and
    leaves the connection closed.
    """
    if _as_owner.get():
        return
    if found := powers(connection):
        connection.close()
        raise ImproperlyConfigured(
            f"citizencard does not work in production as this DATABASE_URL's role: {'; '.join(found)}. "
            f"Give it a member of {APP_ROLE}, and the owner as DATABASE_OWNER_URL to `migrate` alone."
        )
    connection_created.disconnect(refuse_powers)
