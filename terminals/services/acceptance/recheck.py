"""The TACs of taps that were taken in, proved again by the key service: has a row been altered since?

A tap's row has everything its TAC covers. Rows come out of PostgreSQL as bytes of one width and go to the key service as
bytes, some ten thousand at a time, so that what a process needs does not grow with the day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice
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
_COPY_HEADER_BYTES: Final = 19

# A card or terminal that is not there gives zeros, and no TAC is right for those.
_STORED: Final = """
COPY (
    SELECT tap.id, coalesce(right(card.pan, 16), repeat('0', 16)), tap.key_version, tap.amount_fen, tap.kind,
        coalesce(('x' || terminal.terminal_no)::bit(48)::bigint, 0), tap.terminal_seq, tap.occurred_at, tap.tac
    FROM terminals_tap AS tap
    LEFT JOIN accounts_card AS card ON card.id = tap.card_id
    LEFT JOIN terminals_terminal AS terminal ON terminal.id = tap.terminal_id
    WHERE tap.business_date = %(day)s AND tap.id >= %(first)s AND tap.id < %(past)s
        AND tap.key_version IS NOT NULL AND tap.outcome <> %(unproved)s
) TO STDOUT (FORMAT BINARY)
"""
_FIELDS: Final = (
    ("id", ">i8"),
    ("serial", "S16"),
    ("key_version", ">i2"),
    ("amount_fen", ">i8"),
    ("type", ">i2"),
    ("terminal_no", ">i8"),
    ("terminal_seq", ">i8"),
    ("occurred_at", ">i8"),
    ("tac", ">u4"),
)
_STORED_ROW: Final = np.dtype(
    [("fields", ">i2")]
    + [part for name, kind in _FIELDS for part in ((f"{name}_bytes", ">i4"), (name, kind))]
)
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
    values = {"day": day, "first": first, "past": past, "unproved": Tap.Outcome.KEY_UNUSABLE}
    wrong: list[int] = []
    with connection.cursor() as cursor:
        cursor.execute(_UNVERSIONED, values)
        unchecked: int = cursor.fetchone()[0]
        for ids, rows in _stored(values):
            verdicts = np.frombuffer(key_service().verify_purchase_tacs(pack_tac_records(rows)), np.uint8)
            unchecked += int((verdicts == UNCHECKED).sum())
            wrong += ids[verdicts == WRONG][: SHOWN_MAX - len(wrong)].tolist()
        cursor.execute(_PLACES, {"day": day, "ids": wrong})
        return Proved([Breach(RULE, f"{day} #{tap}", place) for tap, place in cursor.fetchall()], unchecked)


def _stored(values: dict[str, Any]) -> Iterator[tuple[Any, Rows]]:
    """Ids and records, LANES at a time."""
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_STORED, values) as copy:
        rest = b"".join(islice(copy, 1))[_COPY_HEADER_BYTES:]
        while block := rest + b"".join(islice(copy, LANES)):
            whole = len(block) // _STORED_ROW.itemsize * _STORED_ROW.itemsize
            if not whole:  # the mark at the end
                return
            rest = block[whole:]
            stored = np.frombuffer(block[:whole], _STORED_ROW)
            yield stored["id"], _records(stored)


def _records(stored: Any) -> Rows:
    rows = np.zeros(len(stored), ROW)
    rows["card_no"] = stored["serial"]
    rows["occurred_at"] = EARLIEST + stored["occurred_at"] // 1_000_000
    for name in ("key_version", "amount_fen", "type", "terminal_no", "terminal_seq", "tac"):
        rows[name] = stored[name]
    return rows
