"""A report's files: one set of figures, three formats, the same bytes every time."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import takewhile

import pytest
import time_machine
from django.utils import translation
from openpyxl import load_workbook

from citizencard.core.calendar import SHANGHAI
from citizencard.core.money import format_yuan
from settlement.exports import report_csv, report_pdf, report_xlsx
from settlement.selectors.reports.catalogue import REPORTS
from settlement.selectors.reports.frame import Report, frozen, thawed
from settlement.selectors.reports.scope import Scope
from settlement.services.clearing import clear_day
from terminals.models import Merchant
from tests.settlement.documents import csv_rows, pdf_words, sheet

FORMULAS = ['=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "＝1+1"]
WRITERS = (report_xlsx, report_csv, report_pdf)


def document(day: date) -> Report:
    return REPORTS["day"].document(Scope.day(day))


@pytest.fixture
def report(city: date) -> Report:
    clear_day(day=city)
    return document(city)


def test_csv_has_each_table_under_its_title_and_opens_right_in_spreadsheets(report: Report) -> None:
    document = report_csv(report)
    assert document.startswith(b"\xef\xbb\xbf")
    assert document.count(b"\r\n") == document.count(b"\n")
    rows = csv_rows(document)
    assert rows[0] == ["按商户结算"]
    assert rows[1][:2] == ["代码", "商户"]
    assert [row[0] for row in rows[2:6]] == ["M00001", "M00002", "M00003", "合计"]
    assert rows[3][4:] == ["3", "0", "0.00", "20.74", "0.03", "0.00", "20.71", "1", "5.00"]
    assert rows[5][4:] == ["5", "0", "0.00", "26.24", "0.03", "0.00", "26.21", "2", "11.40"]
    assert rows[6:8] == [[], ["按渠道结算"]]


def test_the_three_files_have_the_same_figures(report: Report) -> None:
    """Every figure of every table: as text in the CSV, as number in the workbook, as printed in the PDF."""
    tables = csv_rows(report_csv(report))
    book, words = report_xlsx(report), pdf_words(report_pdf(report))
    for section in thawed(frozen(report)).sections:
        start = tables.index([str(section.title)]) + 2
        lines = list(takewhile(lambda row: row, tables[start:]))[: len(section.rows)]
        cells = sheet(book, str(section.title)).iter_rows(min_row=4, values_only=True)
        for line, row, drawn in zip(lines, cells, section.rows, strict=False):
            assert [str(each) for each in line] == [
                "" if given is None else f"{Decimal(str(given)):.2f}" if column.kind == "fen" else str(given)
                for column, given in zip(section.columns, row, strict=True)
            ]
            for column, given in zip(section.columns, drawn, strict=True):
                if isinstance(given, int):
                    assert (format_yuan(given) if column.kind == "fen" else f"{given:,}") in words


def test_the_workbook_sums_its_columns_by_formula(report: Report) -> None:
    page = sheet(report_xlsx(report), "按商户结算")
    assert page["A7"].value == "合计"
    assert [page.cell(7, column).value for column in range(4, 14)] == [
        None,
        *(f"=SUM({c}4:{c}6)" for c in "EFGHIJKLM"),
    ]
    assert page["G7"].number_format == "#,##0.00"
    assert page.freeze_panes == "A4"


def test_the_workbook_has_a_sheet_for_each_table(report: Report) -> None:
    document = report_xlsx(report)
    assert load_workbook(io.BytesIO(document)).sheetnames == [
        "按商户结算",
        "按渠道结算",
        "挂账",
        "拒收（按原因）",
    ]
    assert [sheet(document, "挂账").cell(row, 3).value for row in range(4, 8)] == [
        5,
        6.4,
        0.75,
        "=SUM(C4:C6)",
    ]
    assert sheet(document, "拒收（按原因）")["C4"].value == 0  # the total of nothing
    assert "状态 已清算" in sheet(document, "按商户结算")["A2"].value


def test_the_same_report_is_the_same_file_at_any_time(report: Report) -> None:
    with (
        time_machine.travel(datetime(2026, 11, 3, 9, tzinfo=SHANGHAI), tick=False),
        translation.override("zh-hans"),
    ):
        first = [write(document(report.first)) for write in WRITERS]
    with (
        time_machine.travel(datetime(2031, 7, 1, 23, tzinfo=SHANGHAI), tick=False),
        translation.override("en"),
    ):
        assert [write(document(report.first)) for write in WRITERS] == first


@pytest.mark.parametrize("name", FORMULAS)
def test_a_merchants_name_is_never_a_formula(city: date, name: str) -> None:
    Merchant.objects.filter(code="M00001").update(name=name)
    clear_day(day=city)
    report = document(city)
    assert csv_rows(report_csv(report))[2][1] == f"'{name}"
    cell = sheet(report_xlsx(report), "按商户结算")["B4"]
    assert (cell.data_type, cell.value) == ("s", name)
    assert name.strip() in pdf_words(report_pdf(report))


def test_a_name_with_control_characters_or_rare_ones_breaks_no_file(city: date) -> None:
    Merchant.objects.filter(code="M00001").update(name="Shop\x01\x1f𬭚（店）")
    clear_day(day=city)
    report = document(city)
    assert sheet(report_xlsx(report), "按商户结算")["B4"].value == "Shop𬭚（店）"
    assert report_pdf(report).startswith(b"%PDF")


def test_a_long_report_goes_on_on_further_pages(report: Report) -> None:
    merchants = report.sections[0]
    long = replace(report, sections=(replace(merchants, rows=list(merchants.rows) * 40),))
    words = pdf_words(report_pdf(long))
    assert [word for word in words if word.startswith("第 ")] == [f"第 {page} 页" for page in (1, 2, 3, 4, 5)]
    assert words.count("商户") == 5
    assert words.count("M00002") == 40


def test_a_day_without_taps_makes_an_empty_document(db: None) -> None:
    from citizencard.core.calendar import open_business_day

    open_business_day(date(2026, 11, 2))
    clear_day(day=date(2026, 11, 2))
    report = document(date(2026, 11, 2))
    assert csv_rows(report_csv(report))[2] == [
        "合计", "", "", "", "0", "0", "0.00", "0.00", "0.00", "0.00", "0.00", "0", "0.00",
    ]  # fmt: skip
    assert sheet(report_xlsx(report), "按商户结算")["E4"].value == 0
    assert "合计" in pdf_words(report_pdf(report))
