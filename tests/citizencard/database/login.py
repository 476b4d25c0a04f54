"""psycopg, without Django between the test and the server."""

from __future__ import annotations

from typing import Any

import psycopg

from benchmarks.databases import address


def login(database: str, role: str | None = None, **options: Any) -> psycopg.Connection[Any]:
    """A connection as `role`, or as the tests' superuser."""
    return psycopg.connect(**address() | {"dbname": database} | ({"user": role} if role else {}), **options)  # type: ignore[arg-type]  # str or None
