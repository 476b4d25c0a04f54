"""Every counter accounted for: what is missing, twice, or does not fit, of each card and each terminal.

Nothing of this is kept: a gap is what lies between the counters seen and is not among them, one subtraction of sets
(docs/decisions/0017), so that it is gone with the record that fills it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection

from accounts.models import TopUpOrder
from terminals.selectors.counter_queries import (
    BALANCE_LAW,
    CARD_FAULTS,
    CARD_FIELDS,
    DUPLICATES,
    TERMINAL_FAULTS,
    TERMINAL_FIELDS,
)

FAULTS: Final = ("gap", "break", "rollback", "conflict", "duplicate")
"""Kinds of fault, the gravest first for whoever reads the list from the top."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the counters from `first` to `last` of a card or a terminal.

    gap: no record came, `count` of them; of a card, `missing_fen` is what the chip's balances say they took, loads
    between considered (negative: the chip holds more than we know of). break: the balances before and after this record
    differ by `missing_fen` though none is missing. rollback: this counter was used later than a higher one. conflict: used
    for another purchase. duplicate: the same record came `count` more times. `since` is when we could know of it.
    """

    kind: str
    subject: str
    number: str
    first: int
    last: int
    count: int
    since: datetime
    missing_fen: int | None = None


@dataclass(frozen=True, slots=True)
class BalanceLaw:
    """From the first known record of each card to its last, in fen: what chips lost and where it went.

    The law: `spent_fen` = `matched_fen` + `gaps_fen`; `unexplained_fen` is what breaks it.
    """

    cards: int
    spent_fen: int
    matched_fen: int
    gaps_fen: int
    unexplained_fen: int

    @property
    def holds(self) -> bool:
        """Whether every fen is told by a record or by a gap."""
        return self.unexplained_fen == 0 and self.spent_fen == self.matched_fen + self.gaps_fen


ALL: Final = 2_000_000_000
"""No limit."""


def card_faults(*, cards: Sequence[int] | None = None, limit: int = ALL) -> list[Fault]:
    """What is wrong with the counters of these cards (by id), of all without; by card number and counter."""
    found = _faults("card", CARD_FAULTS, cards=_listed(cards), limit=limit)
    pans = None if cards is None else _numbers("SELECT pan FROM accounts_card WHERE id = ANY(%s)", cards)
    return _merged(found, _duplicates("card", CARD_FIELDS, pans, limit=limit), limit)


def terminal_faults(*, terminals: Sequence[int] | None = None, limit: int = ALL) -> list[Fault]:
    """As `card_faults`, for the sequences of terminals; named by their codes."""
    found = _faults("terminal", TERMINAL_FAULTS, terminals=_listed(terminals), limit=limit)
    codes = _codes(terminals)
    again = _duplicates("terminal", TERMINAL_FIELDS, list(codes), limit=limit)
    named = [
        Fault(it.kind, it.subject, codes[it.number], it.first, it.last, it.count, it.since) for it in again
    ]
    return _merged(found, named, limit)


def balance_law(*, cards: Sequence[int] | None = None) -> BalanceLaw:
    """The conservation of the chips' money over these cards (by id), or all."""
    with connection.cursor() as cursor:
        cursor.execute(BALANCE_LAW, _values(cards=_listed(cards)))
        return BalanceLaw(*map(int, cursor.fetchone()))


def cards_of(*, business_date: date) -> list[int]:
    """The cards that a business date has taps of."""
    return _numbers("SELECT DISTINCT card_id FROM terminals_tap WHERE business_date = %s", business_date)


def terminals_of(*, business_date: date) -> list[int]:
    """The terminals that a business date has taps of."""
    return _numbers("SELECT DISTINCT terminal_id FROM terminals_tap WHERE business_date = %s", business_date)


def _faults(subject: str, sql: str, **values: Any) -> list[Fault]:
    with connection.cursor() as cursor:
        cursor.execute(sql, _values(**values))
        return [Fault(row[0], subject, *row[1:]) for row in cursor.fetchall()]


def _duplicates(
    subject: str, fields: dict[str, Any], numbers: Sequence[str] | None, *, limit: int
) -> list[Fault]:
    with connection.cursor() as cursor:
        cursor.execute(DUPLICATES, fields | {"numbers": numbers, "day": None, "limit": limit})
        return [
            Fault("duplicate", subject, number, counter, counter, count, since)
            for number, counter, count, since in cursor.fetchall()
        ]


def _merged(found: list[Fault], more: list[Fault], limit: int) -> list[Fault]:
    return sorted([*found, *more], key=lambda it: (it.number, it.first, FAULTS.index(it.kind)))[:limit]


def _values(**values: Any) -> dict[str, Any]:
    return values | {
        "confirmed": TopUpOrder.State.CONFIRMED,
        "account": TopUpOrder.Proof.ACCOUNT,
        "tolerance": settings.FUTURE_TOLERANCE_SECONDS,
    }


def _listed(ids: Iterable[int] | None) -> list[int] | None:
    return None if ids is None else list(ids)


def _numbers(sql: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [number for (number,) in cursor.fetchall()]


def _codes(terminals: Sequence[int] | None) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT terminal_no, code FROM terminals_terminal WHERE %(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s)",
            {"ids": _listed(terminals)},
        )
        return dict(cursor.fetchall())
