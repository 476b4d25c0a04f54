"""Finance reports in the office: who sees which, in how many queries, from a number down to its transfers, and as files."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from citizencard.core.models import AuditEntry
from settlement.exports import report_csv
from settlement.models import MonthClose
from settlement.selectors.reports.catalogue import REPORTS, Readers
from settlement.selectors.reports.scope import Scope
from terminals.models import Merchant
from tests.citizencard.city import PASSWORD, make_staff
from tests.settlement.documents import csv_rows
from tests.settlement.month import MONTH, reconcile, traded_month

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_quick_passwords")]
SignIn = Callable[[str], Client]
QUERIES_MAX = 10
READER = re.compile(r"django_session|accounts_user|django_content_type|SAVEPOINT")
OPERATIONS = {code for code, kind in REPORTS.items() if kind.readers == Readers.OPERATIONS}


@pytest.fixture
def finance(as_staff: SignIn) -> Client:
    """A member of finance, after a month with trade; `second` is another one."""
    make_staff()
    second = User.objects.create_user(username="second", password=PASSWORD, is_staff=True)
    second.groups.set(Group.objects.filter(name="finance"))
    traded_month()
    return as_staff("finance")


def terms(code: str) -> str:
    period = "day=2026-11-30" if code in ("day", "statement") else "month=2026-11"
    return f"?{period}&merchant=M00001" if code in ("merchant", "statement") else f"?{period}"


def page(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.content.decode()


def test_each_role_sees_exactly_its_reports(finance: Client, as_staff: SignIn) -> None:
    seen = {"clerk": set(), "supervisor": OPERATIONS, "finance": set(REPORTS), "auditor": set(REPORTS)}
    for role, codes in seen.items():
        client = as_staff(role)
        statuses = {code: client.get(f"/office/reports/{code}/{terms(code)}").status_code for code in REPORTS}
        assert statuses == {code: 200 if code in codes else 403 for code in REPORTS}, role
        files = client.get("/office/reports/kpi/csv/?month=2026-11").status_code
        assert files == (200 if role in ("finance", "auditor") else 403)
        index = client.get("/office/reports/")
        assert index.status_code == (200 if codes else 403)
        listed = set(re.findall(r"/office/reports/([a-z-]+)/\?month=2026-11", index.content.decode()))
        assert listed == {code for code in codes if REPORTS[code].listed}


def test_a_page_takes_few_queries(finance: Client) -> None:
    """Beside those by which any page of the office knows its reader."""
    for code in REPORTS:
        page(finance, f"/office/reports/{code}/{terms(code)}")
        with CaptureQueriesContext(connection) as seen:
            page(finance, f"/office/reports/{code}/{terms(code)}")
        own = [each["sql"] for each in seen.captured_queries if not READER.search(each["sql"])]
        assert 0 < len(own) <= QUERIES_MAX, code


def test_one_clicks_from_the_month_down_to_the_transfers(finance: Client) -> None:
    """Line → its days → the merchants of a day → the statement → the account with its transfers."""
    here = "/office/reports/lines/?month=2026-11"
    for words in ("K1", "2026-11-30", "M00001", "消费"):
        found = re.search(rf'<a href="([^"]+)">{words}</a>', page(finance, here))
        assert found is not None, (here, words)
        here = unescape(found[1])
    assert "200.00" in page(finance, here)
    day = re.search(
        r'<a href="([^"]+)">2026-11-29</a>', page(finance, "/office/reports/month/?month=2026-11")
    )
    assert day is not None
    assert "100.00" in page(finance, day[1])


@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf"])
def test_a_file_is_the_report_and_who_took_it_is_known(finance: Client, form: str) -> None:
    answer = finance.get(f"/office/reports/lines/{form}/?month=2026-11")
    assert answer["Content-Disposition"] == f'attachment; filename="lines-2026-11.{form}"'
    entry = AuditEntry.objects.get(action="settlement.download")
    assert (entry.actor, entry.subject) == ("finance", "report:lines:2026-11")
    assert entry.detail == {"format": form}
    if form == "csv":
        assert answer.content == report_csv(REPORTS["lines"].document(Scope.month(MONTH)))
        assert csv_rows(answer.content)[1][:2] == ["K1", "K1路"]


@pytest.mark.parametrize(
    "asked",
    ["month=2026-13", "month=x", "day=2026-02-30", "month=2026-11&until=soon", "month=9999-12", "month=0001-01"],
)  # fmt: skip
def test_what_is_no_period_is_not_there(finance: Client, asked: str) -> None:
    assert finance.get(f"/office/reports/month/?{asked}").status_code in (200, 404)
    assert finance.get("/office/reports/month/doc/?month=2026-11").status_code == 404
    assert finance.get("/office/reports/nothing/").status_code == 404
    assert finance.get("/office/reports/merchant/?month=2026-11&merchant=%00'").status_code == 404


def test_a_name_is_text_on_the_page_and_no_header(finance: Client) -> None:
    Merchant.objects.filter(code="M00001").update(name="<script>alert(1)</script>")
    assert "<script>alert" not in page(finance, "/office/reports/merchants/?month=2026-11")
    answer = finance.get("/office/reports/month/csv/", {"month": "2026-11", "line": 'K1"\r\nX: 1'})
    assert answer["Content-Disposition"] == 'attachment; filename="month-K1___X__1-2026-11.csv"'


def test_a_month_is_drawn_day_by_day_and_long_tables_have_pages(
    finance: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page(finance, "/office/reports/month/?month=2026-11").count('class="accepted"') == 2
    monkeypatch.setattr("citizencard.office.report_tables.ROWS", 1)
    first = page(finance, "/office/reports/merchants/?month=2026-11")
    assert "M00001" in first
    assert "M00002" not in first
    assert "306.00" in first  # the total is of all
    assert "M00002" in page(finance, "/office/reports/merchants/?month=2026-11&page=2")


def test_a_month_is_closed_by_two_and_says_so(finance: Client, as_staff: SignIn) -> None:
    form = {"month": "2026-11"}
    proposed = reverse("admin:settlement_monthclose_propose")
    assert "2026-11-29 无备付金日报" in finance.post(proposed, form).content.decode()
    reconcile()
    assert finance.post(proposed, form).status_code == 302
    close = MonthClose.objects.get()
    step = reverse("admin:settlement_monthclose_approve", args=[close.pk])
    assert "以外的人" in finance.post(step).content.decode()
    assert as_staff("auditor").post(step).status_code == 403
    as_staff("second").post(step)
    close.refresh_from_db()
    assert close.state == "closed"
    kept = bytes(close.reports.get(code="month").digest).hex()
    assert kept in page(finance, reverse("admin:settlement_monthclose_change", args=[close.pk]))
    assert "本月已月结" in page(finance, "/office/reports/month/?month=2026-11")
    before = finance.get("/office/reports/merchants/csv/?month=2026-11").content
    Merchant.objects.filter(code="M00001").update(name="新名")
    assert finance.get("/office/reports/merchants/csv/?month=2026-11").content == before
