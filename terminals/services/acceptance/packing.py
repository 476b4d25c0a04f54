"""Rows of records in the forms in which the key service and PostgreSQL take them: bytes, without an object per record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from terminals.wire.columns import EARLIEST, Octets, Rows
from terminals.wire.trip import BEIJING_SECONDS

_TAC: Final = np.dtype(
    [
        ("serial", "u1", 8),
        ("key_version", "u1"),
        ("amount_fen", ">u4"),
        ("type", "u1"),
        ("terminal_no", "u1", 6),
        ("terminal_seq", ">u4"),
        ("when", "u1", 7),
        ("tac", ">u4"),
    ]
)
"""The form of `citizencard.core.keyservice.protocol.pack_tac_record`."""
_SERIAL_DIGITS: Final = 16
"""Rightmost digits of the card number: the serial that TAC keys are diversified by."""
JUDGING: Final = np.dtype([("tac_right", "?"), ("holding", "i2"), ("alone", "?")])
"""What is known of a record before the database is asked, see `intake`."""
Judging = NDArray[np.void]
_WIDTHS: Final = np.array([1_000_000, 1_000, 1])
"""Makes one number of three lengths."""
_ROW_END: Final = -1
_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_EPOCH: Final = EARLIEST
"""PostgreSQL counts microseconds since 2000-01-01 UTC."""


def pack_tac_records(rows: Rows) -> bytes:
    """All records in one piece for `KeyServiceClient.verify_purchase_tacs`."""
    packed = np.zeros(len(rows), _TAC)
    packed["serial"] = _serials(rows["card_no"])
    packed["terminal_no"] = rows["terminal_no"].astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:]
    packed["when"] = _bcd_times(rows["occurred_at"])
    for name in ("key_version", "amount_fen", "type", "terminal_seq", "tac"):
        packed[name] = rows[name]
    return packed.tobytes()


def copy_block(rows: Rows, judging: Judging, octets: Octets) -> bytes:
    """A whole binary COPY into the columns of `judgement`'s table `arriving`.

    Records whose texts (card number, place, trip) have the same lengths are written side by side; the rows' order is lost.
    """
    widths = np.stack((np.char.str_len(rows["card_no"]), rows["place_bytes"], rows["trip_bytes"]), axis=1)
    kinds, counts = np.unique(widths @ _WIDTHS, return_counts=True)
    order = np.argsort(widths @ _WIDTHS, kind="stable")
    groups = np.split(order, np.cumsum(counts)[:-1]) if len(kinds) else []
    parts = [_equal_rows(rows[group], judging[group], octets, widths[group[0]].tolist()) for group in groups]
    return b"".join([_COPY_HEADER, *parts, _ROW_END.to_bytes(2, signed=True)])


def multirange(numbers: NDArray[np.int64]) -> str:
    """A set of whole numbers as PostgreSQL writes a multirange."""
    ordered = np.unique(numbers)
    ends = np.flatnonzero(np.diff(ordered, append=np.iinfo(np.int64).max) > 1)
    lows = ordered[np.append(0, ends[:-1] + 1)] if len(ordered) else ordered
    runs = zip(lows.tolist(), ordered[ends].tolist(), strict=True)
    return "{" + ",".join(f"[{low},{high}]" for low, high in runs) + "}"


def _equal_rows(rows: Rows, judging: Judging, octets: Octets, widths: Sequence[int]) -> bytes:
    card_bytes, place_bytes, trip_bytes = widths
    fields: list[tuple[str, NDArray[np.generic]]] = [
        (">i4", rows["line"]),
        (f"S{card_bytes}", rows["card_no"]),
        (">i4", rows["atc"]),
        (">i8", rows["terminal_seq"]),
        (">i2", rows["type"]),
        (">i4", rows["amount_fen"]),
        (">i4", rows["balance_fen"]),
        (">i8", (rows["occurred_at"] - _EPOCH) * 1_000_000),
        (">u4", rows["tac"]),
        (">i2", rows["key_version"]),
        (f"({place_bytes},)u1", octets[rows["place_at"][:, None] + np.arange(place_bytes)]),
        (f"({trip_bytes},)u1", octets[rows["trip_at"][:, None] + np.arange(trip_bytes)]),
        ("?", judging["tac_right"]),
        (">i2", judging["holding"]),
        ("?", judging["alone"]),
    ]
    layout = [("fields", ">i2")]
    for at, (kind, _) in enumerate(fields):
        layout += [(f"length{at}", ">i4"), (f"value{at}", kind)]
    block = np.zeros(len(rows), np.dtype(layout))
    block["fields"] = len(fields)
    for at, (kind, values) in enumerate(fields):
        block[f"length{at}"] = np.dtype(kind).itemsize
        block[f"value{at}"] = values
    return block.tobytes()


def _serials(card_numbers: NDArray[np.bytes_]) -> Octets:
    """The last 16 digits of each card number in eight bytes, two digits a byte."""
    width = card_numbers.dtype.itemsize
    digits = np.ascontiguousarray(card_numbers).view(np.uint8).reshape(-1, width)
    short = digits[:, _SERIAL_DIGITS] == 0
    serial = np.where(
        short[:, None], digits[:, :_SERIAL_DIGITS], digits[:, width - _SERIAL_DIGITS :]
    ) - np.uint8(ord("0"))
    return serial[:, ::2] << np.uint8(4) | serial[:, 1::2]


def _bcd_times(seconds: NDArray[np.int64]) -> Octets:
    """YYYYMMDDhhmmss of Beijing, two digits a byte, as chips write it."""
    local = seconds + BEIJING_SECONDS
    days, second = np.divmod(local, 86_400)
    dates = days.astype("M8[D]")
    months = dates.astype("M8[M]")
    month = months.astype(np.int64)
    day = (dates - months.astype("M8[D]")).astype(np.int64) + 1
    year = 1970 + month // 12
    parts = (year // 100, year % 100, month % 12 + 1, day, second // 3_600, second // 60 % 60, second % 60)
    numbers = np.stack(parts, axis=1)
    octets: Octets = (numbers // 10 << 4 | numbers % 10).astype(np.uint8)
    return octets
