"""The shortest way to PostgreSQL for the few calls that run at every tap: prepared once, values sent apart from the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, transaction


def fetch_one(query: str, values: Sequence[object], *, shielded: bool = False) -> tuple[Any, ...]:
    """The single row of `query` on Django's connection and in its transaction, if there is one.

    `shielded` leaves that transaction usable when the database refuses the call.
    Django's own cursor writes the values into the text, which the server then parses and plans anew each time: a third of a
    posting. One cursor serves a connection for its life, whoever has it from the pool; making one, and what it learns of
    types, costs as much as a call.
    Errors are Django's.
    """
    wrapper = connections[DEFAULT_DB_ALIAS]
    if shielded and wrapper.in_atomic_block:
        with transaction.atomic():
            return fetch_one(query, values)
    wrapper.ensure_connection()
    wrapper.validate_no_broken_transaction()
    kept = vars(wrapper.connection)
    cursor: psycopg.Cursor | None = kept.get("prepared_cursor")
    if cursor is None:
        cursor = kept["prepared_cursor"] = psycopg.Cursor(wrapper.connection)
    with wrapper.wrap_database_errors:
        row = cursor.execute(query, values, prepare=True, binary=True).fetchone()
    if row is None:
        raise LookupError(query)
    return row
