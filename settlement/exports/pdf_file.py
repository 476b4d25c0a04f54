"""A report as PDF on A4 across, for the files of the finance office. The font is one that every PDF reader has for Chinese."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from citizencard.core.money import format_yuan
from settlement.exports.document import CREATOR, TOTAL, head, heading, in_documents
from settlement.selectors.reports.frame import Cell, Column, Kind, Report, Section

_FONT: Final = "STSong-Light"
_WIDTH, _HEIGHT = landscape(A4)
_MARGIN: Final = 36
_LINE: Final = 15
_SIZE_MAX: Final = 9
_GAP: Final = 8
_LABEL_MAX: Final = 150
_INK, _GREY, _RULE = 0.1, 0.45, 0.75


def report_pdf(report: Report) -> bytes:
    """The tables of `report` one after the other, headings on every page; amounts in yuan. The same report gives the same bytes."""
    report = in_documents(report)
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    content = io.BytesIO()
    canvas = Canvas(content, pagesize=(_WIDTH, _HEIGHT), invariant=1)
    canvas.setTitle(f"{report.title} {report.period}")
    canvas.setAuthor(CREATOR)
    page = _Page(canvas, report)
    for section in report.sections:
        _draw(page, section)
    page.end()
    canvas.save()
    return content.getvalue()


class _Page:
    """Where the pen stands; a page that is full is followed by another one with the same head."""

    def __init__(self, canvas: Canvas, report: Report) -> None:
        self._canvas = canvas
        self._report = report
        self._number = 1
        self.left = 0.0
        self._begin()

    def room(self, lines: int) -> bool:
        """Whether so many lines fit below."""
        return self.left - lines * _LINE > _MARGIN + _LINE

    def turn(self) -> None:
        """Go on on a new page."""
        self.end()
        self._canvas.showPage()
        self._number += 1
        self._begin()

    def line(self, words: str, size: int = _SIZE_MAX, grey: float = _INK) -> None:
        """A line of its own."""
        self.put(words, _MARGIN, size, grey)
        self.left -= _LINE

    def put(self, words: str, x: float, size: float, grey: float = _INK, *, right: bool = False) -> None:
        """Words beginning at `x`, or ending there."""
        self._canvas.setFillGray(grey)
        self._canvas.setFont(_FONT, size)
        (self._canvas.drawRightString if right else self._canvas.drawString)(x, self.left, words)

    def rule(self, above: float = 0) -> None:
        """A thin line from margin to margin."""
        self._canvas.setStrokeGray(_RULE)
        self._canvas.line(_MARGIN, self.left + above, _WIDTH - _MARGIN, self.left + above)

    def end(self) -> None:
        """The page's number."""
        self._canvas.setFillGray(_GREY)
        self._canvas.setFont(_FONT, 8)
        self._canvas.drawCentredString(_WIDTH / 2, _MARGIN / 2, f"第 {self._number} 页")

    def _begin(self) -> None:
        self.left = _HEIGHT - _MARGIN - 8
        self.line(str(self._report.title), 14)
        self.line(head(self._report), 8, _GREY)
        self.left -= _LINE / 2


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where columns end, or begin where they hold words; the size of the letters."""

    size: float
    columns: Sequence[Column]
    edges: Sequence[float]

    def write(self, page: _Page, cells: Sequence[str], grey: float = _INK) -> None:
        """One row."""
        for column, edge, words in zip(self.columns, self.edges, cells, strict=True):
            page.put(words, edge, self.size, grey, right=column.kind != Kind.TEXT)
        page.left -= _LINE


def _draw(page: _Page, section: Section) -> None:
    titles = [heading(column) for column in section.columns]
    rows = [_words(section.columns, row) for row in section.rows]
    totals = [TOTAL, *_words(section.columns, section.totals)[1:]] if section.is_summed else []
    layout = _lay_out(section.columns, [titles, *rows, *([totals] if totals else [])])
    if not page.room(4):
        page.turn()
    page.line(str(section.title), 11)
    _begin_table(page, layout, titles)
    for row in rows:
        if not page.room(1):
            page.turn()
            _begin_table(page, layout, titles)
        layout.write(page, [_fitting(words, layout.size) for words in row])
    if totals:
        page.rule(above=_LINE - 4)
        layout.write(page, totals)
    if section.note:
        page.line(str(section.note), 8, _GREY)
    page.left -= _LINE


def _begin_table(page: _Page, layout: _Layout, titles: Sequence[str]) -> None:
    layout.write(page, titles, _GREY)
    page.rule(above=_LINE - 4)


def _words(columns: Sequence[Column], row: Sequence[Cell]) -> list[str]:
    return [_shown(column, cell) for column, cell in zip(columns, row, strict=True)]


def _shown(column: Column, cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return "".join(sign for sign in cell if sign.isprintable())
    return format_yuan(cell) if column.kind == Kind.FEN else f"{cell:,}"


def _lay_out(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> _Layout:
    """Each column as wide as its widest cell; letters as large as the page allows."""
    widths = [
        min(_LABEL_MAX, max(pdfmetrics.stringWidth(row[index], _FONT, _SIZE_MAX) for row in rows))
        for index in range(len(columns))
    ]
    free = _WIDTH - 2 * _MARGIN
    scale = min(1.0, free / (sum(widths) + _GAP * len(widths)))
    edges, x = [], float(_MARGIN)
    for column, width in zip(columns, widths, strict=True):
        edges.append(x if column.kind == Kind.TEXT else x + width * scale)
        x += (width + _GAP) * scale
    return _Layout(_SIZE_MAX * scale, columns, edges)


def _fitting(words: str, size: float) -> str:
    """As much of the words as a column holds."""
    limit = _LABEL_MAX * size / _SIZE_MAX
    while words and pdfmetrics.stringWidth(words, _FONT, size) > limit:
        words = words[:-1]
    return words
