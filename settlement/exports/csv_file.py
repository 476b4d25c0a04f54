"""A report as CSV: UTF-8 with a byte order mark, so that spreadsheets read the Chinese right."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

from settlement.exports.document import heading, in_documents, total_row, value
from settlement.selectors.reports.frame import Report, Section

BOM: Final = "\ufeff"
"""So that spreadsheets read UTF-8."""
# A text that starts like this is taken for a formula by spreadsheets; an apostrophe makes it text again.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def report_csv(report: Report) -> bytes:
    """The tables of `report` one below the other, each with its total; amounts in yuan. The same report gives the same bytes."""
    report = in_documents(report)
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    for number, section in enumerate(report.sections):
        if number:
            writer.writerow(())
        if len(report.sections) > 1:
            writer.writerow(safe((section.title,)))
        _write(writer, section)
    return (BOM + lines.getvalue()).encode()


def _write(writer: Any, section: Section) -> None:
    writer.writerow([heading(column) for column in section.columns])
    for row in section.rows:
        writer.writerow(safe(value(column, cell) for column, cell in zip(section.columns, row, strict=True)))
    if section.is_summed:
        writer.writerow(total_row(section))


def safe(cells: Iterable[object]) -> list[object]:
    return [_text(cell) if isinstance(cell, str) else cell for cell in cells]


def _text(words: str) -> str:
    """A negative amount is a number and stays one; a text is marked as such."""
    return f"'{words}" if words.startswith(_FORMULA_STARTS) else words
