"""What the three kinds of file have in common: words in the language of documents, amounts in yuan, the lines above the tables."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal
from typing import Final

from citizencard.core.money import YUAN_FEN
from settlement.selectors.reports.frame import Cell, Column, Kind, Report, Section, frozen, thawed

TOTAL: Final = "合计"
CREATOR: Final = "citizencard"
_CENT: Final = Decimal("0.01")
_YUAN: Final = "（元）"


def in_documents(report: Report) -> Report:
    """The report as it stands in files, in their language; what was frozen stays as it is."""
    return thawed(frozen(report))


def heading(column: Column) -> str:
    """A column's title; amounts say that they are yuan."""
    return f"{column.title}{_YUAN}" if column.kind == Kind.FEN else str(column.title)


def value(column: Column, cell: Cell) -> str | int | Decimal:
    """What stands in a cell: fen as yuan with exactly two decimals, nothing as an empty text."""
    if cell is None:
        return ""
    if column.kind == Kind.FEN:
        return (Decimal(cell) / YUAN_FEN).quantize(_CENT)
    return cell


def total_row(section: Section) -> list[str | int | Decimal]:
    """The last row: the word for it, and the sums."""
    pairs = zip(section.columns, section.totals, strict=True)
    cells = [value(column, total) for column, total in pairs]
    return [TOTAL, *cells[1:]]


def head(report: Report) -> str:
    """One line of facts: the period, up to which date, and what else the report says of itself."""
    facts = [
        ("期间", report.period),
        ("数据截至", report.as_of.isoformat() if report.as_of else "—"),
        *report.facts,
    ]
    return "　".join(f"{name} {words}" for name, words in facts)


def moment(report: Report) -> datetime:
    """The only time in a file: the period's last date."""
    return datetime.combine(report.last, time())
