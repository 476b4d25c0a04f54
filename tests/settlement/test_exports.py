"""The settlement document: one set of figures, two file formats, the same bytes every time."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from django.utils import translation
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from settlement.exports import settlement_csv, settlement_xlsx
from settlement.selectors.figures import DayReport, RefusalLine
from settlement.selectors.reports import day_report
from settlement.services.clearing import clear_day
from terminals.models import Merchant

FORMULAS = ['=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "＝1+1"]


@pytest.fixture
def report(city: date) -> DayReport:
    clear_day(day=city)
    return day_report(city)


def csv_rows(document: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(document.decode("utf-8-sig"), newline="")))


def sheet(document: bytes, name: str) -> Worksheet:
    found = load_workbook(io.BytesIO(document))[name]
    assert isinstance(found, Worksheet)
    return found


def test_csv_has_a_row_per_merchant_and_the_total(report: DayReport) -> None:
    rows = csv_rows(settlement_csv(report))
    assert rows[0][:2] == ["商户编号", "商户名称"]
    assert [row[0] for row in rows[1:]] == ["M00001", "M00002", "M00003", "合计"]
    assert rows[2][4:] == ["3", "0", "0.00", "20.74", "0.03", "0.00", "20.71", "1", "5.00"]
    assert rows[-1][4:] == ["5", "0", "0.00", "26.24", "0.03", "0.00", "26.21", "2", "11.40"]


def test_csv_opens_right_in_spreadsheets(report: DayReport) -> None:
    document = settlement_csv(report)
    assert document.startswith(b"\xef\xbb\xbf")
    assert document.count(b"\r\n") == document.count(b"\n") == 5


def test_workbook_and_csv_have_the_same_figures(report: DayReport) -> None:
    page = sheet(settlement_xlsx(report), "商户结算")
    cells = [[str(value) for value in row] for row in page.iter_rows(min_row=4, max_row=6, values_only=True)]
    expected = [
        row[:3] + [str(Decimal(cell).normalize()) for cell in row[3:]]
        for row in csv_rows(settlement_csv(report))[1:-1]
    ]
    assert [row[:3] + [str(Decimal(cell).normalize()) for cell in row[3:]] for row in cells] == expected


def test_workbook_sums_its_columns_by_formula(report: DayReport) -> None:
    page = sheet(settlement_xlsx(report), "商户结算")
    assert page["A7"].value == "合计"
    assert [page.cell(7, column).value for column in range(5, 14)] == [
        f"=SUM({c}4:{c}6)" for c in "EFGHIJKLM"
    ]
    assert page["G7"].number_format == "#,##0.00"
    assert page.freeze_panes == "A4"


def test_workbook_shows_channels_suspense_and_refusals(report: DayReport) -> None:
    document = settlement_xlsx(report)
    assert load_workbook(io.BytesIO(document)).sheetnames == ["商户结算", "渠道汇总", "挂账", "拒收"]
    assert [sheet(document, "挂账").cell(row, 3).value for row in range(4, 8)] == [
        5,
        6.4,
        0.75,
        "=SUM(C4:C6)",
    ]
    assert sheet(document, "拒收")["B4"].value == 0  # the total of nothing


def test_workbook_says_state_and_reasons_in_words(report: DayReport) -> None:
    document = settlement_xlsx(replace(report, refusals=[RefusalLine("bad_tac", 2)]))
    assert (sheet(document, "拒收")["A4"].value, sheet(document, "拒收")["B4"].value) == ("交易验证码错误", 2)
    assert "状态 已清算" in sheet(document, "商户结算")["A2"].value


def test_the_same_report_is_the_same_file_at_any_time(report: DayReport) -> None:
    first = settlement_xlsx(report), settlement_csv(report)
    time.sleep(2.1)  # a zip archive counts time in steps of two seconds
    with translation.override("en"):
        assert (settlement_xlsx(report), settlement_csv(report)) == first


@pytest.mark.parametrize("name", FORMULAS)
def test_a_merchants_name_is_never_a_formula(city: date, name: str) -> None:
    Merchant.objects.filter(code="M00001").update(name=name)
    clear_day(day=city)
    report = day_report(city)

    assert csv_rows(settlement_csv(report))[1][1] == f"'{name}"
    cell = sheet(settlement_xlsx(report), "商户结算")["B4"]
    assert (cell.data_type, cell.value) == ("s", name)


def test_a_name_with_control_characters_does_not_break_the_workbook(city: date) -> None:
    Merchant.objects.filter(code="M00001").update(name="Shop\x01\x1f")
    clear_day(day=city)
    assert sheet(settlement_xlsx(day_report(city)), "商户结算")["B4"].value == "Shop"


def test_a_day_without_taps_makes_an_empty_document(db: None) -> None:
    from citizencard.core.calendar import open_business_day

    open_business_day(date(2026, 11, 2))
    clear_day(day=date(2026, 11, 2))
    report = day_report(date(2026, 11, 2))
    assert csv_rows(settlement_csv(report))[1] == [
        "合计",
        "",
        "",
        "",
        "0",
        "0",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "0",
        "0.00",
    ]
    assert sheet(settlement_xlsx(report), "商户结算")["E4"].value == 0
