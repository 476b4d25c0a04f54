"""A statement as a CSV file that spreadsheets open right: UTF-8 with byte order mark, text never taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from citizencard.core.money import format_yuan
from citizencard.portal.movements import Movement

_BOM: Final = "\ufeff"
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def statement_csv(movements: Iterable[Movement]) -> bytes:
    """One line per movement: city time, place, amount and balance in yuan, outcome; headings in the reader's language."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_("Time"), _("Place"), _("Amount (yuan)"), _("Balance (yuan)"), _("Outcome")])
    for each in movements:
        when = f"{timezone.localtime(each.occurred_at):%Y-%m-%d %H:%M:%S}"
        amounts = (format_yuan(amount).replace(",", "") for amount in (each.amount_fen, each.balance_fen))
        writer.writerow([when, _safe(each.place), *amounts, str(each.words)])
    return (_BOM + text.getvalue()).encode()


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
