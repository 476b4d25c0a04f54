"""A report as tables of a page, each row with its way down to what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from citizencard.office.tables import Table, columns, yuan
from settlement.selectors.reports.frame import Cell, Column, Kind, Lead, Report, Section

ROWS: Final = 200
"""So many rows a page; files have them all."""
_LISTS: Final[Mapping[str, str]] = {
    "accounts": "accounts_ledgeraccount",
    "suspense": "settlement_suspenseitem",
}
_PAGES: Final[Mapping[str, tuple[str, str]]] = {
    "day": ("settlement_clearingrun", "day"),
    "account": ("accounts_ledgeraccount", "account"),
    "reserve-day": ("settlement_reservereport", "day"),
}
"""Ways down that lead to the page of an object, and which term is its key."""


def report_tables(report: Report, *, page: int = 1) -> list[Table]:
    """Every table of the report; of long ones the rows of one page, the totals always of all."""
    return [_table(section, page) for section in report.sections]


def pages(report: Report) -> int:
    """How many pages the longest table has."""
    return max(1, *(-(-len(section.rows) // ROWS) for section in report.sections))


def way_down(lead: Lead) -> str:
    """Where a lead leads."""
    terms = dict(lead.terms)
    if lead.report in _LISTS:
        return f"{reverse(f'admin:{_LISTS[lead.report]}_changelist')}?{urlencode(terms)}"
    if lead.report in _PAGES:
        model, key = _PAGES[lead.report]
        url = reverse(f"admin:{model}_change", args=[terms.pop(key)])
        return f"{url}?{urlencode(terms)}" if terms else url
    return f"{reverse('admin:report', args=[lead.report])}?{urlencode(terms)}"


def _table(section: Section, page: int) -> Table:
    shown = range(len(section.rows))[(page - 1) * ROWS : page * ROWS]
    return Table(
        title=section.title,
        headers=[column.title for column in section.columns],
        rows=[_row(section, index) for index in shown],
        numeric=columns(*(index for index, column in enumerate(section.columns) if column.kind != Kind.TEXT)),
        total=_total(section) if section.is_summed and section.rows else (),
        note=section.note,
    )


def _row(section: Section, index: int) -> list[str | SafeString]:
    cells: list[str | SafeString] = _cells(section, section.rows[index])
    if section.leads:
        cells[0] = format_html('<a href="{}">{}</a>', way_down(section.leads[index]), cells[0])
    return cells


def _total(section: Section) -> list[str | SafeString]:
    return [_("Total"), *_cells(section, section.totals)[1:]]


def _cells(section: Section, row: tuple[Cell, ...]) -> list[str | SafeString]:
    return [_shown(column, cell) for column, cell in zip(section.columns, row, strict=True)]


def _shown(column: Column, cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    return yuan(cell) if column.kind == Kind.FEN else f"{cell:,}"
