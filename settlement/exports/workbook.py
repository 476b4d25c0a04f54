"""The settlement document as XLSX, with totals as formulas that the reader can follow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import Cell, MergedCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from settlement.exports import table
from settlement.exports.stable_zip import stable_xlsx
from settlement.selectors.figures import DayReport

_YUAN_FORMAT: Final = "#,##0.00"
_COUNT_FORMAT: Final = "#,##0"
_HEADING_FILL: Final = PatternFill("solid", fgColor="1F4E79")
_HEADING_FONT: Final = Font(bold=True, color="FFFFFF")
_TOTAL_BORDER: Final = Border(top=Side("thin"), bottom=Side("double"))
_FIRST_ROW: Final = 4  # title, line of facts, headings


def settlement_xlsx(report: DayReport) -> bytes:
    """A workbook of `report`: merchants, channels, and what is suspended or refused; amounts in yuan.

    Texts are always stored as texts, never as formulas. The same report gives the same bytes.
    """
    book = Workbook()
    book.remove(book.worksheets[0])
    _fill(
        book.create_sheet(),
        "商户结算",
        report,
        table.MERCHANT_HEADINGS,
        table.merchant_rows(report),
        labels=4,
    )
    _fill(
        book.create_sheet(), "渠道汇总", report, table.CHANNEL_HEADINGS, table.channel_rows(report), labels=1
    )
    _fill(
        book.create_sheet(), "挂账", report, table.SUSPENDED_HEADINGS, table.suspended_rows(report), labels=1
    )
    _fill(book.create_sheet(), "拒收", report, table.REFUSED_HEADINGS, table.refused_rows(report), labels=1)
    book.properties.creator = "citizencard"
    book.properties.title = f"{table.TITLE} {report.business_date}"
    book.properties.created = _moment(report.business_date)
    text = io.BytesIO()
    book.save(text)
    return stable_xlsx(text.getvalue(), modified=_moment(report.business_date))


def _fill(
    sheet: Worksheet,
    name: str,
    report: DayReport,
    headings: Sequence[str],
    rows: Sequence[Sequence[table.Cell]],
    *,
    labels: int,
) -> None:
    """One sheet: title, facts, headings, rows, and sums of every column after the first `labels`."""
    sheet.title = name
    _put(sheet.cell(1, 1), f"{table.TITLE}（{name}）").font = Font(bold=True, size=14)
    _put(
        sheet.cell(2, 1),
        f"清算日期 {report.business_date}　状态 {table.state_name(report.state)}　摘要 {report.digest[:16]}",
    )
    for column, heading in enumerate(headings, start=1):
        cell = _put(sheet.cell(_FIRST_ROW - 1, column), heading)
        cell.font, cell.fill = _HEADING_FONT, _HEADING_FILL
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    for index, row in enumerate(rows, start=_FIRST_ROW):
        for column, value in enumerate(row, start=1):
            _put(sheet.cell(index, column), value)
    _put_totals(sheet, headings, last=_FIRST_ROW + len(rows) - 1, labels=labels)
    _lay_out(sheet, headings, rows)


def _put_totals(sheet: Worksheet, headings: Sequence[str], *, last: int, labels: int) -> None:
    row = last + 1
    _put(sheet.cell(row, 1), table.TOTAL)
    for column in range(labels + 1, len(headings) + 1):
        letter = get_column_letter(column)
        cell = sheet.cell(row, column)
        cell.value = f"=SUM({letter}{_FIRST_ROW}:{letter}{last})" if last >= _FIRST_ROW else 0
        cell.number_format = _YUAN_FORMAT if "元" in headings[column - 1] else _COUNT_FORMAT
    for column in range(1, len(headings) + 1):
        sheet.cell(row, column).font = Font(bold=True)
        sheet.cell(row, column).border = _TOTAL_BORDER


def _put(cell: Cell | MergedCell, value: table.Cell) -> Cell | MergedCell:
    """Write a value; a text stays a text even when it looks like a formula."""
    if isinstance(value, str):
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)
        cell.data_type = "s"
    else:
        cell.value = value
        cell.number_format = _YUAN_FORMAT if isinstance(value, Decimal) else _COUNT_FORMAT
    return cell


def _lay_out(sheet: Worksheet, headings: Sequence[str], rows: Sequence[Sequence[table.Cell]]) -> None:
    """Columns wide enough for what they hold, headings that stay in sight, one page wide on paper."""
    for column, heading in enumerate(headings, start=1):
        texts = [heading, *(str(row[column - 1]) for row in rows)]
        # A Chinese character is two columns wide.
        width = max(sum(2 if ord(sign) > 0x2E7F else 1 for sign in text) for text in texts)
        sheet.column_dimensions[get_column_letter(column)].width = min(50, max(10, width + 3))
    sheet.freeze_panes = f"A{_FIRST_ROW}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = f"{_FIRST_ROW - 1}:{_FIRST_ROW - 1}"


def _moment(day: date) -> datetime:
    return datetime.combine(day, time())
