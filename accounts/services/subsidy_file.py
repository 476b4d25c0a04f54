"""The subsidy file: CSV in UTF-8 or GBK, as an agency's spreadsheet saves it.

First line: batch number, payer, title, number of rows, total in yuan. Then a line per person: row (1, 2, 3 …), card number
(19 digits) or number of the identity document, amount in yuan.

    YL2026-03,MZJ,高龄津贴2026年3月,2,300.00
    1,3104362000000000017,100.00
    2,350501195001010015,200.00
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.services.csv_lines import Unreadable, read_lines
from citizencard.core.money import parse_yuan

ROWS_MAX: Final = 100_000
TITLE_MAX: Final = 100
_NUMBER: Final = re.compile(r"[A-Za-z0-9-]{1,32}")
_COUNT: Final = re.compile(r"[0-9]{1,6}")
_CARD: Final = re.compile(r"[0-9]{19}")


class Fault(models.TextChoices):
    """What can be wrong with a file or a row of it."""

    ENCODING = "encoding", _("the file is neither UTF-8 nor GBK")
    FORMAT = "format", _("not the columns that belong here")
    TOO_LONG = "too_long", _("the file has too many rows")
    NUMBER = "number", _("a batch number has 1 to 32 letters, digits and hyphens")
    TITLE = "title", _("a title has 1 to 100 characters")
    PAYER_UNKNOWN = "payer_unknown", _("no such payer")
    COUNT_DIFFERS = "count_differs", _("the header says another number of rows")
    TOTAL_DIFFERS = "total_differs", _("the header says another total")
    ROW_NUMBER = "row_number", _("rows are numbered 1, 2, 3 …")
    AMOUNT = "amount", _("not a positive amount in yuan with at most two decimals")
    HOLDER_UNKNOWN = "holder_unknown", _("no such card, and nobody with this document")
    HOLDER_AMBIGUOUS = "holder_ambiguous", _("the person has several active cards: name one")
    HOLDER_TWICE = "holder_twice", _("an earlier row is for the same purse")
    CARD_NOT_ACTIVE = "card_not_active", _("the card is not active")
    ACCOUNT_NOT_OPEN = "account_not_open", _("the purse is frozen or closed")
    BALANCE_LIMIT = "balance_limit", _("the purse may not hold that much")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong: its row as the file numbers lines of people (0: the header), the field, what it is."""

    row: int
    field: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says of itself; `total_fen` in fen."""

    number: str
    payer: str
    title: str
    count: int
    total_fen: int


@dataclass(frozen=True, slots=True)
class Row:
    """One person's amount; `holder` is a card number or a document number, not for logs."""

    row: int
    holder: str = field(repr=False)
    amount_fen: int

    @property
    def is_card(self) -> bool:
        """Whether the holder is given by card number."""
        return _CARD.fullmatch(self.holder) is not None


@dataclass(frozen=True, slots=True)
class SubsidyFile:
    """What could be read: without a header nothing else was looked at; a bad row is a problem and no row."""

    sha256: bytes
    header: Header | None
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def read_subsidy_file(content: bytes) -> SubsidyFile:
    """Read the file and check it as far as it can be checked by itself. Never raises: what is wrong is in `problems`."""
    digest = hashlib.sha256(content).digest()
    try:
        lines = read_lines(content, lines_max=ROWS_MAX + 1)
    except Unreadable as error:
        return SubsidyFile(digest, None, (), (Problem(0, "file", Fault(error.code)),))
    header = _header(lines[0] if lines else [])
    if isinstance(header, Problem):
        return SubsidyFile(digest, None, (), (header,))
    read = [_row(number, line) for number, line in enumerate(lines[1:], 1)]
    rows = tuple(row for row in read if isinstance(row, Row))
    problems = [row for row in read if isinstance(row, Problem)]
    if header.count != len(read):
        problems.insert(0, Problem(0, "count", Fault.COUNT_DIFFERS))
    if len(rows) == len(read) and header.total_fen != sum(row.amount_fen for row in rows):
        problems.insert(0, Problem(0, "total", Fault.TOTAL_DIFFERS))
    return SubsidyFile(digest, header, rows, tuple(problems))


def _header(line: Sequence[str]) -> Header | Problem:
    if len(line) != 5:
        return Problem(0, "header", Fault.FORMAT)
    number, payer, title, count, total = line
    if not _NUMBER.fullmatch(number):
        return Problem(0, "number", Fault.NUMBER)
    if not 1 <= len(title) <= TITLE_MAX:
        return Problem(0, "title", Fault.TITLE)
    if not _COUNT.fullmatch(count) or not int(count):
        return Problem(0, "count", Fault.COUNT_DIFFERS)
    total_fen = _amount(total)
    if total_fen is None:
        return Problem(0, "total", Fault.AMOUNT)
    return Header(number, payer, title, int(count), total_fen)


def _row(number: int, line: Sequence[str]) -> Row | Problem:
    if len(line) != 3:
        return Problem(number, "row", Fault.FORMAT)
    if line[0] != str(number):
        return Problem(number, "row", Fault.ROW_NUMBER)
    if not line[1]:
        return Problem(number, "holder", Fault.HOLDER_UNKNOWN)
    amount_fen = _amount(line[2])
    return Problem(number, "amount", Fault.AMOUNT) if amount_fen is None else Row(number, line[1], amount_fen)


def _amount(text: str) -> int | None:
    """Positive fen, or None."""
    try:
        return parse_yuan(text) or None
    except ValueError:
        return None
