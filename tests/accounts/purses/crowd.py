"""Many clients at once, each on a database connection of its own; how many depends on the machine's patience."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

FULL = os.environ.get("CHAOS") == "1"
"""The full size of reliability tests instead of the one for every run."""
CLIENTS = 200
_CONNECTIONS = 150
"""As many as the server leaves beside those of other tests; the rest of the clients wait for one, as in production."""


@contextmanager
def crowd() -> Iterator[None]:
    """Let the pool of this process grow to the crowd's size, and shrink again."""
    pool = connection.pool  # type: ignore[attr-defined]  # PostgreSQL's has one
    assert pool is not None
    few = pool.min_size, pool.max_size
    pool.resize(1, _CONNECTIONS)
    try:
        yield
    finally:
        pool.resize(*few)
