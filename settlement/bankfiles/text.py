"""A payment order as lines of text, for banks whose corporate channel takes no XML.

GB18030, fields separated by `|`, lines ended by CR LF. A header, a line per payment, a trailer whose SHA-256 is over every
byte before it. The columns are described in docs/bank-files.md; change them there first.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Final

from citizencard.core.calendar import SHANGHAI
from settlement.bankfiles.values import BankAccount, Fault, Payment, PaymentOrder, Problem, Unreadable

ENCODING: Final = "gb18030"
_END: Final = "\r\n"
_FORMAT: Final = "CCPAY1"


def write_text(order: PaymentOrder) -> bytes:
    """The order as text; the same order gives the same bytes. A `|` or a line end in a name or note becomes a space."""
    made_at = order.made_at.astimezone(SHANGHAI)
    head = (
        "H",
        _FORMAT,
        order.number,
        f"{made_at:%Y%m%d%H%M%S}",
        f"{order.value_date:%Y%m%d}",
        order.payer.holder,
        order.payer.bank_code,
        order.payer.number,
    )
    rows = [head]
    for row, payment in enumerate(order.payments, 1):
        payee = payment.payee
        rows.append(
            (
                "D",
                str(row),
                payment.end_to_end_id,
                str(payment.amount_fen),
                payee.holder,
                payee.bank_code,
                payee.number,
                payment.note,
            )
        )
    body = "".join("|".join(map(_clean, row)) + _END for row in rows).encode(ENCODING)
    trailer = f"T|{len(order.payments)}|{order.total_fen}|{hashlib.sha256(body).hexdigest()}{_END}"
    return body + trailer.encode(ENCODING)


def read_text(content: bytes) -> PaymentOrder:
    """The order as a receiver reads and checks it. Raises Unreadable."""
    body, mark, trailer = content.rpartition(b"\r\nT|")
    try:
        lines = body.decode(ENCODING).split(_END)
        told = trailer.decode(ENCODING)
    except UnicodeDecodeError as error:
        raise Unreadable(Problem(0, "file", Fault.ENCODING)) from error
    head, payments = _head(lines[0]), tuple(_payment(row, line) for row, line in enumerate(lines[1:], 1))
    order = PaymentOrder(*head, payments)
    digest = hashlib.sha256(body + b"\r\n").hexdigest()
    if not mark or told != f"{len(payments)}|{order.total_fen}|{digest}{_END}":
        raise Unreadable(Problem(len(lines) + 1, "trailer", Fault.TRAILER))
    return order


def _clean(value: str) -> str:
    return value.replace("|", " ").replace("\r", " ").replace("\n", " ")


def _head(line: str) -> tuple[str, datetime, date, BankAccount]:
    match line.split("|"):
        case ["H", form, number, made_at, value_date, holder, bank_code, account] if form == _FORMAT:
            try:
                made = datetime.strptime(made_at, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI)
                day = datetime.strptime(value_date, "%Y%m%d").date()
            except ValueError as error:
                raise Unreadable(Problem(1, "header", Fault.DATE)) from error
            return number, made, day, BankAccount(holder, bank_code, account)
    raise Unreadable(Problem(1, "header", Fault.SCHEMA))


def _payment(row: int, line: str) -> Payment:
    match line.split("|"):
        case ["D", number, end_to_end_id, amount, holder, bank_code, account, note] if number == str(row):
            if not (amount.isascii() and amount.isdigit() and int(amount)):
                raise Unreadable(Problem(row + 1, "amount", Fault.AMOUNT))
            return Payment(end_to_end_id, int(amount), BankAccount(holder, bank_code, account), note)
    raise Unreadable(Problem(row + 1, "row", Fault.SCHEMA))
