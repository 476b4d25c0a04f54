"""Staff with a browser: the officer of each role does the day's work; the theme runs under our policy."""

from __future__ import annotations

import re
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import expect

from tests.citizencard.city import PASSWORD, City
from tests.fixtures_browser import Watched

pytestmark = pytest.mark.browser


def sign_in(window: Watched, name: str) -> None:
    window.open("/office/")
    window.page.locator("#id_username").fill(name)
    window.page.locator("#id_password").fill(PASSWORD)
    window.page.get_by_role("button", name="登录").click()
    expect(window.page.get_by_role("heading", name="总览")).to_be_visible()


def test_finance_reads_and_downloads_the_settlement(desktop: Watched, city: City, tmp_path: Path) -> None:
    sign_in(desktop, "finance")
    page = desktop.page
    page.locator("#nav-sidebar-apps a[href*=clearingrun]").click()
    page.locator("#result_list tbody a").first.click()
    expect(page.get_by_role("cell", name="泉州公交集团").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("XLSX")).click()
    target = tmp_path / "settlement.xlsx"
    download.value.save_as(target)
    cells = {cell for sheet in openpyxl.load_workbook(target) for row in sheet.values for cell in row}
    assert {"泉州公交集团", 45.9} <= cells
    assert desktop.complaints == []


def test_a_clerk_finds_a_card_and_reports_it_lost(window: Watched, city: City) -> None:
    sign_in(window, "clerk")
    window.open(f"/office/accounts/card/?q={city.card.pan}")
    window.page.locator("#result_list tbody a").first.click()
    expect(window.page.get_by_role("heading", name="卡片生命周期")).to_be_visible()
    window.open(f"/office/accounts/card/{city.card.pk}/report_lost/")
    window.page.get_by_label("原因").fill("持卡人电话挂失")
    window.page.locator("[name=kind]").select_option("formal")
    window.page.get_by_role("button", name="挂失", exact=True).click()
    expect(window.page.get_by_text("黑名单版本")).to_be_visible()
    assert window.complaints == []


def test_a_clerks_menu_has_no_finance(desktop: Watched, city: City) -> None:
    sign_in(desktop, "clerk")
    menu = desktop.page.locator("#nav-sidebar-apps")
    expect(menu.get_by_text("卡片", exact=True)).to_be_visible()
    expect(menu.get_by_text("试算平衡表")).to_have_count(0)
