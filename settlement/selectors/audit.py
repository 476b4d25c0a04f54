"""The audit of the books: every layer's invariants in one list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from django.db import connection, transaction

import accounts.selectors.invariants
import settlement.selectors.invariants
import terminals.selectors.invariants
from citizencard.core.invariants import Breach


def broken_invariants(*, day: date | None = None) -> list[Breach]:
    """Every breach the audit finds, all judged at one moment; for settlement only those of `day`, when given.

    Empty is good. Accounts and terminals are always judged whole: a purse has no business date.
    """
    with one_snapshot():
        return [
            *accounts.selectors.invariants.broken(),
            *terminals.selectors.invariants.broken(),
            *settlement.selectors.invariants.broken(day=day),
        ]


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Read the database as it is at one moment, however long it takes and whatever is posted meanwhile."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
