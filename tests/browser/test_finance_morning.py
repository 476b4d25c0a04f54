"""The finance officer's morning: what is open, what goes out, what the bank says, and the date is done."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from playwright.sync_api import expect

from tests.citizencard.city import PASSWORD, City
from tests.fixtures_browser import Watched

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.keyservice.keystore import KeyStore

pytestmark = pytest.mark.browser
SECOND = "li"


@pytest.fixture
def city(transactional_db: None, demo_keys: KeyStore, settings: Any) -> City:
    """The city of the other tests, whose merchants can be paid, and a second officer."""
    from django.contrib.auth.models import Group

    from accounts.models import User
    from citizencard.office.roles import FINANCE
    from tests.citizencard.city import PLACES, found_city
    from tests.settlement.bank.bank import give_account, name_sources, one_approval_is_enough
    from tests.settlement.rules import calendar, in_force

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    city = found_city(demo_keys)
    User.objects.create_user(username=SECOND, password=PASSWORD, is_staff=True).groups.set(
        Group.objects.filter(name=FINANCE)
    )
    from django.utils import timezone

    for year in sorted({city.cleared.year, timezone.localdate().year}):
        in_force(calendar(year), "calendar")
    for code, *_ in PLACES:
        give_account(code)
    one_approval_is_enough()
    name_sources()
    return city


class Officer:
    """Somebody at the desk; the pages are looked at where SHOTS names a folder."""

    def __init__(self, window: Watched, name: str) -> None:
        self.window, self.page = window, window.page
        window.page.context.clear_cookies()
        window.open("/office/")
        self.page.locator("#id_username").fill(name)
        self.page.locator("#id_password").fill(PASSWORD)
        self.page.get_by_role("button", name="登录").click()
        expect(self.page.get_by_role("heading", name="待办")).to_be_visible()

    def look(self, name: str) -> None:
        if folder := os.environ.get("SHOTS"):
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)

    def step(self, path: str, button: str, **given: str) -> None:
        """Fill in the form of a step and send it."""
        self.window.open(f"/office/settlement/{path}/")
        for field, value in given.items():
            self.page.locator(f"[name={field}]").fill(value)
        self.page.get_by_role("button", name=button, exact=True).click()
        self.page.wait_for_load_state("networkidle")


def test_the_finance_officers_morning(desktop: Watched, city: City, tmp_path: Path) -> None:
    from citizencard.sandbox.bank import Booking
    from settlement.models import PayoutBatch, ReserveReport
    from tests.settlement.bank.bank import debits, statement

    page, day = desktop.page, city.cleared.isoformat()

    # What the night left to people.
    wang = Officer(desktop, "finance")
    wang.look("1-overview")
    page.get_by_text("对账差异").first.click()
    expect(page.locator("#result_list").get_by_text("拒收：TAC 错误").first).to_be_visible()
    wang.look("2-differences")

    # The date's figures, to take away.
    desktop.open(f"/office/settlement/clearingrun/{day}/change/")
    wang.look("3-run")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("XLSX")).click()
    download.value.save_as(tmp_path / "settlement.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "settlement.xlsx").worksheets[0]
    assert any(str(cell).startswith("=SUM(") for row in sheet.values for cell in row)

    # One proposes what goes out, another agrees, and the first sends it.
    wang.step("payoutbatch/make", "生成批次", day=day)
    batch = PayoutBatch.objects.get()
    wang.look("4-batch")
    here = f"payoutbatch/{batch.pk}"
    wang.step(f"{here}/propose", "提交")
    Officer(desktop, SECOND).step(f"{here}/approve", "批准")
    wang = Officer(desktop, "finance")
    wang.step(f"{here}/send", "发送")
    desktop.open(f"/office/settlement/{here}/change/")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("pain.001")).click()
    download.value.save_as(tmp_path / "order.xml")
    wang.look("5-sent")

    # The bank answers: a file cut short is refused with its reason and leaves nothing; the whole one is taken.
    told = statement([Booking(20_000, reference="CASH-1"), *debits(batch)], day=city.cleared)
    for name, content in (("cut.xml", told[:-300]), ("statement.xml", told)):
        desktop.open("/office/settlement/bankstatement/take/")
        file = {"name": name, "mimeType": "application/xml", "buffer": content}
        page.locator("input[type=file]").set_input_files(file)
        page.locator("[name=take]").check()
        page.get_by_role("button", name="导入文件", exact=True).click()
        page.wait_for_load_state("networkidle")
        wang.look(f"6-{name}")
    batch.refresh_from_db()
    assert batch.state == PayoutBatch.State.SETTLED

    # Bank and books agree to the fen: the date is done.
    wang.step("reservereport/check_day", "核对某日", day=day)
    wang.look("7-reserve")
    assert ReserveReport.objects.get().business_date == city.cleared
    assert desktop.complaints == []
