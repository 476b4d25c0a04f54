"""The leaves of a date's trees as they are hashed: transfers and purses read in bulk, salted by the key service.

A transfer's leaf covers its date (as the number YYYYMMDD), id, kind, debit and credit account, amount, journal, source and the
time it occurred (microseconds since 1970), 8 bytes each, big-endian, and its salt; a purse's leaf its account, its salt and its
balance. Memory stays bounded: rows come as fixed-width records of PostgreSQL's binary COPY and never become objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import chain, islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from django.db import connection

from citizencard.core.keyservice.client import key_service
from settlement.merkle import log_leaf, log_node, root_of, sum_leaf, sum_node

BLOCK: Final = 1_024
"""Leaves under one kept node; those of one block are hashed again for a proof."""
SALT_BYTES: Final = 16
_CHUNK: Final = 64 * BLOCK
_HEADER_BYTES: Final = 19
_TIME_ORIGIN_US: Final = 946_684_800_000_000
"""PostgreSQL counts from 2000."""

_TRANSFERS: Final = """
COPY (
    SELECT id, kind::bigint, debit_id, credit_id, amount_fen, journal_id, source_id, occurred_at FROM accounts_transfer
    WHERE business_date = %(day)s AND id BETWEEN %(first)s AND %(last)s ORDER BY id
) TO STDOUT (FORMAT binary)
"""
# What a purse held at the close of a date: what it holds, less what later dates have moved.
_PURSES: Final = """
COPY (
    SELECT purse.account_id, purse.balance_fen - coalesce(later.fen, 0) FROM accounts_purse AS purse
    LEFT JOIN (
        SELECT account_id, sum(fen)::bigint AS fen FROM (
            SELECT credit_id AS account_id, amount_fen AS fen FROM accounts_transfer WHERE business_date > %(day)s
            UNION ALL
            SELECT debit_id, -amount_fen FROM accounts_transfer WHERE business_date > %(day)s
        ) AS moved GROUP BY account_id
    ) AS later USING (account_id) ORDER BY purse.account_id
) TO STDOUT (FORMAT binary)
"""
ID_MAX: Final = 2**63 - 1

Numbers = npt.NDArray[np.int64]


def transfer_chunks(day: date, *, first: int = 0, last: int = ID_MAX) -> Iterator[Numbers]:
    """The nine numbers of each transfer of `day` with an id in between, in the order of ids; whole blocks at a time."""
    for columns in _records(_TRANSFERS, 8, {"day": day, "first": first, "last": last}):
        columns[:, 7] += _TIME_ORIGIN_US
        dates = np.full((len(columns), 1), int(f"{day:%Y%m%d}"))
        yield np.hstack([dates, columns])


def transfer_leaves(day: date, numbers: Numbers, salt_version: int) -> list[bytes]:
    """The leaves of these transfers of `day`. Raises KeyServiceError, KeyServiceUnavailable."""
    packed = _bytes_of(numbers)
    return list(map(log_leaf, _rows(np.hstack([packed, transfer_salts(day, numbers[:, 1], salt_version)]))))


def transfer_salts(day: date, ids: Numbers, salt_version: int) -> npt.NDArray[np.uint8]:
    """16 bytes for each transfer."""
    return _salts(f"transfers {day}", ids, salt_version)


def transfer_blocks(day: date, salt_version: int) -> Iterator[tuple[int, int, bytes]]:
    """First transfer, number of transfers and node of each block of `day`."""
    for numbers in transfer_chunks(day):
        leaves = transfer_leaves(day, numbers, salt_version)
        for at in range(0, len(leaves), BLOCK):
            block = leaves[at : at + BLOCK]
            yield int(numbers[at, 1]), len(block), root_of(block, log_node)


def purses_at_close(day: date) -> Numbers:
    """Account and balance in fen of every purse that was not at nought at the close of `day`, by account."""
    none = np.empty((0, 2), np.int64)
    return np.concatenate([none, *(rows[rows[:, 1] != 0] for rows in _records(_PURSES, 2, {"day": day}))])


def purse_salts(day: date, accounts: Numbers, salt_version: int) -> npt.NDArray[np.uint8]:
    """16 bytes for each account."""
    return _salts(f"purses {day}", accounts, salt_version)


def purse_leaves(purses: Numbers, salts: npt.NDArray[np.uint8]) -> list[bytes]:
    """The leaves of these purses, account and balance (fen), none below nought."""
    entries = _rows(np.hstack([_bytes_of(purses[:, :1]), salts]))
    return list(map(sum_leaf, entries, purses[:, 1].tolist()))


def purse_blocks(day: date, purses: Numbers, salt_version: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """First salt, node and leaves (account and balance) of each block, the purses in the order of their salts."""
    salts = purse_salts(day, purses[:, 0], salt_version)
    order = np.argsort(salts.view(f"S{SALT_BYTES}").ravel(), kind="stable")
    for at in range(0, len(order), BLOCK):
        chosen = order[at : at + BLOCK]
        block, salted = purses[chosen], salts[chosen]
        node = root_of(purse_leaves(block, salted), sum_node)
        yield salted[0].tobytes(), node, block.astype(">i8").tobytes()


def _salts(tree: str, ids: Numbers, salt_version: int) -> npt.NDArray[np.uint8]:
    salts = np.empty((len(ids), SALT_BYTES), np.uint8)
    for at in range(0, len(ids), _CHUNK):
        asked = ids[at : at + _CHUNK].astype(">i8").tobytes()
        packed = key_service().proof_salts(tree, asked, key_version=salt_version)
        salts[at : at + _CHUNK] = np.frombuffer(packed, np.uint8).reshape(-1, SALT_BYTES)
    return salts


def _records(query: str, width: int, values: dict[str, Any]) -> Iterator[Numbers]:
    """Rows of so many 8-byte columns, a chunk at a time. PostgreSQL sends each row as one message."""
    field = np.dtype([("bytes", ">i4"), ("value", ">i8")])
    row = np.dtype([("fields", ">i2"), ("field", field, (width,))])
    # The driver's own cursor: Django's, when it writes down queries, copies without values only.
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.cursor.copy(query, values) as copy,
    ):
        messages = iter(copy)
        messages = chain([bytes(next(messages))[_HEADER_BYTES:]], messages)
        while chunk := b"".join(islice(messages, _CHUNK)):
            rows = np.frombuffer(chunk, row, len(chunk) // row.itemsize)
            if len(rows):
                yield rows["field"]["value"].astype(np.int64)


def _bytes_of(numbers: Numbers) -> npt.NDArray[np.uint8]:
    """Each row's numbers as big-endian bytes."""
    return np.ascontiguousarray(numbers, ">i8").view(np.uint8).reshape(len(numbers), -1)


def _rows(table: npt.NDArray[np.uint8]) -> Iterator[bytes]:
    """Each row as a byte string."""
    packed, width = table.tobytes(), table.shape[1]
    return (packed[at : at + width] for at in range(0, len(packed), width))
