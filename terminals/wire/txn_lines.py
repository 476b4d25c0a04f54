"""Record lines of the TXN form, read side by side; what does not hold is left to `txn.read_record`."""

from __future__ import annotations

import numpy as np

from terminals.wire.columns import EARLIEST, ROW, Octets, Rows, plain_places, right_trips
from terminals.wire.cursor import Cursor, Flags, Numbers
from terminals.wire.record import MAX_AMOUNT_FEN, PURCHASE_TYPES
from terminals.wire.trip import BEIJING_SECONDS, MAX_TRIP
from terminals.wire.txn import COLUMNS, COLUMNS_WITH_TRIP, PLACE_BYTES, line_bytes


def read_lines(octets: Octets, starts: Numbers, ends: Numbers) -> tuple[Rows, Flags]:
    """A row for each line, and whether it holds; `line` is not set, texts point into `octets`."""
    cursor, rows = _begun(octets, starts, ends, line_bytes(COLUMNS))
    cursor.demand(cursor.at == ends)
    return rows, plain_places(octets, rows, cursor.good, b"")


def read_lines_with_trip(octets: Octets, starts: Numbers, ends: Numbers) -> tuple[Rows, Flags]:
    """As `read_lines`, of the version that has trips."""
    cursor, rows = _begun(octets, starts, ends, line_bytes(COLUMNS_WITH_TRIP))
    rows["trip_at"], rows["trip_bytes"] = _text(cursor, MAX_TRIP)
    cursor.demand(cursor.at == ends)
    return rows, right_trips(octets, rows, plain_places(octets, rows, cursor.good, b""))


def _begun(octets: Octets, starts: Numbers, ends: Numbers, width: int) -> tuple[Cursor, Rows]:
    """What all versions have in common."""
    cursor, rows = Cursor(octets, starts), np.zeros(len(starts), ROW)
    cursor.demand(ends - starts == width)
    cursor.expect(b"D")
    rows["terminal_no"] = cursor.hexadecimal(COLUMNS["terminal_no"])
    rows["terminal_seq"] = cursor.digits(COLUMNS["terminal_seq"], 0, 0xFFFF_FFFF)
    begun = cursor.at
    rows["card_no"] = cursor.card_number()
    cursor.skip(b"   ")
    cursor.demand(cursor.at - begun == COLUMNS["card_no"])
    rows["atc"] = cursor.digits(COLUMNS["atc"], 0, 0xFFFF)
    rows["type"] = cursor.digits(COLUMNS["type"], 0, 0xFF)
    cursor.demand(np.isin(rows["type"], PURCHASE_TYPES))
    rows["amount_fen"] = cursor.digits(COLUMNS["amount_fen"], 0, MAX_AMOUNT_FEN)
    debt = cursor.sign()
    balance = cursor.digits(COLUMNS["balance_fen"] - 1, 0, MAX_AMOUNT_FEN)
    rows["balance_fen"] = np.where(debt, -balance, balance)
    rows["occurred_at"] = _moment(cursor)
    rows["tac"] = cursor.hexadecimal(COLUMNS["tac"])
    rows["key_version"] = cursor.digits(COLUMNS["key_version"], 0, 0xFF)
    rows["place_at"], rows["place_bytes"] = _text(cursor, PLACE_BYTES)
    return cursor, rows


def _text(cursor: Cursor, width: int) -> tuple[Numbers, Numbers]:
    """Where a text begins that is filled up with spaces to this width, and its bytes."""
    begun = cursor.at
    filled = cursor.take(width)[:, ::-1] != ord(" ")
    return begun, np.where(filled.any(axis=1), width - filled.argmax(axis=1), 0)


def _moment(cursor: Cursor) -> Numbers:
    date = (cursor.digits(4, 2000, 9998), cursor.digits(2, 1, 12), cursor.digits(2, 1, 31))
    time = (cursor.digits(2, 0, 23), cursor.digits(2, 0, 59), cursor.digits(2, 0, 59))
    moment = cursor.seconds(date, time) - BEIJING_SECONDS
    cursor.demand(moment >= EARLIEST)
    return moment
