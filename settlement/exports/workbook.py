"""A report as XLSX, with totals as formulas that the reader can follow."""

from __future__ import annotations

import io
import re
from decimal import Decimal
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import Cell, MergedCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from settlement.exports.document import CREATOR, TOTAL, head, heading, in_documents, moment, value
from settlement.exports.stable_zip import stable_xlsx
from settlement.selectors.reports.frame import Column, Kind, Report, Section

_FORMATS: Final = {Kind.TEXT: "General", Kind.COUNT: "#,##0", Kind.FEN: "#,##0.00"}
_HEADING_FILL: Final = PatternFill("solid", fgColor="1F4E79")
_HEADING_FONT: Final = Font(bold=True, color="FFFFFF")
_TOTAL_BORDER: Final = Border(top=Side("thin"), bottom=Side("double"))
_FIRST_ROW: Final = 4  # title, line of facts, headings
_NO_NAME: Final = re.compile(r"[\\/*?:\[\]]")
_NAME_MAX: Final = 31


def report_xlsx(report: Report) -> bytes:
    """A workbook of `report`, a sheet for each table; amounts in yuan.

    Texts are always stored as texts, never as formulas. The same report gives the same bytes.
    """
    report = in_documents(report)
    book = Workbook()
    book.remove(book.worksheets[0])
    for section in report.sections:
        _fill(book.create_sheet(), report, section)
    book.properties.creator = CREATOR
    book.properties.title = f"{report.title} {report.period}"
    book.properties.created = moment(report)
    content = io.BytesIO()
    book.save(content)
    return stable_xlsx(content.getvalue(), modified=moment(report))


def _fill(sheet: Worksheet, report: Report, section: Section) -> None:
    """One sheet: title, facts, headings, rows, sums."""
    sheet.title = _NO_NAME.sub(" ", str(section.title))[:_NAME_MAX]
    _put(sheet.cell(1, 1), f"{report.title}（{section.title}）").font = Font(bold=True, size=14)
    _put(sheet.cell(2, 1), head(report))
    for index, column in enumerate(section.columns, start=1):
        cell = _put(sheet.cell(_FIRST_ROW - 1, index), heading(column))
        cell.font, cell.fill = _HEADING_FONT, _HEADING_FILL
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    for line, row in enumerate(section.rows, start=_FIRST_ROW):
        for index, (column, cell_value) in enumerate(zip(section.columns, row, strict=True), start=1):
            _put(sheet.cell(line, index), value(column, cell_value), column)
    last = _FIRST_ROW + len(section.rows) - 1
    if section.is_summed:
        _put_totals(sheet, section, last)
    if section.note:
        _put(sheet.cell(last + 3, 1), str(section.note))
    _lay_out(sheet, section)


def _put_totals(sheet: Worksheet, section: Section, last: int) -> None:
    row = last + 1
    _put(sheet.cell(row, 1), TOTAL)
    for index, column in enumerate(section.columns, start=1):
        cell = sheet.cell(row, index)
        if column.summed:
            letter = get_column_letter(index)
            cell.value = f"=SUM({letter}{_FIRST_ROW}:{letter}{last})" if last >= _FIRST_ROW else 0
            cell.number_format = _FORMATS[column.kind]
        cell.font, cell.border = Font(bold=True), _TOTAL_BORDER


def _put(
    cell: Cell | MergedCell, content: str | int | Decimal, column: Column | None = None
) -> Cell | MergedCell:
    """Write a value; a text stays a text even when it looks like a formula."""
    if isinstance(content, str):
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", content)
        cell.data_type = "s"
    else:
        cell.value = content
    if column is not None:
        cell.number_format = _FORMATS[column.kind]
    return cell


def _lay_out(sheet: Worksheet, section: Section) -> None:
    """Columns wide enough for what they hold, headings that stay in sight, one page wide on paper."""
    for index, column in enumerate(section.columns, start=1):
        texts = [heading(column), *(str(value(column, row[index - 1])) for row in section.rows)]
        # A Chinese character is two columns wide.
        width = max(sum(2 if ord(sign) > 0x2E7F else 1 for sign in words) for words in texts)
        sheet.column_dimensions[get_column_letter(index)].width = min(50, max(10, width + 3))
    sheet.freeze_panes = f"A{_FIRST_ROW}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = f"{_FIRST_ROW - 1}:{_FIRST_ROW - 1}"
