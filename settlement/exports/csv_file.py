"""The settlement document as CSV: UTF-8 with a byte order mark, so that spreadsheets read the Chinese right."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from settlement.exports import table
from settlement.selectors.figures import DayReport

BOM: Final = "\ufeff"
"""So that spreadsheets read UTF-8."""
# A text that starts like this is taken for a formula by spreadsheets; an apostrophe makes it text again.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def settlement_csv(report: DayReport) -> bytes:
    """The merchants' lines of `report` and their total; amounts in yuan. The same report gives the same bytes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.MERCHANT_HEADINGS)
    writer.writerows(safe(row) for row in table.merchant_rows(report))
    writer.writerow((table.TOTAL, "", "", "", *table.amount_cells(report.total)))
    return (BOM + text.getvalue()).encode()


def safe(row: Iterable[table.Cell]) -> list[table.Cell]:
    """The cells, none of which a spreadsheet takes for a formula."""
    return [
        f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell for cell in row
    ]
