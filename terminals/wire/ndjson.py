"""Lines of tap records in the canonical form of `TapRecord.to_json`, read side by side.

The rules are those of `TapRecord.from_json`. A line that is written in another way, or breaks a rule, is left to it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from terminals.wire.columns import EARLIEST, ROW, Octets, Rows, plain_places, right_trips
from terminals.wire.cursor import Cursor, Flags, Numbers
from terminals.wire.record import MAX_AMOUNT_FEN, MAX_PLACE, PURCHASE_TYPES
from terminals.wire.trip import MAX_TRIP

_MONEY_DIGITS: Final = len(str(MAX_AMOUNT_FEN))
_MAX_PLACE_BYTES: Final = 4 * MAX_PLACE
_QUOTED: Final = b'"\\'
"""What a text would have to escape."""


def read_lines(octets: Octets, starts: Numbers, ends: Numbers) -> tuple[Rows, Flags]:
    """A row for each line, and whether it holds; `line` is not set, `place_at` points into `octets`."""
    cursor, rows = Cursor(octets, starts), np.zeros(len(starts), ROW)
    cursor.expect(b'{"terminal_no":"')
    rows["terminal_no"] = cursor.hexadecimal(12)
    cursor.expect(b'","terminal_seq":')
    rows["terminal_seq"] = cursor.number(10, 0, 0xFFFF_FFFF)
    cursor.expect(b',"card_no":"')
    rows["card_no"] = cursor.card_number()
    cursor.expect(b'","atc":')
    rows["atc"] = cursor.number(5, 0, 0xFFFF)
    cursor.expect(b',"type":')
    rows["type"] = cursor.number(1, 0, 9)
    cursor.demand(np.isin(rows["type"], PURCHASE_TYPES))
    cursor.expect(b',"amount_fen":')
    rows["amount_fen"] = cursor.number(_MONEY_DIGITS, 0, MAX_AMOUNT_FEN)
    cursor.expect(b',"balance_fen":')
    debt = cursor.skip(b"-")
    balance = cursor.number(_MONEY_DIGITS, 0, MAX_AMOUNT_FEN)
    rows["balance_fen"] = np.where(debt, -balance, balance)
    cursor.expect(b',"occurred_at":"')
    rows["occurred_at"] = _moment(cursor)
    cursor.expect(b'","tac":"')
    rows["tac"] = cursor.hexadecimal(8)
    cursor.expect(b'","key_version":')
    rows["key_version"] = cursor.number(3, 0, 0xFF)
    rows["place_at"], rows["place_bytes"] = _text(cursor, b',"place":"', _MAX_PLACE_BYTES)
    rows["trip_at"], rows["trip_bytes"] = _text(cursor, b',"trip":"', MAX_TRIP)
    cursor.expect(b"}")
    cursor.demand(cursor.at == ends)
    return rows, right_trips(octets, rows, plain_places(octets, rows, cursor.good, _QUOTED))


def _text(cursor: Cursor, name: bytes, most: int) -> tuple[Numbers, Numbers]:
    """Where a text stands that may be left out, and its bytes."""
    told = cursor.skip(name)
    begun, length = cursor.at, cursor.until(b'"', told, most)
    cursor.demand(cursor.skip(b'"') == told)
    return begun, length


def _moment(cursor: Cursor) -> Numbers:
    year = cursor.digits(4, 1999, 9998)
    cursor.expect(b"-")
    month = cursor.digits(2, 1, 12)
    cursor.expect(b"-")
    day = cursor.digits(2, 1, 31)
    cursor.expect(b"T")
    hour = cursor.digits(2, 0, 23)
    cursor.expect(b":")
    minute = cursor.digits(2, 0, 59)
    cursor.expect(b":")
    local = cursor.seconds((year, month, day), (hour, minute, cursor.digits(2, 0, 59)))
    west = cursor.sign()
    hours = cursor.digits(2, 0, 23)
    cursor.expect(b":")
    offset = hours * 3_600 + cursor.digits(2, 0, 59) * 60
    moment: Numbers = local - np.where(west, -offset, offset)
    cursor.demand(moment >= EARLIEST)
    return moment
