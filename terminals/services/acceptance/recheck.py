"""The TACs of taps that were taken in, proved again by the key service: has a row been altered since?

A tap's row has everything its TAC covers. Rows come out of PostgreSQL as bytes of one width and go to the key service as
bytes, some ten thousand at a time, so that the memory of a process does not grow with the day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np
from django.db import connection

from citizencard.core.invariants import SHOWN_MAX, Breach
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.protocol import UNCHECKED, WRONG
from terminals.models import Tap
from terminals.services.acceptance.packing import pack_tac_records
from terminals.wire.columns import EARLIEST, ROW, Rows

RULE: Final = "a tap's TAC is its card's own"
LANES: Final = 65_536
"""So many are verified at once: from here on bit-sliced MACs grow no faster."""

# One value for all taps: a COPY would make a message of each. A card or terminal that is not there gives zeros, and no TAC is
# right for those.
_STORED: Final = """
SELECT string_agg(int8send(tap.id) || coalesce(right(card.pan, 16), repeat('0', 16))::bytea || int2send(tap.key_version)
    || int8send(tap.amount_fen) || int2send(tap.kind) || int8send(coalesce(('x' || terminal.terminal_no)::bit(48)::bigint, 0))
    || int8send(tap.terminal_seq) || timestamptz_send(tap.occurred_at) || tap.tac, '')
FROM terminals_tap AS tap
LEFT JOIN accounts_card AS card ON card.id = tap.card_id
LEFT JOIN terminals_terminal AS terminal ON terminal.id = tap.terminal_id
WHERE tap.business_date = %(day)s AND tap.id >= %(first)s AND tap.id < %(past)s
    AND tap.key_version IS NOT NULL AND tap.outcome <> %(unproved)s
"""
_STORED_ROW: Final = np.dtype(
    [
        ("id", ">i8"),
        ("serial", "S16"),
        ("key_version", ">i2"),
        ("amount_fen", ">i8"),
        ("type", ">i2"),
        ("terminal_no", ">i8"),
        ("terminal_seq", ">i8"),
        ("occurred_at", ">i8"),
        ("tac", ">u4"),
    ]
)
"""What `_STORED` makes of a tap; times are PostgreSQL's, in microseconds since EARLIEST."""
_UNVERSIONED: Final = """
SELECT count(*) FROM terminals_tap WHERE business_date = %(day)s AND id >= %(first)s AND id < %(past)s
    AND (key_version IS NULL OR outcome = %(unproved)s)
"""
_PLACES: Final = """
SELECT tap.id, format('batch %%s of terminal %%s, line %%s', coalesce(batch.number, '#' || tap.batch_id),
    coalesce(terminal.code, '#' || tap.terminal_id), tap.line)
FROM terminals_tap AS tap
LEFT JOIN terminals_batch AS batch ON batch.id = tap.batch_id
LEFT JOIN terminals_terminal AS terminal ON terminal.id = tap.terminal_id
WHERE tap.business_date = %(day)s AND tap.id = ANY(%(ids)s) ORDER BY tap.id
"""


class Proved(NamedTuple):
    """What became of taps whose TACs were asked for again; `unchecked` are those that no key may, or can, check now."""

    breaches: list[Breach]
    unchecked: int


def recheck_tacs(*, day: date, first: int, past: int) -> Proved:
    """Prove the taps of a business date with ids from `first` up to and without `past`; at most SHOWN_MAX are named.

    Raises KeyServiceUnavailable.
    """
    wrong: list[int] = []
    with connection.cursor() as cursor:
        cursor.execute(_UNVERSIONED, _values(day, first, past))
        unchecked: int = cursor.fetchone()[0]
        for ids, rows in stored_records(day=day, first=first, past=past):
            verdicts = np.frombuffer(key_service().verify_purchase_tacs(pack_tac_records(rows)), np.uint8)
            unchecked += int((verdicts == UNCHECKED).sum())
            wrong += ids[verdicts == WRONG][: SHOWN_MAX - len(wrong)].tolist()
        cursor.execute(_PLACES, {"day": day, "ids": wrong})
        return Proved([Breach(RULE, f"{day} #{tap}", place) for tap, place in cursor.fetchall()], unchecked)


def stored_records(*, day: date, first: int, past: int) -> Iterator[tuple[Any, Rows]]:
    """Ids and records of the taps of that date and range that claim a key version, so many at once as make LANES numbers."""
    for at in range(first, past, LANES):
        with connection.cursor() as cursor:
            cursor.execute(_STORED, _values(day, at, min(at + LANES, past)))
            (packed,) = cursor.fetchone()
        if packed:
            stored = np.frombuffer(packed, _STORED_ROW)
            yield stored["id"], _records(stored)


def _values(day: date, first: int, past: int) -> dict[str, Any]:
    return {"day": day, "first": first, "past": past, "unproved": Tap.Outcome.KEY_UNUSABLE}


def _records(stored: Any) -> Rows:
    rows = np.zeros(len(stored), ROW)
    rows["card_no"] = stored["serial"]
    rows["occurred_at"] = EARLIEST + stored["occurred_at"] // 1_000_000
    for name in ("key_version", "amount_fen", "type", "terminal_no", "terminal_seq", "tac"):
        rows[name] = stored[name]
    return rows
