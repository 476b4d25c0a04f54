"""The one place where counter cash meets a drawer: a journal that moves it is booked to its actor's open drawer.

Whoever has no open drawer may still post, as the simulator does; at the counter that is refused (`cash_needs_drawer`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from django.db import connection

from accounts.errors import DrawerNotOpen
from accounts.models import Chart, DrawerEntry, DrawerSession, Journal, Transfer

_Kind = Transfer.Kind
COUNTER_KINDS: Final = frozenset(
    {
        _Kind.TOP_UP_PAID,
        _Kind.TOP_UP_REVERSED,
        _Kind.CARD_SALE,
        _Kind.DEPOSIT,
        _Kind.DEPOSIT_RETURNED,
        _Kind.PASS_SOLD,
        _Kind.PASS_REFUNDED,
        _Kind.REFUND_PAID,
        _Kind.COMPENSATION_PAID,
        _Kind.FUNDS_RECEIVED,
        _Kind.CORRECTION,
        _Kind.SALE_REVERSED,
    }
)
"""What may move cash at a counter; nothing else is asked about drawers. What the bank gets of it leaves the safe, not a drawer."""
_demanded: ContextVar[bool] = ContextVar("cash_needs_drawer", default=False)

# The share lock lets a clerk's acts run side by side and makes the count wait for them.
_DRAWER: Final = """
SELECT id, (SELECT id FROM accounts_drawersession WHERE clerk = %s AND state = 'open' FOR SHARE)
FROM accounts_ledgeraccount WHERE code = %s
"""


@contextmanager
def cash_needs_drawer() -> Iterator[None]:
    """Inside, nobody moves counter cash without an open drawer: DrawerNotOpen."""
    token = _demanded.set(True)
    try:
        yield
    finally:
        _demanded.reset(token)


def check_drawer(*, actor: str) -> None:
    """Cash is taken now and posted later: DrawerNotOpen where a drawer is needed and the actor has none open."""
    if _demanded.get() and not DrawerSession.objects.filter(clerk=actor, state="open").exists():
        raise DrawerNotOpen


@dataclass(frozen=True, slots=True)
class Drawer:
    """An open drawer, locked until the transaction ends, and what a journal is about to put into it (fen)."""

    session_id: int
    amount_fen: int

    def book(self, journal: Journal) -> None:
        """The journal is posted."""
        DrawerEntry.objects.create(session_id=self.session_id, journal=journal, amount_fen=self.amount_fen)


def drawer_of(*, actor: str, moves: Iterable[tuple[int, int, int]]) -> Drawer | None:
    """The actor's open drawer if the moves (debit, credit, fen) change its cash. In a transaction; raises DrawerNotOpen."""
    with connection.cursor() as cursor:
        cursor.execute(_DRAWER, [actor, Chart.COUNTER_CASH])
        cash, session = cursor.fetchone() or (None, None)
    amount_fen = sum(fen * ((debit == cash) - (credit == cash)) for debit, credit, fen in moves)
    if not amount_fen:
        return None
    if session is None and _demanded.get():
        raise DrawerNotOpen
    return None if session is None else Drawer(session, amount_fen)
