"""The audit of the books: every layer's invariants in one list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection, transaction

from accounts.models import Transfer
from accounts.selectors import invariants as accounts_invariants
from accounts.selectors.balances import TrialBalanceRow, trial_balance
from citizencard.core.invariants import Breach
from citizencard.core.models import BusinessDay
from settlement.selectors import invariants as settlement_invariants
from terminals.models import Tap
from terminals.selectors import invariants as terminals_invariants

_LAYERS: Final = (accounts_invariants, terminals_invariants, settlement_invariants)
_AUDIT_WORK_MEM: Final = "256MB"


@dataclass(frozen=True, slots=True)
class Audit:
    """What one audit looked at and what it found; no breaches is good."""

    rules: int
    breaches: list[Breach]
    trial_balance: list[TrialBalanceRow]
    transfers: int
    taps: int
    days: int


def audit_books() -> Audit:
    """Check everything and count what was checked, as of one moment."""
    with one_snapshot():
        return Audit(
            rules=sum(len(layer.rules()) for layer in _LAYERS),
            breaches=broken_invariants(),
            trial_balance=trial_balance(),
            transfers=Transfer.objects.count(),
            taps=Tap.objects.count(),
            days=BusinessDay.objects.count(),
        )


def broken_invariants(*, day: date | None = None) -> list[Breach]:
    """Every breach the audit finds, all judged at one moment; for settlement only those of `day`, when given.

    Empty is good. Accounts and terminals are always judged whole: a purse has no business date.
    """
    with one_snapshot():
        return [
            *accounts_invariants.broken(),
            *terminals_invariants.broken(),
            *settlement_invariants.broken(day=day),
        ]


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Read the database as it is at one moment, however long it takes and whatever is posted meanwhile."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            if outermost:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # The audit joins whole days; on disk its hash tables and sorts take three times as long.
            cursor.execute("SELECT set_config('work_mem', %s, true)", [_AUDIT_WORK_MEM])
        yield
