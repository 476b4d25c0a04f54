"""What bank files say, without their formats. Amounts in fen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import models
from django.utils.translation import gettext_lazy as _


class Fault(models.TextChoices):
    """What can be wrong with a file from the bank."""

    TOO_LARGE = "too_large", _("the file is too large")
    XML = "xml", _("no well-formed XML without document type and entities")
    SCHEMA = "schema", _("not what the message's schema allows here")
    CURRENCY = "currency", _("not in CNY")
    AMOUNT = "amount", _("no positive amount in whole fen")
    BALANCE = "balance", _("exactly one opening and one closing booked balance are needed")
    NOT_BOOKED = "not_booked", _("an entry that is not booked")
    SUM = "sum", _("the amounts do not add up to what the file says")
    COUNT = "count", _("the file says another number of lines")
    DATE = "date", _("the date is missing, or before what came before it")
    DUPLICATE = "duplicate", _("this file or statement was taken before")
    WRONG_ACCOUNT = "wrong_account", _("not the reserve account")
    GAP = "gap", _("the opening balance is not the closing balance of the statement before")
    UNKNOWN_BATCH = "unknown_batch", _("no such batch was sent")
    UNKNOWN_ORDER = "unknown_order", _("no such order in the batch")
    AMOUNT_DIFFERS = "amount_differs", _("another amount than was ordered")
    STATUS = "status", _("a status that is not known, or that contradicts the books")
    TWICE = "twice", _("an order is named twice")
    TRAILER = "trailer", _("the trailer is missing, or its count, total or SHA-256 is another")
    ENCODING = "encoding", _("the file is not in GB18030")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: the line of the file (0: the whole), the element or column, what it is."""

    line: int
    field: str
    fault: Fault

    def as_json(self) -> dict[str, str | int]:
        """As it is kept with the refused file."""
        return {"line": self.line, "field": self.field, "fault": self.fault.value}


class Unreadable(Exception):
    """A file that cannot be taken, with everything that is wrong with it."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Holder, 12-digit CNAPS code of the branch, account number."""

    holder: str
    bank_code: str
    number: str


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of an order file; `note` is what the payee reads."""

    end_to_end_id: str
    amount_fen: int
    payee: BankAccount
    note: str


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """A file of payments from one account, on one value date."""

    number: str
    made_at: datetime
    value_date: date
    payer: BankAccount
    payments: tuple[Payment, ...]

    @property
    def total_fen(self) -> int:
        """The control sum."""
        return sum(payment.amount_fen for payment in self.payments)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry of a statement, or one transaction of a collective entry; `return_reason` where it gives a payment back."""

    line: int
    signed_fen: int
    booked_on: date
    valued_on: date
    reference: str
    end_to_end_id: str
    note: str
    return_reason: str | None


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """One statement; balances are positive where the bank owes us. `day` is the date of the closing balance."""

    number: str
    account: str
    day: date
    opening_fen: int
    closing_fen: int
    lines: tuple[StatementLine, ...]


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """What the bank says of one payment: accepted or not, and why not; `amount_fen` where it says the amount."""

    line: int
    end_to_end_id: str
    accepted: bool
    reason: str
    amount_fen: int | None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The bank's answer to an order file: `accepted` for the whole of it, or None where each order has its own."""

    batch: str
    accepted: bool | None
    reason: str
    count: int | None
    total_fen: int | None
    orders: tuple[OrderStatus, ...]
