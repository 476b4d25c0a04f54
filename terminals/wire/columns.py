"""Tap records as columns: one NumPy row each instead of one Python object, for whoever takes in thousands at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from terminals.wire.record import MAX_PLACE, TapRecord
from terminals.wire.trip import MAX_TRIP, RIGHT_LINES

Octets = NDArray[np.uint8]
Rows = NDArray[np.void]

ROW: Final = np.dtype(
    [
        ("line", "i4"),
        ("terminal_no", "u8"),
        ("terminal_seq", "i8"),
        ("card_no", "S19"),
        ("atc", "i4"),
        ("type", "u1"),
        ("amount_fen", "i8"),
        ("balance_fen", "i8"),
        ("occurred_at", "i8"),
        ("tac", "u4"),
        ("key_version", "u1"),
        ("place_at", "i8"),
        ("place_bytes", "i4"),
        ("trip_at", "i8"),
        ("trip_bytes", "i4"),
    ]
)
"""A `TapRecord`: `line` counts from 1 with the header, terminal number and TAC are the numbers their hex digits write,
`occurred_at` is in seconds since 1970 UTC, and place and trip are UTF-8 in the octets kept beside the rows."""

EARLIEST: Final = 946_684_800
"""2000-01-01T00:00:00Z, before which no card was tapped."""
_BREAK: Final = ord("\n")
_CHARACTER_BYTES: Final = 4
"""The most that UTF-8 takes for one character."""


def plain_places(octets: Octets, rows: Rows, held: NDArray[np.bool_], quoted: bytes) -> NDArray[np.bool_]:
    """Which rows of those held have a place by the rules of `TapRecord`, without any character of `quoted`.

    Whether characters are printable is asked for all places at once: one that is not puts every row with a place out.
    """
    held = held & (rows["place_bytes"] <= MAX_PLACE * _CHARACTER_BYTES)
    lengths = rows["place_bytes"][held].astype(np.int64)
    ends = np.cumsum(lengths)
    text = _joined(octets, rows["place_at"][held], lengths)
    begins = np.concatenate(([0], np.cumsum((text & 0xC0) != 0x80)))
    unsaid = np.concatenate(([0], np.cumsum(np.isin(text, np.frombuffer(quoted, np.uint8)))))
    right = (begins[ends] - begins[ends - lengths] <= MAX_PLACE) & (unsaid[ends] == unsaid[ends - lengths])
    if not text.tobytes().decode().isprintable():
        right &= lengths == 0
    found: NDArray[np.bool_] = held.copy()
    found[held] = right
    return found


def right_trips(octets: Octets, rows: Rows, held: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which rows of those held have a trip by the rules of `terminals.wire.trip`, or none.

    All trips are read at once, one a line: what is left of a line when the right ones are taken away was wrong.
    """
    found: NDArray[np.bool_] = held & (rows["trip_bytes"] <= MAX_TRIP)
    told = np.flatnonzero(found & (rows["trip_bytes"] > 0))
    if not len(told):
        return found
    lengths = rows["trip_bytes"][told].astype(np.int64) + 1
    lines = _joined(octets, rows["trip_at"][told], lengths)
    breaks = np.cumsum(lengths) - 1
    lines[breaks] = 0
    lines[lines == _BREAK] = 0  # one within a trip would make two of it
    lines[breaks] = _BREAK
    rest = np.frombuffer(RIGHT_LINES.sub(b"", lines.tobytes()), np.uint8)
    found[told] = np.diff(np.flatnonzero(rest == _BREAK), prepend=-1) == 1
    return found


def _joined(octets: Octets, at: NDArray[np.int64], lengths: NDArray[np.int64]) -> Octets:
    """The texts that stand at these positions, one behind the other."""
    ends = np.cumsum(lengths)
    found: Octets = octets[np.repeat(at - (ends - lengths), lengths) + np.arange(lengths.sum())]
    return found


def rows_of(records: Sequence[tuple[int, TapRecord]], texts_from: int) -> tuple[Rows, bytes]:
    """Rows of records with their line numbers, and their places and trips, which will stand at `texts_from` and after."""
    rows, texts = np.zeros(len(records), ROW), bytearray()
    for at, (line, record) in enumerate(records):
        place, trip = record.place.encode(), record.trip.encode()
        rows[at] = (
            line,
            int(record.terminal_no, 16),
            record.terminal_seq,
            record.card_no.encode(),
            record.atc,
            record.type,
            record.amount_fen,
            record.balance_fen,
            int(record.occurred_at.timestamp()),
            int(record.tac, 16),
            record.key_version,
            texts_from + len(texts),
            len(place),
            texts_from + len(texts) + len(place),
            len(trip),
        )
        texts += place + trip
    return rows, bytes(texts)


def record_of(row: Any, octets: Octets) -> TapRecord:
    """The record of one row; its time is in UTC, for a row does not keep the offset."""
    place, trip = (
        octets[row[f"{name}_at"] : row[f"{name}_at"] + row[f"{name}_bytes"]].tobytes().decode()
        for name in ("place", "trip")
    )
    return TapRecord(
        terminal_no=f"{row['terminal_no']:012X}",
        terminal_seq=int(row["terminal_seq"]),
        card_no=row["card_no"].decode(),
        atc=int(row["atc"]),
        type=int(row["type"]),
        amount_fen=int(row["amount_fen"]),
        balance_fen=int(row["balance_fen"]),
        occurred_at=datetime.fromtimestamp(int(row["occurred_at"]), UTC),
        tac=f"{row['tac']:08X}",
        key_version=int(row["key_version"]),
        place=place,
        trip=trip,
    )
