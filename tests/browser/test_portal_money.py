"""A citizen with a phone and money: paying at the gateway without JavaScript, and every page about money readable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.test_portal import CONTRAST, FITS, UNNAMED
from tests.citizencard.sandbox.test_sandbox import free_port, start_sandbox
from tests.fixtures_browser import DESKTOP, PHONE, Watched

if TYPE_CHECKING:  # pytest loads this file before Django knows its apps
    from citizencard.core.keyservice.client import KeyServiceClient
    from tests.citizencard.portal.household import Resident

pytestmark = pytest.mark.browser
PAGES = ("/", "/family/", "/notices/")
CARD_PAGES = ("online", "top-up", "automatic", "passes", "refund")


@pytest.fixture
def lin(key_service: KeyServiceClient, transactional_db: None, settings: Any) -> Resident:
    """A citizen with 300 yuan online, committed so that the server sees it."""
    from citizencard.core.calendar import open_business_day
    from tests.citizencard.portal.household import publish_rules, resident
    from tests.fixtures_accounts import TODAY

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    open_business_day(TODAY)
    lin = resident("林美玲", publish_rules())
    lin.give_money(30_000)
    return lin


@pytest.fixture
def gateway(live_server: LiveServer, settings: Any) -> Iterator[str]:
    """The sandbox gateway, calling the live server back."""
    port = free_port()
    settings.GATEWAY_URL = f"http://127.0.0.1:{port}"
    process = start_sandbox(port, f"{live_server.url}/api/v1/gateway/webhook")
    yield settings.GATEWAY_URL
    process.terminate()
    process.wait(10)


def signed_in(chromium: Browser, live_server: LiveServer, lin: Resident, **options: Any) -> Page:
    """A Chinese reader's window with the citizen's session."""
    context = chromium.new_context(locale="zh-CN", timezone_id="Asia/Shanghai", **options)
    session = lin.client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    return context.new_page()


def test_top_up_pay_and_come_back_without_javascript(
    chromium: Browser, live_server: LiveServer, lin: Resident, gateway: str
) -> None:
    page = signed_in(chromium, live_server, lin, viewport=PHONE, java_script_enabled=False)
    page.goto(live_server.url)
    page.get_by_role("link", name="充值", exact=True).click()
    page.get_by_label("联机账户").check()
    page.get_by_label("金额（元）").fill("1000.01")
    page.get_by_role("button", name="去付款").click()
    expect(page.locator(".field-error").first).to_contain_text("1,000.00")
    page.get_by_label("金额（元）").fill("66.60")
    page.get_by_role("button", name="去付款").click()
    order = page.url
    page.get_by_role("link", name="立即付款").click()
    assert page.url.startswith(gateway)
    page.get_by_role("button", name="支付 Pay").click()
    page.get_by_role("link", name="返回市民卡").click()
    expect(page.get_by_role("heading", name="您好")).to_be_visible()
    page.goto(order)
    expect(page.get_by_role("status")).to_have_text("充值成功，款项已到账。", timeout=15_000)
    page.goto(live_server.url)
    expect(page.locator(".account-amount")).to_have_text("¥366.60")
    page.context.close()


def test_agreeing_to_automatic_top_up_and_stopping_it(
    chromium: Browser, live_server: LiveServer, lin: Resident, gateway: str
) -> None:
    page = signed_in(chromium, live_server, lin, viewport=PHONE)
    page.goto(f"{live_server.url}/cards/{lin.card.pk}/automatic/")
    page.get_by_label("联机账户").check()
    for label, amount in (("余额低于", "30"), ("每次充值", "50"), ("每日最多", "100"), ("每月最多", "300")):
        page.get_by_label(label).fill(amount)
    page.get_by_role("button", name="去银行授权").click()
    page.get_by_role("link", name="去银行页面授权").click()
    page.get_by_role("button", name="同意并授权").click()
    page.goto(f"{live_server.url}/cards/{lin.card.pk}/automatic/")
    page.get_by_role("button", name="我已授权").click()
    expect(page.get_by_role("heading", name="联机账户 · 正常")).to_be_visible()
    page.get_by_role("button", name="立即停止").click()
    expect(page.get_by_role("heading", name="联机账户 · 正常")).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_every_page_about_money_is_readable(
    chromium: Browser,
    live_server: LiveServer,
    lin: Resident,
    dark: bool,
    large: bool,
    size: dict[str, int],
) -> None:
    page = signed_in(chromium, live_server, lin, viewport=size, color_scheme="dark" if dark else "light")
    window = Watched(page, live_server.url)
    if large:
        page.context.add_cookies([{"name": "text_size", "value": "large", "url": live_server.url}])
    for path in (*PAGES, *(f"/cards/{lin.card.pk}/{name}/" for name in CARD_PAGES)):
        window.open(path)
        assert [page.evaluate(check) for check in (CONTRAST, UNNAMED, FITS)] == [[], [], True], path
    page.context.close()
    assert window.complaints == []
