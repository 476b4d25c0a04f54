"""A clerk's cash over a day, in a browser with a reader: drawer opened, card topped up, receipt, blind count, taken over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_office_refund import pair, sign_in
from tests.citizencard.bridge.conftest import house
from tests.fixtures_browser import Watched

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from accounts.models import Card
    from citizencard.core.keyservice.client import KeyServiceClient
    from citizencard.core.keyservice.keystore import KeyStore
    from terminals.bridge.sources import SimulatedSource
    from terminals.simulator.chip import Chip
    from tests.citizencard.bridge.house import Desk, House

__all__ = ["house"]

pytestmark = pytest.mark.browser


@dataclass
class Hall:
    """A card with its chip, and a desk with a reader."""

    card: Card
    chip: Chip
    desk: Desk
    reader: SimulatedSource


@pytest.fixture
def city(key_service: KeyServiceClient, house: House, demo_keys: KeyStore, settings: Any) -> Hall:
    """What the clerk finds in the morning, committed so that the server sees it."""
    from citizencard.core.calendar import open_business_day
    from terminals.bridge.sources import SimulatedSource
    from tests.accounts.drawers.till import make_hall
    from tests.citizencard.bridge.house import READER
    from tests.citizencard.city import make_staff
    from tests.fixtures_accounts import TODAY
    from tests.terminals.chips import issued_card

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    open_business_day(TODAY)
    make_staff()
    make_hall()
    card, chip = issued_card(demo_keys)
    reader = SimulatedSource({READER: None})
    return Hall(card, chip, house.pair(reader), reader)


def test_a_clerks_cash_from_float_to_safe(desktop: Watched, city: Hall) -> None:
    from tests.citizencard.bridge.house import READER, wait_for
    from tests.terminals.chips import PIN

    page, card = desktop.page, f"/office/accounts/card/{city.card.pk}/"
    page.set_viewport_size({"width": 1366, "height": 768})
    sign_in(desktop)
    desktop.open("/office/reader/")
    pair(desktop, city)  # type: ignore[arg-type]  # a hall with a desk, as there

    desktop.open(card + "top_up/")
    page.get_by_text("50", exact=True).click()
    page.get_by_role("button", name="充值", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("请先开启钱箱")
    page.get_by_role("link", name="开启钱箱").click()
    page.get_by_label("¥50.00").fill("4")
    page.get_by_role("button", name="开启钱箱").click()
    expect(page.get_by_text("使用中")).to_be_visible()

    with city.desk.running():
        wait_for(city.desk.is_connected)
        city.reader.insert(READER, city.chip)
        desktop.open(card + "top_up/")
        page.get_by_text("50", exact=True).click()
        page.get_by_role("button", name="充值", exact=True).click()
        expect(page.get_by_text("现金已入钱箱")).to_be_visible()
        page.get_by_label("卡密码").fill(PIN)
        expect(page.get_by_text("已放卡")).to_be_visible()
        page.get_by_role("button", name="写卡").click()
        expect(page.get_by_text("已到账")).to_be_visible()
    page.get_by_role("link", name="收据").click()
    expect(page.get_by_role("cell", name="+50.00").first).to_be_visible()

    desktop.open("/office/accounts/drawersession/")
    page.locator("#result_list").get_by_role("link", name="clerk #").click()
    expect(page.get_by_text("250.00")).to_have_count(0)
    page.get_by_role("link", name="点钞关箱").click()
    page.get_by_label("¥50.00").fill("4")
    page.get_by_label("¥20.00").fill("2")
    page.get_by_role("button", name="点钞关箱").click()
    expect(page.get_by_text("−10.00")).to_be_visible()

    page.context.clear_cookies()
    sign_in(desktop, "supervisor")
    desktop.open("/office/accounts/drawercount/")
    page.locator("#result_list").get_by_role("link", name="clerk #").click()
    page.get_by_role("link", name="接收现金").click()
    page.get_by_role("button", name="接收现金").click()
    expect(page.get_by_text("已批准")).to_be_visible()
    desktop.open("/office/accounts/drawersession/")
    page.locator("#result_list").get_by_role("link", name="clerk #").click()
    assert desktop.complaints == []
