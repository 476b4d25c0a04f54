"""The bureau's answer: which card was printed on which chip, and which was spoiled. Form: docs/bureau.md."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from accounts.models import Card, StockItem
from accounts.services.stock import receive_produced
from citizencard.core.audit import record_audit
from terminals.errors import BureauAnswerWrong
from terminals.models import BureauLine

COLUMNS: Final = ["batch", "card_number", "chip_serial", "outcome"]
LINES_MAX: Final = 10_000
_CHIP_SERIAL: Final = re.compile(r"[0-9A-F]{16}")
Outcome = BureauLine.Outcome


@dataclass(frozen=True, slots=True)
class LineProblem:
    """A line that was not taken: its number in the file (the heading is 1), a stable code, and words for people."""

    line: int
    code: str
    detail: StrOrPromise


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """What became of an answer: lines taken, lines known from before, and the others."""

    taken: int
    repeated: int
    problems: list[LineProblem]


class _Unfit(Exception):
    """A line cannot be taken; code and words."""

    def __init__(self, code: str, detail: StrOrPromise) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


@transaction.atomic
def take_answer(*, text: str, actor: str) -> AnswerReport:
    """Take the lines that fit, name those that do not; taking a file again changes nothing. Audited.

    Cards of an order that were made are in the bureau's stock from now on.

    Raises BureauAnswerWrong when it is no such file at all.
    """
    counts = {True: 0, False: 0}
    problems = []
    numbers = []
    for number, row in _rows(text):
        try:
            counts[_take(row)] += 1
            numbers.append(row[1].strip())
        except _Unfit as unfit:
            problems.append(LineProblem(number, unfit.code, unfit.detail))
    made = Card.objects.filter(
        pan__in=numbers, bureau_lines__outcome=Outcome.MADE, stock_item__state=StockItem.State.ORDERED
    )
    receive_produced(cards=made, actor=actor)
    report = AnswerReport(taken=counts[True], repeated=counts[False], problems=problems)
    record_audit(
        actor=actor,
        action="bureau.answer",
        subject=f"bureau-answer:{hashlib.sha256(text.encode()).hexdigest()[:32]}",
        detail={"taken": report.taken, "repeated": report.repeated, "problems": len(problems)},
    )
    return report


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        if next(lines, None) != COLUMNS:
            raise BureauAnswerWrong(reason=_("the first line must be batch,card_number,chip_serial,outcome"))
        for row in lines:
            if lines.line_num > LINES_MAX:
                raise BureauAnswerWrong(reason=_("it has more than 10,000 lines"))
            if row:
                yield lines.line_num, row
    except csv.Error as error:
        raise BureauAnswerWrong(reason=str(error)) from error


def _take(row: list[str]) -> bool:
    """Write a line's outcome down; False when it stood there already."""
    if len(row) != len(COLUMNS):
        raise _Unfit("columns", _("a line has four columns"))
    batch_number, card_number, chip_serial, word = (value.strip() for value in row)
    outcome, chip_serial = _outcome(word), chip_serial.upper()
    if not _CHIP_SERIAL.fullmatch(chip_serial) and (chip_serial or outcome == Outcome.MADE):
        raise _Unfit("chip_serial", _("a chip serial has 16 hexadecimal digits"))
    line = _line(batch_number, card_number)
    kept = chip_serial if outcome == Outcome.MADE else ""
    if line.outcome != Outcome.ORDERED:
        if (line.outcome, line.chip_serial) == (outcome, kept):
            return False
        raise _Unfit("contradiction", _("the bureau answered otherwise for this card before"))
    if kept and BureauLine.objects.filter(chip_serial=kept).exists():
        raise _Unfit("chip_taken", _("this chip carries another card"))
    line.outcome, line.chip_serial, line.answered_at = outcome, kept, timezone.now()
    line.save(update_fields=["outcome", "chip_serial", "answered_at"])
    return True


def _outcome(word: str) -> BureauLine.Outcome:
    if word not in (Outcome.MADE, Outcome.SPOILED):
        raise _Unfit("outcome", _("the outcome is made or spoiled"))
    return Outcome(word)


def _line(batch_number: str, card_number: str) -> BureauLine:
    digits = batch_number.removeprefix("B")
    pk = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else 0
    line = BureauLine.objects.select_related("batch").filter(batch=pk, card__pan=card_number).first()
    if line is None or line.batch.number != batch_number:
        raise _Unfit("not_ordered", _("the batch has no such card"))
    return line
