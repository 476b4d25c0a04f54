"""A merchant's settlement files of a date as bytes: its statement, and every transfer that touched what it is owed.

The same statement gives the same bytes at any time: no names that may change, no words that are translated, the order of ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from django.db import connection

from settlement.models import Statement

_BOM: Final = "\ufeff"
_TOTALS: Final = (
    "taps",
    "online",
    "online_fen",
    "gross_fen",
    "fee_fen",
    "net_fen",
    "suspended_taps",
    "suspended_fen",
)
_STATEMENT_HEADINGS: Final = "清算日期,商户编号,费率（1/10000）,刷卡笔数,线上笔数,线上金额（分）,交易金额（分）,手续费（分）,结算净额（分）,挂账笔数,挂账金额（分）"
FORMAT: Final = 2
"""Of the statement's file. Since 2 it ends with the adjustments, and so do the totals of its manifest, which tells the formats apart."""
_ADJUSTED: Final = "adjusted_fen"
_SINCE_2: Final = ",调账金额（分）"
_TRANSFER_HEADINGS: Final = "分录号,种类,发生时间,贷方（分）,借方（分）,来源,终端,终端序号"

# Kinds 10 and 12 are PURCHASE and PURCHASE_CLAIM: the terminal and its sequence are what the merchant knows them by.
_TRANSFERS: Final = """
COPY (
    SELECT merchant.code, leg.credit_fen, leg.debit_fen, leg.id || ',' || leg.kind || ','
        || to_char(leg.occurred_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS') || ',' || leg.credit_fen || ','
        || leg.debit_fen || ',' || leg.source_id || ',' || coalesce(terminal.code, '') || ',' || coalesce(tap.terminal_seq::text, '')
    FROM (
        SELECT credit_id AS account_id, id, kind, occurred_at, source_id, amount_fen AS credit_fen, 0 AS debit_fen
        FROM accounts_transfer WHERE business_date = %(day)s
        UNION ALL
        SELECT debit_id, id, kind, occurred_at, source_id, 0, amount_fen FROM accounts_transfer WHERE business_date = %(day)s
    ) AS leg
    JOIN terminals_merchant AS merchant ON merchant.payable_id = leg.account_id
    JOIN settlement_statement AS statement ON statement.merchant_id = merchant.id AND statement.run_id = %(day)s
    LEFT JOIN terminals_tap AS tap ON tap.business_date = %(day)s AND tap.id = leg.source_id AND leg.kind IN (10, 12)
    LEFT JOIN terminals_terminal AS terminal ON terminal.id = tap.terminal_id
    WHERE %(merchant)s::bigint IS NULL OR merchant.id = %(merchant)s
    ORDER BY merchant.code COLLATE "C", leg.id
) TO STDOUT
"""


@dataclass(frozen=True, slots=True)
class Transfers:
    """The transfers' file of one merchant, as far as a manifest speaks of it; amounts in fen."""

    merchant: str
    rows: int
    credit_fen: int
    debit_fen: int
    bytes: int
    sha256: str


def statement_file(statement: Statement, *, form: int) -> bytes:
    """The statement as CSV in one of its formats: one line under Chinese headings, amounts in fen."""
    cells = [
        statement.run_id,
        statement.merchant.code,
        statement.fee_basis_points,
        *(getattr(statement, name) for name in _TOTALS),
    ]
    headings = _STATEMENT_HEADINGS
    if form == FORMAT:
        headings, cells = headings + _SINCE_2, [*cells, statement.adjusted_fen]
    return f"{_BOM}{headings}\r\n{','.join(map(str, cells))}\r\n".encode()


def form_of(totals: dict[str, int]) -> int:
    """The format of the file that a manifest with these totals was signed with."""
    return FORMAT if _ADJUSTED in totals else 1


def totals_of(statement: Statement) -> dict[str, int]:
    """The statement's figures by name."""
    return {name: getattr(statement, name) for name in (*_TOTALS, _ADJUSTED)}


def transfers_file(statement: Statement) -> bytes:
    """Every transfer into and out of the merchant's payable account on the statement's date, by id."""
    lines = _lines(statement.run_id, statement.merchant_id)
    return b"".join([_heading(), *(line for _merchant, _credit, _debit, line in lines)])


def all_transfers(day: date) -> Iterator[Transfers]:
    """Of every merchant with a statement and a transfer on `day`, by code; read once, in bounded memory."""
    for merchant, lines in groupby(_lines(day, None), key=lambda line: line[0]):
        digest, length = hashlib.sha256(_heading()), len(_heading())
        rows = credit_fen = debit_fen = 0
        for _merchant, credit, debit, line in lines:
            digest.update(line)
            rows, length = rows + 1, length + len(line)
            credit_fen, debit_fen = credit_fen + credit, debit_fen + debit
        yield Transfers(merchant, rows, credit_fen, debit_fen, length, digest.hexdigest())


def no_transfers(merchant: str) -> Transfers:
    """Of a merchant whose taps are all suspended."""
    return Transfers(merchant, 0, 0, 0, len(_heading()), hashlib.sha256(_heading()).hexdigest())


def _heading() -> bytes:
    return f"{_BOM}{_TRANSFER_HEADINGS}\r\n".encode()


def _lines(day: date, merchant_id: int | None) -> Iterator[tuple[str, int, int, bytes]]:
    """Merchant, credit and debit in fen, and the line of the file."""
    values: dict[str, Any] = {"day": day, "merchant": merchant_id}
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.cursor.copy(_TRANSFERS, values) as copy,
    ):
        for message in copy:
            merchant, credit, debit, line = bytes(message)[:-1].split(b"\t")
            yield merchant.decode(), int(credit), int(debit), line + b"\r\n"
