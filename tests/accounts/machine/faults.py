"""Faults in a posting: what a slip of the pen in a template would book instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from accounts.models import Transfer
from accounts.services.ledger import Leg

Slip = Callable[[Leg], Leg]
Fault = Callable[[list[Leg]], list[Leg]]


def faults_of(legs: Sequence[Leg], others: Sequence[int]) -> Iterator[tuple[str, Fault]]:
    """Every fault of every leg, with a name; `others` are accounts that have no part in it."""
    for place, leg in enumerate(legs):
        yield f"leg {place} missing", _without(place)
        for name, slip in _slips(leg, others):
            yield f"leg {place} {name}", _with(place, slip)


def _slips(leg: Leg, others: Sequence[int]) -> Iterator[tuple[str, Slip]]:
    """Made on the leg as it is when the event happens once more: its accounts may have been opened anew by then."""
    yield "swapped", lambda now: replace(now, debit_id=now.credit_id, credit_id=now.debit_id)
    yield "a fen more", lambda now: replace(now, amount_fen=now.amount_fen + 1)
    yield "a fen less", lambda now: replace(now, amount_fen=now.amount_fen - 1)
    for kind in (Transfer.Kind.CORRECTION, Transfer.Kind.FUNDS_RECEIVED):
        if kind != leg.kind:
            yield f"as {kind.name}", partial(replace, kind=kind)
    for other in others:
        if other not in (leg.debit_id, leg.credit_id):
            yield f"debits {other}", partial(replace, debit_id=other)
            yield f"credits {other}", partial(replace, credit_id=other)


def _without(place: int) -> Fault:
    return lambda legs: legs[:place] + legs[place + 1 :]


def _with(place: int, slip: Slip) -> Fault:
    return lambda legs: [*legs[:place], slip(legs[place]), *legs[place + 1 :]]
