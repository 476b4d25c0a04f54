"""The shortest way to PostgreSQL for the few calls that run at every tap: prepared once, values sent apart from the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection


def fetch_one(query: str, values: Sequence[object]) -> tuple[Any, ...]:
    """The single row of `query` on Django's connection and in its transaction, if there is one.

    Django's own cursor writes the values into the text, which the server then parses and plans anew each time: a third of a
    posting. Errors are Django's.
    """
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        row = cursor.execute(query, values, prepare=True).fetchone()
    if row is None:
        raise LookupError(query)
    return tuple(row)
